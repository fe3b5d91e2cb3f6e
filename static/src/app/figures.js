/* Charts are heavy, so their script comes only to a page that has a figure. */
import { each } from "./dom.js";

let asked = false;

each(".g-chart", () => {
  if (asked) return;
  asked = true;
  const script = document.createElement("script");
  script.src = document.body.dataset.charts;
  document.head.append(script);
});
