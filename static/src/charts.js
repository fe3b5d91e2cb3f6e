/* Draws each <figure class="g-chart"> from the JSON script beside its table.

   The JSON is an ECharts option with three shorthands, so that a server can write
   it without functions or colours:
     "$blue"        a colour token of product.css (--g-blue), resolved for the theme
     "%compact"     one of the formats below
     "annotations"  deploys, incidents, experiments: one look on every chart
   House style (axes, grid, tooltip) is merged underneath, so the JSON stays small. */
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

import { each } from "./app/dom.js";

use([BarChart, LineChart, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);

const locale = document.documentElement.lang || "en-GB";
const number = (options) => {
  const format = new Intl.NumberFormat(locale, options);
  return (value) => (value === null || value === undefined || value === "-" ? "–" : format.format(value).replace("-", "−"));
};
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });
const hour = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const percent = number({ style: "percent", maximumFractionDigits: 1 });
const formats = {
  compact: number({ notation: "compact", maximumFractionDigits: 1 }),
  decimal: number({ maximumSignificantDigits: 4 }),
  integer: number({ maximumFractionDigits: 0 }),
  money: number({ style: "currency", currency: "USD", maximumFractionDigits: 0 }),
  percent,
  signed: number({ style: "percent", maximumFractionDigits: 1, signDisplay: "exceptZero" }),
  day: (iso) => day.format(new Date(iso)),
  hour: (iso) => hour.format(new Date(`${iso}Z`)),
  "nth-day": (n) => `Day ${n}`,
};

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);
const token = (name) => {
  probe.style.color = `var(--g-${name})`;
  return getComputedStyle(probe).color;
};
const faded = (colour, alpha) => colour.replace("rgb(", "rgba(").replace(")", `, ${alpha})`);

/* "$blue" and "$blue/0.2" become colours, "%compact" becomes a function. */
function resolved(value) {
  if (Array.isArray(value)) return value.map(resolved);
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
  if (typeof value !== "string") return value;
  if (value[0] === "%" && formats[value.slice(1)]) return formats[value.slice(1)];
  if (value[0] !== "$") return value;
  const [name, alpha] = value.slice(1).split("/");
  return alpha ? faded(token(name), alpha) : token(name);
}

const list = (value) => (value === undefined ? [] : [].concat(value));
const font = getComputedStyle(document.body).fontFamily;

function house(option) {
  const ink = token("ink"), quiet = token("ink-3"), line = token("line-strong"), grid = token("grid");
  const category = (axis) => ({
    ...axis,
    axisLine: { lineStyle: { color: line } },
    axisTick: { show: false, interval: 0 },  // hidden, but a span's edges sit on ticks
    axisLabel: { color: quiet, fontSize: 11, margin: 10, hideOverlap: true, ...axis.axisLabel },
    nameTextStyle: { color: quiet, fontSize: 11 },
    axisPointer: { lineStyle: { color: line }, shadowStyle: { color: faded(quiet, 0.1) }, label: { show: false } },
  });
  const value = (axis) => ({
    splitNumber: 4,
    ...axis,
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: grid } },
    axisLabel: { color: quiet, fontSize: 11, ...axis.axisLabel },
    nameTextStyle: { color: quiet, fontSize: 11, align: "left", padding: [0, 0, 4, -16] },
  });
  const { formatter } = tooltip(option);
  const axis = (one) => (one.type === "value" ? value(one) : category(one));
  return {
    animation: false,
    textStyle: { fontFamily: font, color: ink },
    grid: { left: 8, right: 12, top: 30, bottom: 4, containLabel: true },
    ...option,
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true, formatter,
      backgroundColor: token("card"), borderColor: line, borderWidth: 1, borderRadius: 8, padding: [8, 12],
      textStyle: { color: ink, fontSize: 12 }, ...option.tooltip,
    },
    xAxis: list(option.xAxis).map(axis),
    yAxis: list(option.yAxis).map(axis),
  };
}

