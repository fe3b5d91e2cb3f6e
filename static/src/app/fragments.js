/* Around HTMX: what is read out after a swap, what a failed part shows, a button that is pressed once, the page of a signed-out session. */
import { announce, on } from "./dom.js";

document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.target.querySelector?.("[data-announce]") || (event.target.matches?.("[data-announce]") ? event.target : null);
  if (said) announce(said.dataset.announce);
});

function fail(event) {
  const part = event.detail.elt?.closest?.(".g-lazy");
  if (!part) return;
  part.classList.add("is-failed");
  part.removeAttribute("aria-busy");
  part.querySelector(".g-failed").hidden = false;
}

document.addEventListener("htmx:responseError", fail);
document.addEventListener("htmx:sendError", fail);
document.addEventListener("htmx:timeout", fail);

on("click", "[data-retry]", (_, button) => {
  const part = button.closest(".g-lazy");
  part.classList.remove("is-failed");
  part.setAttribute("aria-busy", "true");
  part.querySelector(".g-failed").hidden = true;
  window.htmx.trigger(part, "retry");
});

/* A form is sent once: a second click while the first is under way would do it twice. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.closest("[hx-post], [hx-put], [hx-delete]")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

document.addEventListener("htmx:beforeRequest", (event) => busy(event, true));
document.addEventListener("htmx:afterRequest", (event) => busy(event, false));

function busy(event, state) {
  if (event.detail.requestConfig?.verb === "get") return;
  const source = event.detail.elt;
  const button = source.matches("button") ? source : source.querySelector("button[type=submit]");
  if (button) button.disabled = state;
}

/* A fragment that was redirected to the sign-in page is the sign-in page: go there. */
document.addEventListener("htmx:beforeSwap", (event) => {
  const path = new URL(event.detail.xhr.responseURL || location.href).pathname;
  if (path.startsWith("/accounts/login") && !location.pathname.startsWith("/accounts/")) {
    event.detail.shouldSwap = false;
    location.assign(`/accounts/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
});
