/* Dark or light: by the system until the switch is used. The cookie lets the server write the attribute, so the first paint is right;
   the local storage carries the choice over to a session whose cookies were cleared. */
import { announce, on, recall, remember } from "./dom.js";

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function show(theme) {
  root.dataset.bsTheme = theme;
  remember("theme", theme);
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

export function switchTheme() {
  const now = root.dataset.bsTheme || (dark.matches ? "dark" : "light");
  show(now === "dark" ? "light" : "dark");
  announce(`${root.dataset.bsTheme} theme`);
}

const kept = recall("theme");
if (!root.dataset.bsTheme && ["light", "dark"].includes(kept)) show(kept);
on("click", "[data-theme-switch]", switchTheme);