/* Drawn on the canvas (richText), since ECharts' HTML tooltip needs style attributes. */
function tooltip(option) {
  const ink = token("ink"), quiet = token("ink-2");
  const text = (more) => ({ fontFamily: font, fontSize: 12, lineHeight: 20, color: ink, ...more });
  const rich = {
    title: text({ fontWeight: 600, lineHeight: 22 }), name: text({ color: quiet, width: 128, padding: [0, 0, 0, 8] }),
    total: text({ fontWeight: 600, width: 128, padding: [0, 0, 0, 8] }), sum: text({ fontWeight: 600, align: "right", width: 56 }),
    value: text({ fontWeight: 500, align: "right", width: 56 }), wide: text({ fontWeight: 500, align: "right", width: 116 }),
  };
  option.series.forEach((series, index) => {
    rich[`s${index}`] = { backgroundColor: series.color, width: 8, height: 8, borderRadius: 2 };
  });
  const xFormat = list(option.xAxis)[0].axisLabel?.formatter || String;
  const formatter = (points) => {
    const low = Object.fromEntries(points.filter((one) => one.seriesName.endsWith(" low")).map((one) => [one.seriesName, one.value]));
    const rows = points.filter((one) => !one.seriesName.endsWith(" low")).map((one) => {
      const show = option.series[one.seriesIndex].tooltip?.valueFormatter || String;
      const from = low[`${one.seriesName} low`];
      const value = from === undefined ? `{value|${show(one.value)}}` : `{wide|${show(from)} to ${show(from + one.value)}}`;
      return `{s${one.seriesIndex}|}{name|${one.seriesName}} ${value}`;
    });
    const stacked = points.filter((one) => option.series[one.seriesIndex].stack === "all");
    if (stacked.length > 1) {
      const show = option.series[stacked[0].seriesIndex].tooltip.valueFormatter;
      const sum = stacked.reduce((total, one) => total + one.value, 0);
      rows.splice(stacked.length, 0, `{s99|}{total|All} {sum|${show(sum)}}`);
    }
    return [`{title|${xFormat(points[0].axisValue)}}`, ...rows].join("\n");
  };
  rich.s99 = { width: 8, height: 8 };
  return { rich, formatter };
}

const marks = { deploy: "ink-2", experiment: "accent", incident: "bad", note: "ink-3" };
const LETTER = 5.9, BESIDE = 52;  // pixels: a letter of 11 px on the average, and what stands beside the plot

/* Where the words of each annotation stand, by its place: words that would lie on others are left out, the line stays. */
function worded(annotations, keys, width) {
  const taken = [], found = new Map(), room = width - BESIDE - 12;
  const weight = (one) => (one.from ? 1 : 0);
  for (const one of [...annotations].reverse().sort((a, b) => weight(b) - weight(a))) {
    const first = keys.indexOf(one.at ?? one.from), last = keys.indexOf(one.to ?? one.at);
    const middle = BESIDE + (room * ((first + last) / 2 + 0.5)) / keys.length, size = one.short.length * LETTER;
    const align = middle + size / 2 > width ? "right" : middle - size / 2 < 0 ? "left" : "center";
    const from = middle - { right: size, left: 0, center: size / 2 }[align];
    if (taken.some(([start, end]) => from < end + 6 && from + size > start - 6)) continue;
    taken.push([from, from + size]);
    found.set(one, align);
  }
  return found;
}

