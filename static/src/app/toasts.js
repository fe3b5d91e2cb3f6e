/* Toasts: Django's messages, the "toast" event of an answer, and what went wrong with a request. */
import { element, icon } from "./dom.js";

const box = document.getElementById("toasts");

export function toast(text, { kind = "good", undo = "" } = {}) {
  const close = element("button", { type: "button", class: "g-i", "aria-label": "Close" }, icon("x"));
  const note = element("div", { class: `g-toast is-${kind}`, role: kind === "bad" ? "alert" : "status" }, kind === "bad" ? icon("alert-triangle") : icon("circle-check"), element("p", {}, text));
  if (undo) note.append(undoButton(undo, note));
  note.append(close);
  close.addEventListener("click", () => note.remove());
  box.append(note);
  let timer;
  const wait = () => (timer = setTimeout(() => note.remove(), undo ? 12000 : kind === "bad" ? 10000 : 5000));
  note.addEventListener("mouseenter", () => clearTimeout(timer));
  note.addEventListener("mouseleave", wait);
  note.addEventListener("focusin", () => clearTimeout(timer));
  wait();
}

function undoButton(url, note) {
  const button = element("button", { type: "button", class: "btn g-quiet" }, icon("arrow-back-up"), "Undo");
  button.addEventListener("click", async () => {
    const headers = JSON.parse(document.body.getAttribute("hx-headers"));
    const answer = await fetch(url, { method: "POST", headers }).catch(() => null);
    note.remove();
    if (answer?.ok) location.reload();
    else toast("It could not be undone. Reload the page and look.", { kind: "bad" });
  });
  return button;
}

for (const message of box.querySelectorAll("[data-message]")) {
  const tags = message.dataset.message.split(" ");
  toast(message.textContent, {
    kind: tags.some((tag) => tag === "error" || tag === "warning") ? "bad" : "good",
    undo: tags.find((tag) => tag.startsWith("undo:"))?.slice(5),
  });
  message.remove();
}

document.addEventListener("toast", (event) => toast(event.detail.text ?? event.detail.value, event.detail));

const sentences = {
  401: "You have been signed out. Sign in again.",
  403: "Your role does not allow that.",
  404: "It is gone: somebody may have removed it.",
  409: "Somebody else changed this meanwhile. Reload the page.",
  413: "That is too large.",
  429: "Too many requests. Wait a moment.",
};

function reason(request) {
  try {
    const { message } = JSON.parse(request.responseText);
    if (message) return message;
  } catch {}
  return sentences[request.status] || "Something broke on our side. Your data is safe; try again in a moment.";
}

const failed = (event, text) => !event.detail.elt?.closest?.(".g-lazy, [data-quiet]") && toast(text, { kind: "bad" });
document.addEventListener("htmx:responseError", (event) => failed(event, reason(event.detail.xhr)));
document.addEventListener("htmx:sendError", (event) => failed(event, "The server can’t be reached. Check the connection and try again."));
document.addEventListener("htmx:timeout", (event) => failed(event, "No answer in 20 seconds. Try again, or a shorter period."));
