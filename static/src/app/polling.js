/* What asks again and again: rests while nobody looks, and keeps its list short. */
const asks = (element) => element?.getAttribute?.("hx-trigger")?.includes("every ");

document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && asks(event.detail.elt)) event.preventDefault();
});

document.addEventListener("htmx:afterSwap", (event) => {
  const list = event.target;
  if (!list.dataset?.max) return;
  for (let extra = list.childElementCount - Number(list.dataset.max); extra > 0; extra--) list.lastElementChild.remove();
});

/* An answer that was on its way when the asking ended (paused, filtered) is dropped: whoever asks next gets those rows. */
document.addEventListener("htmx:beforeSwap", (event) => {
  const asker = event.detail.requestConfig?.elt;
  if (asks(asker) && !asker.isConnected) event.detail.shouldSwap = false;
});

/* Says so where a page has a place for it, instead of a toast each second. */
function lose(event, lost) {
  if (asks(event.detail.elt)) document.querySelectorAll("[data-lost]").forEach((note) => (note.hidden = !lost));
}

for (const type of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(type, (event) => lose(event, true));
document.addEventListener("htmx:afterOnLoad", (event) => lose(event, false));
