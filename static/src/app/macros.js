/* Fields with macros in braces: "{" opens the list of them, and what is typed on narrows it. */
import { announce, element, on } from "./dom.js";

const source = document.getElementById("macros");

if (source) {
  const known = Object.entries(JSON.parse(source.textContent));
  const list = element("ul", { class: "g-picks", id: "macro-list", role: "listbox", popover: "manual", "aria-label": "Macros" });
  let field = null, found = [], chosen = 0;

  /* The macro that is being typed before the cursor, without its brace; null where none is. */
  const typed = (input) => input.value.slice(0, input.selectionStart).match(/\{([a-z0-9_]*)$/i)?.[1].toLowerCase() ?? null;

  function mark(at) {
    const rows = [...list.children];
    chosen = (at + rows.length) % rows.length;
    rows.forEach((row, index) => row.setAttribute("aria-selected", String(index === chosen)));
    field.setAttribute("aria-activedescendant", rows[chosen].id);
    rows[chosen].scrollIntoView({ block: "nearest" });
  }

  function close() {
    if (!field) return;
    list.hidePopover();
    field.removeAttribute("aria-activedescendant");
    field = null;
    found = [];
  }

  function show(input) {
    const text = typed(input);
    found = text === null ? [] : known.filter(([name]) => name.includes(text)).sort((one, other) => other[0].startsWith(text) - one[0].startsWith(text));
    if (!found.length) return close();
    field = input;
    list.replaceChildren(...found.map(([name, words], at) => element("li", { role: "option", id: `macro-${at}`, "aria-selected": "false" }, element("span", { class: "g-mono" }, name), element("small", { class: "g-end g-clip" }, words))));
    list.showPopover();
    const at = input.getBoundingClientRect(), below = innerHeight - at.bottom - 12, up = below < 180;
    list.style.width = `${Math.min(at.width, 520)}px`;
    list.style.left = `${at.left}px`;
    list.style.maxHeight = `${Math.min(260, up ? at.top - 12 : below)}px`;
    list.style.top = up ? "auto" : `${at.bottom + 4}px`;
    list.style.bottom = up ? `${innerHeight - at.top + 4}px` : "auto";
    mark(0);
    announce(`${found.length} macros`);
  }

  function take(name) {
    const input = field, end = input.selectionStart, start = end - typed(input).length;
    const rest = input.value[end] === "}" ? "" : "}";
    input.setRangeText(name + rest, start, end, "end");
    if (!rest) input.selectionStart = input.selectionEnd = input.selectionStart + 1;
    close();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  }

  document.body.append(list);
  on("input", "[data-macros]", (_, input) => show(input));
  on("focusout", "[data-macros]", close);
  on("keydown", "[data-macros]", (event) => {
    if (!field) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) mark(chosen + step);
    else if (event.key === "Enter" || event.key === "Tab") take(found[chosen][0]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row && field) take(found[Number(row.id.slice(6))][0]);
  });
  addEventListener("scroll", (event) => event.target !== list && close(), { capture: true, passive: true });
}
