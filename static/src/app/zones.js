/* A new project starts with the time zone of the browser it is made in, as long as nobody chose one. */
import { each } from "./dom.js";

each("select[data-guess-time-zone]", (select) => {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = [...select.options].some((option) => option.value === here);
  if (known && !select.form.dataset.guessed && select.value === "UTC") select.value = here;
  select.form.dataset.guessed = "yes";
});
