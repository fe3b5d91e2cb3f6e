/* The few words the other files share. */

/* Listen once on the page for events on what matches a selector, now and after every swap. */
export function on(type, selector, listener) {
  document.addEventListener(type, (event) => {
    const found = event.target.closest?.(selector);
    if (found) listener(event, found);
  });
}

/* Do something to what matches a selector: now, and to what HTMX brings later. */
export function each(selector, work) {
  const look = (root) => {
    if (root.matches?.(selector)) work(root);
    root.querySelectorAll?.(selector).forEach(work);
  };
  look(document);
  document.addEventListener("htmx:load", (event) => event.target !== document.body && look(event.target));
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.body.dataset.icons}#i-${name}`);
  svg.append(use);
  return svg;
}

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/* Say something to who can't see the change. */
export function announce(text) {
  const live = document.getElementById("live");
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
}

export const typing = (target) => target.matches?.("input, textarea, select, [contenteditable]");

/* Storage may be forbidden; the page works without it. */
export function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {}
}
