/* The explorer: the builder writes the question into the address, the result follows it.

   The address is always the question. What the builder does not own in it (the period, a saved view that is open) stays. */
import "./picks.js";
import { announce, element, icon, on } from "./dom.js";
import { picked } from "./picks.js";

const form = document.getElementById("builder"), result = document.getElementById("result");
const box = document.getElementById("result-box");
const AFTER = { waiting: 300, working: 2000, typing: 350 };

if (form && result) start();

function start() {
  /* 1. Reading the question from the builder */
  const text = (condition) => {
    const path = condition.querySelector("[data-pick=property]").value.trim();
    const operator = condition.querySelector("[data-operator]").value;
    const values = [...condition.querySelectorAll("[data-token]")].map((token) => token.dataset.token);
    if (!path) return "";
    if (operator === "set" || operator === "unset") return `${path}:${operator}`;
    return values.length ? `${path}:${operator}:${values.join("|")}` : "";
  };
  const conditions = (holder, name, pairs) => {
    for (const one of holder.querySelectorAll(":scope > [data-conditions] > [data-condition]")) {
      const said = text(one);
      if (said) pairs.push([name, said]);
    }
  };
  const events = (part, name, pairs) => {
    const rows = [...part.querySelectorAll("[data-row]")].filter((row) => picked(row.querySelector("[data-pick=event]")));
    rows.forEach((row, at) => {
      const prefix = part.dataset.kind === "event" ? name : `${name}${at + 1}`;
      const event = picked(row.querySelector("[data-pick=event]"));
      const choice = row.querySelector("[data-choice]"), of = row.querySelector("[data-of]");
      const own = [];
      if (choice && choice.value !== choice.dataset.usual) own.push([`${prefix}.${choice.dataset.choice}`, choice.value]);
      if (of && !of.hidden && of.value.trim()) own.push([`${prefix}.${of.dataset.of}`, of.value.trim()]);
      conditions(row, `${prefix}.where`, own);
      if (own.length || rows.length > 1 || event !== part.dataset.usual) pairs.push([name, event], ...own);
    });
  };
  const value = (part, name, pairs) => {
    const said = part.querySelector("[data-value]").value.trim();
    const usual = part.dataset.usual || (part.dataset.kind === "choice" ? part.querySelector("select").options[0]?.value : "");
    if (said && said !== usual) pairs.push([name, said]);
    const top = part.querySelector("[data-top]");
    if (top) top.hidden = !said;
    if (top && said && top.value !== "10") pairs.push(["top", top.value]);
  };
  const readers = {
    event: events, steps: events, events, choice: value, number: value, property: value, text: value,
    filters: (part, name, pairs) => conditions(part, name, pairs),
    span(part, name, pairs) {
      const amount = part.querySelector("[data-amount]").value.trim();
      const said = amount && amount + part.querySelector("[data-unit]").value;
      if (said && said !== part.dataset.usual) pairs.push([name, said]);
    },
  };
  const parts = [...form.querySelectorAll("[data-part]")];
  const owns = (name) => name === "top" || parts.some((part) => name.startsWith(part.dataset.part) && /^\d*(\.\w+)?$/.test(name.slice(part.dataset.part.length)));

  function question() {
    const pairs = [];
    for (const part of parts) if (!part.hidden) readers[part.dataset.kind](part, part.dataset.part, pairs);
    const kept = [...new URLSearchParams(location.search)].filter(([name]) => !owns(name));
    return written([...pairs, ...kept]);
  }

  /* As short as an address may be: people read it. */
  const written = (pairs) => {
    const query = new URLSearchParams(pairs.filter(([, said]) => said)).toString().replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%7C", "|");
    return query ? `?${query}` : "";
  };

  /* 2. Asking */
  let timer, asked = location.search, running = null;

  async function ask(search, { first = false } = {}) {
    if (search !== location.search) history.pushState({}, "", location.pathname + search);
    asked = search;
    if (!first && document.getElementById("update")) document.getElementById("update").hidden = false;
    stop();
    const mine = (running = { ticket: ticket(), end: new AbortController() });
    const headers = { "HX-Request": "true", "X-Question": mine.ticket, "X-Explore": first ? "first" : "changed" };
    wait(true);
    let answer = null, page = "";
    try {
      answer = await fetch(location.pathname + search, { headers, signal: mine.end.signal, cache: "no-store" });
      page = await answer.text();
    } catch {
      answer = null;  // no network, or ended: then something newer runs, or nothing
    }
    if (running !== mine) return;
    running = null;
    wait(false);
    take(answer, page);
  }

  function take(answer, page) {
    if (answer?.redirected && new URL(answer.url).pathname.startsWith("/accounts/login"))
      return location.assign(`/accounts/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
    if (answer?.headers.get("X-Answer") !== "result") return show("failed");
    window.htmx.swap(result, page, { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0 });
    say(JSON.parse(answer.headers.get("HX-Trigger")).question);
  }

  const ticket = () => crypto.randomUUID?.() || Array.from(crypto.getRandomValues(new Uint32Array(4)), (one) => one.toString(16).padStart(8, "0")).join("-");

  /* A query that nobody waits for is ended on the server too. */
  function stop() {
    if (!running) return;
    running.end.abort();
    const body = new URLSearchParams({ ticket: running.ticket });
    running = null;
    fetch(form.dataset.end, { method: "POST", body, keepalive: true, headers: JSON.parse(document.body.getAttribute("hx-headers")) }).catch(() => {});
  }

  function changed() {
    depend();
    clearTimeout(timer);
    timer = setTimeout(() => {
      const search = question();
      if (search !== asked) ask(search);
    }, AFTER.typing);
  }

  addEventListener("popstate", () => location.search !== asked && location.reload());

  /* Links that change only the period are asked in place; others draw the builder again, with the page. */
  const PERIOD = ["range", "from", "to", "compare"];
  const timeless = (search) => [...new URLSearchParams(search)].filter(([name, said]) => said && !PERIOD.includes(name)).sort().join("&");
  on("click", "#bar a[href^='?'], #result a[href^='?']:not([download])", (event, link) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || link.getAttribute("hx-get") || timeless(link.search) !== timeless(location.search)) return;
    event.preventDefault();
    link.closest("details")?.removeAttribute("open");
    ask(written([...new URLSearchParams(link.search)]));
  });
  on("submit", "#bar form", (event, dates) => {
    event.preventDefault();
    dates.closest("details").open = false;
    ask(written([...new FormData(dates)]));
  });
  on("click", "[data-ask]", () => ask(location.search));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    ask(question());
  });

  /* What is saved is the question of the moment. */
  document.addEventListener("submit", (event) => {
    const field = event.target.querySelector("[data-question]");
    if (field) field.value = location.search;
  });

  /* 3. Waiting: after 300 ms a skeleton or paler numbers, after 2 s how long already and Cancel */
  const working = box.querySelector(".g-working"), words = working.querySelector("[data-working]");
  let timers = [];

  function wait(running) {
    timers.forEach(clearTimeout);
    timers = [];
    box.classList.remove("is-waiting");
    box.classList.toggle("is-bare", !result.firstElementChild);
    working.hidden = true;
    result.setAttribute("aria-busy", String(running));
    if (!running) return;
    const since = Date.now();
    const tell = () => {
      working.hidden = false;
      words.textContent = `Counting for ${Math.round((Date.now() - since) / 1000)} s. Many events over a long time take longer.`;
      timers.push(setTimeout(tell, 1000));
    };
    timers = [
      setTimeout(() => box.classList.add("is-waiting"), AFTER.waiting),
      setTimeout(tell, AFTER.working),
      setTimeout(() => announce("Still counting. The button Cancel ends it."), AFTER.working),  // once, not each second
    ];
  }

  const show = (kind) => result.replaceChildren(box.querySelector(`template[data-${kind}]`).content.cloneNode(true));

  box.querySelector("[data-cancel]").addEventListener("click", () => {
    stop();
    wait(false);
    show("cancelled");
    announce("Cancelled");
    result.querySelector("[data-ask]").focus();
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => event.persisted && result.getAttribute("aria-busy") === "true" && ask(location.search, { first: true }));

  /* The date range is drawn again with each answer; who was in it stays there. */
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    if (event.detail.target.id !== "bar" || !event.detail.target.contains(document.activeElement)) return;
    const at = [...event.detail.target.querySelectorAll("a[aria-label], summary")].findIndex((one) => (one.matches("summary") ? one.parentElement : one).contains(document.activeElement));
    requestAnimationFrame(() => document.querySelectorAll("#bar a[aria-label], #bar summary")[Math.max(at, 0)]?.focus());
  });

  /* 4. What the answer says of single fields */
  function say({ wrong, words }) {
    for (const part of parts) {
      const name = part.dataset.part;
      const said = Object.entries(wrong).find(([field]) => field === name || (field.startsWith(name) && /^\d*(\.\w+)?$/.test(field.slice(name.length))));
      const place = part.querySelector("[data-wrong]");
      part.classList.toggle("is-wrong", Boolean(said));
      if (!place) continue;
      place.hidden = !said;
      place.querySelector("span").textContent = said ? said[1][0].toUpperCase() + said[1].slice(1) : "";
    }
    form.querySelector("[data-words]").textContent = words || form.dataset.title;
    const name = document.querySelector("[data-words-value]");
    if (name && words) name.value = words.slice(0, 90);
  }

  /* 5. Rows and filters */
  form.addEventListener("change", changed);
  form.addEventListener("input", (event) => event.target.matches("input[type=number]") && changed());

  on("click", "#builder [data-add-row]", (_, button) => focused(add(button.closest("[data-part]"))));

  function add(part) {
    const rows = part.querySelector("[data-rows]");
    const row = part.querySelector("[data-new-row]").content.firstElementChild.cloneNode(true);
    rows.append(row);
    full(part);
    return row;
  }

  function full(part) {
    const rows = part.querySelector("[data-rows]"), button = part.querySelector("[data-add-row]");
    if (button) button.disabled = rows.childElementCount >= Number(rows.dataset.most);
  }

  const focused = (row) => row.querySelector("input").focus();

  on("click", "#builder [data-add-condition]", (_, button) => {
    const list = (button.closest("[data-row]") || button.closest("[data-part]")).querySelector("[data-conditions]");
    list.append(form.querySelector("[data-new-condition]").content.firstElementChild.cloneNode(true));
    focused(list.lastElementChild);
  });

  on("click", "#builder [data-remove]", (_, button) => {
    const one = button.closest("[data-condition]") || button.closest("[data-row]");
    const part = one.closest("[data-part]");
    const next = (one.nextElementSibling || one.previousElementSibling)?.querySelector("input") || part.querySelector("[data-add-row], [data-add-condition], input");
    one.remove();
    full(part);
    next?.focus();
    changed();
  });

  on("click", "#builder [data-up]", (_, button) => move(button.closest("[data-row]"), -1, button));
  on("keydown", "#builder [data-kind=steps] [data-pick=event]", (event, input) => {
    const way = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!way || !event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    move(input.closest("[data-row]"), way, input);
  });

  function move(row, way, control) {
    const other = way < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    other[way < 0 ? "before" : "after"](row);
    control.focus();
    announce(`Step ${[...row.parentElement.children].indexOf(row) + 1}`);
    changed();
  }

  /* Values are little buttons; choosing one makes it, pressing it takes it away. */
  on("pick", "#builder [data-pick=value]", (event, input) => {
    const said = event.detail.trim();
    const there = [...input.parentElement.querySelectorAll("[data-token]")].some((one) => one.dataset.token === said);
    if (said && !there) {
      const token = element("button", { type: "button", class: "g-token", "data-token": said, "aria-label": `Remove ${said}` }, said, icon("x"));
      input.before(token);
    }
    input.value = "";
    input.placeholder = "or";
    changed();
  });
  on("click", "#builder [data-token]", (_, token) => {
    const input = token.parentElement.querySelector("input");
    token.remove();
    if (!input.parentElement.querySelector("[data-token]")) input.placeholder = "Value";
    input.focus();
    changed();
  });
  on("keydown", "#builder [data-pick=value]", (event, input) => {
    if (event.key === "Backspace" && !input.value) input.parentElement.querySelector("[data-token]:last-of-type")?.click();
  });

  on("taken", "#builder [data-condition] > [data-pick=property]", (_, input) => input.parentElement.querySelector("[data-pick=value]").focus());

  /* An event that is offered goes to the first empty place. */
  on("click", "[data-offer]", (_, button) => {
    const part = parts.find((one) => !one.hidden && one.querySelector("[data-rows]"));
    if (!part) return;
    const empty = [...form.querySelectorAll("[data-pick=event]")].find((input) => !input.value && !input.closest("[hidden]"));
    const input = empty || add(part).querySelector("[data-pick=event]");
    input.value = button.dataset.offer;
    button.remove();
    announce(`${button.dataset.offer} chosen`);
    changed();
  });

  /* Parts that are there only for some choices; values only where an operator wants one. */
  function depend() {
    for (const part of parts) {
      if (!part.dataset.onlyIf) continue;
      const [name, wanted] = part.dataset.onlyIf.split("=");
      const other = form.querySelector(`[data-part="${CSS.escape(name)}"] [data-value]`);
      part.hidden = !wanted.split("|").includes(other?.value);
    }
    for (const choice of form.querySelectorAll("[data-choice]")) {
      const of = choice.parentElement.querySelector("[data-of]");
      if (of) of.hidden = !choice.dataset.needs.split("|").includes(choice.value);
    }
    for (const operator of form.querySelectorAll("[data-operator]"))
      operator.closest("[data-condition]").querySelector("[data-values]").hidden = operator.value === "set" || operator.value === "unset";
  }

  /* 6. On a narrow screen the builder folds */
  const fold = form.querySelector("[data-fold]");
  fold.addEventListener("click", () => {
    const open = form.classList.toggle("is-open");
    fold.setAttribute("aria-expanded", String(open));
  });
  depend();
  const kinds = document.getElementById("kinds"), current = kinds.querySelector("[aria-current]");
  kinds.scrollLeft = current.offsetLeft - kinds.offsetLeft - (kinds.clientWidth - current.clientWidth) / 2;
  ask(location.search, { first: true });
}