function annotated(series, annotations, off, keys, width) {
  const shown = series.filter((one) => !off.has(one.name));
  if (!annotations || !shown.length) return series;
  const points = annotations.filter((one) => one.at), spans = annotations.filter((one) => one.from);
  const host = shown.find((one) => one.type === "bar") || shown[0];  // a bar gives a span its width
  const words = worded(annotations, keys ?? [], width);
  /* Between two points of a line a span has no width until it goes on to the next one. */
  const end = (one) => (host.type !== "bar" && one.from === one.to && keys?.[keys.indexOf(one.to) + 1]) || one.to;
  return series.map((one) => one !== host ? one : {
    ...one,
    markLine: {
      silent: true, symbol: ["none", "none"], z: 0,
      data: points.map((one) => ({
        xAxis: one.at, lineStyle: { color: token(marks[one.kind]), type: [3, 3], width: 1 },
        label: { show: words.has(one), align: words.get(one), formatter: one.short, color: token(marks[one.kind]), fontSize: 11, fontWeight: 500, position: "end", distance: 5 },
      })),
    },
    markArea: {
      silent: true,
      data: spans.map((one) => [{
        xAxis: one.from, itemStyle: { color: faded(token(marks[one.kind]), 0.13) },
        label: { show: words.has(one), formatter: one.short, color: token(marks[one.kind]), fontSize: 11, fontWeight: 500, position: "top", distance: 5 },
      }, { xAxis: end(one) }]),
    },
  });
}

function legend(figure, option, off, draw) {
  const box = figure.querySelector(".g-legend");
  if (!box || box.childElementCount) return;
  for (const series of option.series) {
    if (!series.name || series.legend === false) continue;
    const button = document.createElement("button");
    const [colour, alpha] = (series.colour || "").slice(1).split("/");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.innerHTML = '<span class="g-sw"></span>';
    button.firstChild.classList.add(`is-${colour}`);
    if (series.lineStyle?.type) button.firstChild.classList.add("is-dash");
    if (alpha) button.firstChild.classList.add(alpha < 0.18 ? "is-softer" : "is-soft");
    button.append(series.name);
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      for (const name of [series.name, `${series.name} low`])  // a band is two series
        on ? off.delete(name) : off.add(name);
      draw();
    });
    box.append(button);
  }
}

function drawn(figure) {
  const spec = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const chart = init(figure.querySelector(".g-canvas"), null, { renderer: "canvas" });
  /* ECharts 6 gives a richText tooltip neither our font nor our rich styles: hand them over
     where it adds the text. A browser test holds this to the pinned version. */
  const canvas = chart.getZr(), add = canvas.add;
  const off = new Set();
  let rich = {};
  canvas.add = (element) => {
    if (element.type === "text" && element.style.rich) Object.assign(element.style.rich, rich);
    return add.call(canvas, element);
  };
  const draw = () => {
    const option = resolved({
      ...spec.option,
      series: spec.option.series.map((one) => ({ ...(one.colour && { color: one.colour }), ...one })),
    });
    rich = tooltip(option).rich;
    const selected = Object.fromEntries([...off].map((name) => [name, false]));
    chart.setOption({ ...house(option), legend: { show: false, selected }, series: annotated(option.series, spec.annotations, off, list(option.xAxis)[0]?.data, chart.getWidth()) }, { notMerge: true });
  };
  draw();
  legend(figure, spec.option, off, draw);
  new ResizeObserver(() => {
    if (chart.isDisposed() || chart.getWidth() === chart.getDom().clientWidth) return;
    chart.resize();
    draw();
  }).observe(chart.getDom());
  figure.closest(".card")?.querySelector(`[data-png="${CSS.escape(figure.id)}"]`)?.addEventListener("click", () => {
    const link = document.createElement("a");
    link.download = `${figure.id}.png`;
    link.href = chart.getDataURL({ pixelRatio: 2, backgroundColor: token("card") });
    link.click();
  });
  drawings.set(figure, { draw, chart });
}

/* Figures come and go with HTMX. */
const drawings = new Map();
each(".g-chart", (figure) => drawings.has(figure) || drawn(figure));
document.addEventListener("htmx:afterSwap", () => {
  for (const [figure, { chart }] of drawings)
    if (!figure.isConnected) {
      chart.dispose();
      drawings.delete(figure);
    }
});

const redraw = () => drawings.forEach(({ draw }) => draw());
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
document.fonts?.ready.then(redraw);
