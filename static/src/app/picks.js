/* Fields that offer what the project really sends: events, properties, values. One list for all of them. */
import { announce, element, on } from "./dom.js";

const WAIT = 140;
const compact = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumFractionDigits: 1 });
const list = element("ul", { class: "g-picks", id: "picks", role: "listbox", popover: "manual", "aria-label": "Suggestions" });
const known = new Map();
let field = null, options = [], chosen = -1, before = "", timer, asking;

/* What a field says, in the words of the address: "Any event" is "*". */
export function picked(input) {
  const said = input.value.trim();
  return said && said === input.dataset.title ? input.dataset.name : said;
}

function eventOf(input) {
  const row = input.closest("[data-row]")?.querySelector("[data-pick=event]");
  const other = input.dataset.eventOf && input.form.querySelector(`[data-part="${CSS.escape(input.dataset.eventOf)}"] [data-pick=event]`);
  return row || other ? picked(row || other) : "";
}

function address(input, typed) {
  const { names, properties, values } = input.form.dataset;
  const query = new URLSearchParams({ q: typed });
  if (input.dataset.pick === "event") return `${names}?${query}`;
  query.set("event", eventOf(input));
  if (input.dataset.pick === "property") return `${properties}?${query}`;
  query.set("property", input.closest("[data-condition]").querySelector("[data-pick=property]").value.trim());
  return `${values}?${query}`;
}

/* A later letter overtakes an earlier answer. */
async function ask(input, typed) {
  const url = address(input, typed);
  asking?.abort();
  if (!known.has(url)) {
    asking = new AbortController();
    try {
      const answer = await fetch(url, { signal: asking.signal, headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      known.set(url, (await answer.json()).names);
    } catch {
      return;  // what is typed counts as well
    }
  }
  if (field === input) show(known.get(url), typed);
}

function side(one) {
  if (one.events !== undefined) return compact.format(one.events);
  if (one.share !== undefined) return `${one.kind}, ${Math.round(one.share * 100)}%`;
  return "";
}

function head(one) {
  if (field.dataset.pick !== "property") return "";
  return one.name.startsWith("context.") ? "Of the device and the page" : one.name.startsWith("person.") ? "Of the person" : "Of the event";
}

function show(found, typed) {
  const rows = [...found];
  if (typed && field.dataset.pick !== "event" && !rows.some((one) => one.name === typed)) rows.splice(field.dataset.pick === "value" ? 0 : rows.length, 0, { name: typed, typed: true });
  options = rows;
  let last = "";
  list.replaceChildren();
  rows.forEach((one, at) => {
    const over = head(one);
    if (over && over !== last && !one.typed) list.append(element("li", { role: "presentation", class: "is-head" }, over));
    last = over;
    const row = element("li", { role: "option", id: `pick-${at}`, "aria-selected": "false" }, element("span", { class: "g-clip" }, one.title || one.name));
    const said = one.typed ? "as typed" : side(one);
    if (said) row.append(element("small", { class: "g-end" }, said));
    list.append(row);
  });
  if (!rows.length) return close();
  list.showPopover();
  place();
  field.setAttribute("aria-expanded", "true");
  mark(typed ? 0 : -1);
  announce(`${rows.length} suggestions`);
}

function place() {
  const at = (field.closest(".g-tokens") || field).getBoundingClientRect();
  const width = Math.min(Math.max(at.width, 260), innerWidth - 16);
  list.style.width = `${width}px`;
  list.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  const below = innerHeight - at.bottom - 16, above = at.top - 16;
  const up = below < 180 && above > below;
  list.style.maxHeight = `${Math.min(320, up ? above : below)}px`;
  list.style.top = up ? "auto" : `${at.bottom + 4}px`;
  list.style.bottom = up ? `${innerHeight - at.top + 4}px` : "auto";
}

function mark(at) {
  const rows = list.querySelectorAll("[role=option]");
  chosen = at < 0 ? -1 : (at + rows.length) % rows.length;
  rows.forEach((row, index) => row.setAttribute("aria-selected", String(index === chosen)));
  if (chosen < 0) field.removeAttribute("aria-activedescendant");
  else field.setAttribute("aria-activedescendant", rows[chosen].id);
  rows[chosen]?.scrollIntoView({ block: "nearest" });
}

function close() {
  clearTimeout(timer);
  asking?.abort();
  list.hidePopover();
  options = [];
  chosen = -1;
  field?.setAttribute("aria-expanded", "false");
  field?.removeAttribute("aria-activedescendant");
}

function take(one) {
  const input = field;
  if (input.dataset.pick === "value") {
    before = "";
    input.dispatchEvent(new CustomEvent("pick", { bubbles: true, detail: one.name }));
    close();
    return open(input);
  }
  input.value = one.title || one.name;
  input.dataset.name = one.name;
  input.dataset.title = input.value;
  close();
  commit(input);
  input.dispatchEvent(new CustomEvent("taken", { bubbles: true }));
}

/* Says so once, when something else stands there than before. */
function commit(input) {
  if (input.value === before) return;
  before = input.value;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function open(input) {
  field = input;
  before = input.value;
  ask(input, "");
}

if (document.getElementById("builder")) {
  document.body.append(list);
  on("focusin", "[data-pick]", (_, input) => open(input));
  on("focusout", "[data-pick]", (_, input) => {
    close();
    field = null;
    if (input.dataset.pick === "value") input.value.trim() && input.dispatchEvent(new CustomEvent("pick", { bubbles: true, detail: input.value }));
    before = input.value;
  });
  on("input", "[data-pick]", (_, input) => {
    clearTimeout(timer);
    timer = setTimeout(() => ask(input, input.value.trim()), WAIT);
  });
  on("click", "[data-pick]", (_, input) => field === input && !options.length && ask(input, ""));
  on("keydown", "[data-pick]", (event, input) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !event.altKey) {
      event.preventDefault();
      if (options.length) mark(chosen < 0 && step < 0 ? -1 + options.length : chosen + step);
      else ask(input, "");
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (options[chosen]) take(options[chosen]);
      else if (input.dataset.pick === "value" && input.value.trim()) take({ name: input.value.trim() });
      else {
        close();
        commit(input);
      }
    } else if (event.key === "Escape" && options.length) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault());  // the field keeps the focus
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row && field) take(options[Number(row.id.slice(5))]);
  });
  addEventListener("resize", () => options.length && place());
  document.addEventListener("scroll", (event) => options.length && event.target !== list && place(), { capture: true, passive: true });
}
