/* Copy buttons, and the language switch of code. */
import { announce, each, on } from "./dom.js";

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // without https there is no clipboard
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    button.after(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const words = button.querySelector("span");
  button.dataset.words ??= words.textContent;
  if (button.dataset.words) words.textContent = "Copied";
  button.classList.add("is-copied");
  announce("Copied");
  setTimeout(() => {
    words.textContent = button.dataset.words;
    button.classList.remove("is-copied");
  }, 1600);
}

on("click", "[data-copy]", (_, button) => copy(button, button.dataset.copy));
on("click", "[data-copy-code]", (_, button) => copy(button, button.closest("[data-codes]").querySelector("pre:not([hidden])").textContent));

function choose(language) {
  for (const box of document.querySelectorAll("[data-codes]")) {
    if (!box.querySelector(`pre[data-language="${CSS.escape(language)}"]`)) continue;
    box.querySelectorAll("pre").forEach((code) => (code.hidden = code.dataset.language !== language));
    box.querySelectorAll("button[data-language]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.language === language)));
  }
}

on("click", "button[data-language]", (_, button) => {
  choose(button.dataset.language);
  sessionStorage.setItem("language", button.dataset.language);
});
each("[data-codes]", () => {
  const language = sessionStorage.getItem("language");
  if (language) choose(language);
});

on("click", "[data-save-svg]", (_, button) => {
  const picture = button.closest("figure").querySelector("svg.g-qr");
  const file = new Blob([new XMLSerializer().serializeToString(picture)], { type: "image/svg+xml" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `${button.dataset.saveSvg}.svg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
