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
