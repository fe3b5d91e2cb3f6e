/* Keys: / and Ctrl-K search, ? all keys, t theme, g and a letter for the menu, data-key on any link or button. */
import { typing } from "./dom.js";
import { switchTheme } from "./theme.js";

let going = false;

function dialog(id, event) {
  const found = document.getElementById(id);
  if (!found || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  found.showModal();
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") return dialog("search", event);
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (going) {
    going = false;
    document.querySelector(`[data-go="${CSS.escape(key)}"]`)?.click();
    return;
  }
  if (key === "g") {
    going = true;
    setTimeout(() => (going = false), 1000);
  } else if (key === "/") dialog("search", event);
  else if (key === "?") dialog("keys", event);
  else if (key === "t") switchTheme();
  else document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.click();
});
