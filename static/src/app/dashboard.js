/* Dashboards: tiles are moved and resized by pointer and by keyboard, and the order is kept at once. */
import { announce, on } from "./dom.js";
import { toast } from "./toasts.js";

const tiles = (grid) => [...grid.querySelectorAll(":scope > [data-tile]")];
const nameOf = (tile) => tile.querySelector("h2").textContent.trim();

/* The whole order is sent, so that the last word counts whatever got lost before. */
async function keep(grid) {
  const all = tiles(grid), headers = JSON.parse(document.body.getAttribute("hx-headers"));
  const body = new URLSearchParams({
    order: all.map((tile) => tile.dataset.tile).join(),
    wide: all.filter((tile) => tile.classList.contains("is-wide")).map((tile) => tile.dataset.tile).join(),
  });
  const answer = await fetch(grid.dataset.tiles, { method: "POST", headers, body }).catch(() => null);
  if (!answer?.ok || answer.redirected) toast("The new order was not kept. Reload the page and try again.", { kind: "bad" });
}

/* The others step aside: the held tile stays in the page, with its focus and its pointer. */
function place(tile, index) {
  const grid = tile.parentElement;
  for (let now = tiles(grid).indexOf(tile); now < index; now++) tile.before(tile.nextElementSibling);
  for (let now = tiles(grid).indexOf(tile); now > index; now--) tile.after(tile.previousElementSibling);
}

function move(tile, step) {
  const all = tiles(tile.parentElement), wanted = all.indexOf(tile) + step;
  if (wanted < 0 || wanted >= all.length) return announce(`${nameOf(tile)} is ${step < 0 ? "first" : "last"} already`);
  place(tile, wanted);
  keep(tile.parentElement);
  tile.scrollIntoView({ block: "nearest" });
  announce(`${nameOf(tile)}, place ${wanted + 1} of ${all.length}`);
}

function resize(tile, wide) {
  if (tile.classList.contains("is-wide") === wide) return;
  tile.classList.toggle("is-wide", wide);
  keep(tile.parentElement);
  announce(`${nameOf(tile)} is ${wide ? "as wide as the page" : "half as wide as the page"}`);
}

const KEYS = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };

on("keydown", "[data-grip]", (event, grip) => {
  const tile = grip.closest("[data-tile]");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (KEYS[event.key]) move(tile, KEYS[event.key]);
  else if ("+=".includes(event.key)) resize(tile, true);
  else if ("-_".includes(event.key)) resize(tile, false);
  else return;
  event.preventDefault();
});

on("click", "[data-move]", (_, button) => {
  const tile = button.closest("[data-tile]");
  button.closest("details").open = false;
  move(tile, Number(button.dataset.move));
  tile.querySelector("[data-grip]").focus();
});

on("click", "[data-resize]", (_, button) => {
  const tile = button.closest("[data-tile]");
  button.closest("details").open = false;
  resize(tile, !tile.classList.contains("is-wide"));
});

on("pointerdown", "[data-grip]", (event, grip) => {
  const tile = grip.closest("[data-tile]"), grid = tile.parentElement;
  const start = tiles(grid).indexOf(tile);
  if (event.button || !grid.dataset.tiles) return;
  const drag = (at) => {
    tile.classList.add("is-held");
    document.body.classList.add("is-moving");
    const over = document.elementFromPoint(at.clientX, at.clientY)?.closest("[data-tile]");
    if (!over || over === tile || over.parentElement !== grid) return;
    const all = tiles(grid), now = all.indexOf(tile), there = all.indexOf(over), box = over.getBoundingClientRect();
    /* A neighbour gives way when the pointer is past its middle: else two of unequal height would swap for ever. */
    const sideways = Math.abs(box.top - tile.getBoundingClientRect().top) < 8;
    const past = sideways ? at.clientX - (box.left + box.right) / 2 : at.clientY - (box.top + box.bottom) / 2;
    if (there > now ? past > 0 : past < 0) place(tile, there);
  };
  const end = () => {
    document.removeEventListener("pointermove", drag);
    document.removeEventListener("pointerup", end);
    document.removeEventListener("pointercancel", end);
    tile.classList.remove("is-held");
    document.body.classList.remove("is-moving");
    const now = tiles(grid).indexOf(tile);
    if (now === start) return;
    keep(grid);
    announce(`${nameOf(tile)}, place ${now + 1} of ${tiles(grid).length}`);
  };
  document.addEventListener("pointermove", drag);
  document.addEventListener("pointerup", end);
  document.addEventListener("pointercancel", end);
});

/* A template's fields: one of the offered events is put into the field by a click. */
on("click", "[data-fill]", (_, button) => {
  const field = document.getElementById(button.dataset.fill);
  field.value = button.dataset.value;
  for (const other of button.parentElement.children) other.classList.toggle("is-accent", other === button);
  field.form.dispatchEvent(new CustomEvent("filled", { bubbles: true }));
});
