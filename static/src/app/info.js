/* The (i): one bubble for all, shown on hover, focus and touch. */
import { element, on } from "./dom.js";

const bubble = element("div", { class: "g-bubble", popover: "manual", role: "tooltip", id: "info" });
document.body.append(bubble);
let owner = null;

function show(mark) {
  if (owner === mark) return;
  owner = mark;
  bubble.textContent = mark.dataset.info;
  bubble.showPopover();
  const at = mark.getBoundingClientRect(), size = bubble.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left + at.width / 2 - size.width / 2, innerWidth - size.width - 8));
  const above = at.top > size.height + 12;
  bubble.style.left = `${left}px`;
  bubble.style.top = `${above ? at.top - size.height - 8 : at.bottom + 8}px`;
}

function hide() {
  owner = null;
  bubble.hidePopover();
}

on("mouseover", "[data-info]", (_, mark) => show(mark));
on("mouseout", "[data-info]", (event, mark) => !mark.contains(event.relatedTarget) && hide());
on("focusin", "[data-info]", (_, mark) => show(mark));
on("focusout", "[data-info]", hide);
on("click", "button[data-info]", (_, mark) => show(mark));
document.addEventListener("keydown", (event) => event.key === "Escape" && owner && hide());
document.addEventListener("scroll", () => owner && hide(), { capture: true, passive: true });
