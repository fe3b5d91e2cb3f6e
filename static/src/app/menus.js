/* Menus that drop down, and the side bar of a narrow screen. */
import { on } from "./dom.js";

const open = () => document.querySelectorAll("details[data-drop][open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("focusin", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

on("keydown", "details[data-drop]", (event, menu) => {
  const entries = [...menu.querySelectorAll(".g-sheet a, .g-sheet button")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape" && menu.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
  } else if (step && entries.length && !event.target.matches("input")) {
    event.preventDefault();
    menu.open = true;
    const now = entries.indexOf(document.activeElement);
    entries[(now + step + entries.length + (now < 0 && step < 0 ? 1 : 0)) % entries.length].focus();
  }
});

/* The side bar at 390 px */
const button = document.getElementById("menu"), side = document.getElementById("side"), page = document.getElementById("page");

function slide(shown) {
  side.classList.toggle("is-shown", shown);
  document.body.classList.toggle("is-covered", shown);
  button.setAttribute("aria-expanded", String(shown));
  page.inert = shown;
  if (shown) side.querySelector("summary, a").focus();
  else button.focus();
}

if (button && side) {
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    slide(true);
  });
  document.addEventListener("click", (event) => side.classList.contains("is-shown") && !side.contains(event.target) && slide(false));
  document.addEventListener("keydown", (event) => event.key === "Escape" && side.classList.contains("is-shown") && slide(false));
  matchMedia("(min-width: 761px)").addEventListener("change", (event) => event.matches && side.classList.contains("is-shown") && slide(false));
}
