/* Tables: a click on a row follows its first link; a scroll box takes focus only where it overflows. */
import { each, on } from "./dom.js";

on("click", ".is-rows tbody tr", (event, row) => {
  if (event.target.closest("a, button, input, label, summary") || String(getSelection())) return;
  const link = row.querySelector("th a, td a");
  if (!link) return;
  if (event.ctrlKey || event.metaKey) open(link.href);
  else link.click();
});

const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => reachable(target)));

function reachable(box) {
  const over = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
  if (over) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
}

each(".g-scroll, pre.g-code, pre.g-json", (box) => sizes.observe(box));
