/* The search dialog: pages of the menu by their names, what the server finds, and the lists to search on in. */
import { element, icon } from "./dom.js";

const dialog = document.getElementById("search");

if (dialog) {
  const input = dialog.querySelector("input"), list = dialog.querySelector("[role=listbox]");
  const lists = [...list.children];
  const pages = [...document.querySelectorAll("#side .g-nav[aria-label=Project] a")].map((link) => {
    const group = link.closest("ul")?.previousElementSibling?.textContent.trim();
    const row = element("li", { role: "option", "data-href": link.href }, icon("corner-down-right"), element("span", {}, link.textContent.trim()));
    if (group) row.append(element("small", { class: "g-end g-3rd" }, group));
    return row;
  });
  const seen = new Set();
  const own = pages.filter((row) => !seen.has(row.dataset.href) && seen.add(row.dataset.href));
  let chosen = 0, hits = [], timer, asked;

  function mark(index) {
    const rows = [...list.children];
    chosen = rows.length ? (index + rows.length) % rows.length : 0;
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === chosen)));
    input.setAttribute("aria-activedescendant", rows[chosen]?.id || "");
    rows[chosen]?.scrollIntoView({ block: "nearest" });
  }

  function show() {
    const text = input.value.trim(), wanted = text.toLowerCase();
    const found = own.filter((row) => row.textContent.toLowerCase().includes(wanted));
    for (const row of lists) row.querySelector("span").textContent = `${row.dataset.words} “${text}”`;
    list.replaceChildren(...found, ...(text ? [...hits, ...lists] : []));
    [...list.children].forEach((row, at) => (row.id = `search-${at}`));
    mark(0);
  }

  /* A later letter overtakes an earlier answer. */
  async function ask() {
    const text = input.value.trim();
    asked?.abort();
    if (text.length < 2 || !list.dataset.url) return void (hits = []);
    asked = new AbortController();
    try {
      const answer = await fetch(`${list.dataset.url}?q=${encodeURIComponent(text)}`, { signal: asked.signal, headers: { "HX-Request": "true" } });
      const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
      hits = [...page.querySelectorAll("li[role=option][data-href]")];
      show();
    } catch {}  // the pages and lists are still there
  }

  function go(row) {
    if (!row) return;
    const query = row.dataset.href.endsWith("?q=") ? encodeURIComponent(input.value.trim()) : "";
    location.assign(row.dataset.href + query);
  }

  input.addEventListener("input", () => {
    show();
    clearTimeout(timer);
    timer = setTimeout(ask, 160);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) mark(chosen + step);
    else if (event.key === "Enter") go(list.children[chosen]);
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => go(event.target.closest("li")));
  dialog.addEventListener("close", () => {
    input.value = "";
    hits = [];
  });
  new MutationObserver(() => dialog.open && (show(), input.focus())).observe(dialog, { attributeFilter: ["open"] });
}
