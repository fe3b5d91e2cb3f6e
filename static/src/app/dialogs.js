/* Dialogs: data-dialog="id" opens, data-close or a click beside it closes; a dangerous one asks for the thing's name. */
import { on } from "./dom.js";

on("click", "[data-dialog]", (event, opener) => {
  event.preventDefault();
  document.getElementById(opener.dataset.dialog)?.showModal();
});

on("click", "[data-close]", (_, button) => button.closest("dialog").close());

document.addEventListener("click", (event) => {
  if (event.target.matches?.("dialog[open]")) event.target.close();  // the backdrop belongs to the dialog
});

on("input", "[data-confirm]", (_, field) => {
  field.form.querySelector("button[type=submit]").disabled = field.value.trim() !== field.dataset.confirm;
});
