// Draws a chart over time in SVG: stacked areas, lines, or both, with a crosshair that the pointer or the arrow keys move, and a
// legend with the values there.

import { keyedList, make, makeSvg, setText } from "./dom.js";
import { brief, time } from "./format.js";
import { areaPath, linePath, topOf } from "./paths.js";

const HEIGHT = 190;
const TOP = 10;
const BOTTOM = 24;
const SIDE = 46;
const NARROW = 380; // pixels: a narrower chart omits some marks
/** The spans of the chart with the distance of their marks, in seconds. The shortest one that holds all samples is used. */
const SPANS = [[60, 15], [120, 30], [300, 60], [600, 120]];

/**
 * `layersOf(samples)` gives the layers, bottom first: `{ name, colour, values, shape: "area" or "line", right }`. Areas are stacked;
 * `right` puts a layer on a scale of its own at the right. `values` holds a number or null (nothing to show) for each sample.
 */
export function chart({ title, about, empty, layersOf }) {
  const svg = makeSvg("svg", { "aria-hidden": "true", height: HEIGHT });
  const grid = svg.appendChild(makeSvg("g", { class: "grid" }));
  const shapes = svg.appendChild(makeSvg("g"));
  const cross = svg.appendChild(makeSvg("line", { class: "cross", y1: TOP, y2: HEIGHT - BOTTOM }));
  const nothing = make("p", { class: "nothing" }, empty);
  const plot = make("div", {
    class: "plot",
    tabindex: "0",
    role: "slider",
    "aria-label": `${title}: read a second`,
    "aria-orientation": "horizontal",
    "aria-valuemin": 0,
    "aria-valuemax": 0,
    "aria-valuenow": 0,
    "aria-valuetext": empty,
  }, svg, nothing);
  const when = make("span", { class: "when" });
  const legend = make("ul", { class: "legend" });
  const node = make("figure", { class: "panel chart", "data-chart": title },
    make("figcaption", null, make("h3", null, title), about ? make("p", null, about) : null),
    plot, make("div", { class: "reading" }, when, legend));

  let samples = [];
  let layers = [];
  let width = 0;
  let at = null; // the selected second; null for the newest
  let gridDrawn = "";

  const drawShapes = keyedList(shapes, (layer) => layer.name, (layer) => {
    const path = makeSvg("path", { class: layer.shape });
    path.style.setProperty("--series", layer.colour);
    return { node: path, update: (now) => path.setAttribute("d", now.path) };
  });
  const drawLegend = keyedList(legend, (layer) => layer.name, (layer) => {
    const swatch = make("span", { class: `swatch ${layer.shape}` });
    swatch.style.setProperty("--series", layer.colour);
    const value = make("b");
    return { node: make("li", null, swatch, `${layer.name} `, value), update: (now) => setText(value, valueAt(now, read())) };
  });

  const span = () => {
    const age = (samples.at(-1)?.second ?? 0) - (samples[0]?.second ?? 0);
    return SPANS.find(([seconds]) => seconds >= age) ?? SPANS.at(-1);
  };
  const right = () => width - (layers.some((layer) => layer.right) ? SIDE : 12);
  // The crosshair points at the middle of a second.
  const x = (second) => right() - ((samples.at(-1).second - second + 0.5) / span()[0]) * (right() - SIDE);
  const read = () => {
    const index = at === null ? -1 : samples.findIndex((sample) => sample.second === at);
    return index < 0 ? samples.length - 1 : index;
  };

  function draw() {
    if (!width) return;
    layers = layersOf(samples);
    const filled = layers.some((layer) => layer.values.some((value) => value > 0));
    nothing.hidden = filled;
    const tops = { left: topOf(layers.filter((layer) => !layer.right)), right: topOf(layers.filter((layer) => layer.right)) };
    drawGrid(tops, filled);

    let floor = samples.map(() => 0);
    for (const layer of layers) {
      const y = (value) => HEIGHT - BOTTOM - (value / (layer.right ? tops.right : tops.left)) * (HEIGHT - TOP - BOTTOM);
      if (layer.shape === "line") {
        layer.path = linePath(layer.values, samples, x, y);
      } else {
        const ceiling = floor.map((value, index) => value + (layer.values[index] ?? 0));
        layer.path = filled ? areaPath(floor, ceiling, samples, x, y) : "";
        floor = ceiling;
      }
    }
    // Lines are drawn above areas.
    drawShapes(layers.toSorted((one, other) => (one.shape === "line") - (other.shape === "line")));
    drawReading();
  }

  function drawReading() {
    const active = at !== null && samples.length > 0;
    node.classList.toggle("reads", active);
    const sample = samples[read()];
    if (active) {
      cross.setAttribute("x1", x(sample.second));
      cross.setAttribute("x2", x(sample.second));
    }
    setText(when, active ? time(sample.time_ms) : "Now");
    drawLegend(layers);
  }

  function drawGrid(tops, filled) {
    const [seconds, marks] = span();
    const step = width < NARROW ? marks * 2 : marks;
    const key = [width, tops.left, tops.right, seconds, filled].join();
    if (key === gridDrawn) return;
    gridDrawn = key;
    const parts = [];
    const twoScales = layers.some((layer) => layer.right);
    for (const share of [0, 0.5, 1]) {
      const y = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
      parts.push(makeSvg("line", { x1: SIDE, x2: right(), y1: y, y2: y }));
      if (filled) parts.push(makeSvg("text", { x: SIDE - 8, y: y + 4, "text-anchor": "end" }, brief(tops.left * share)));
      if (filled && twoScales) parts.push(makeSvg("text", { x: right() + 8, y: y + 4 }, brief(tops.right * share)));
    }
    for (let ago = 0; ago <= seconds; ago += step) {
      const place = right() - (ago / seconds) * (right() - SIDE);
      const text = ago === 0 ? "now" : seconds > 120 ? `−${ago / 60} min` : `−${ago} s`;
      const anchor = ago === 0 ? "end" : ago === seconds ? "start" : "middle";
      parts.push(makeSvg("text", { x: place, y: HEIGHT - 6, "text-anchor": anchor }, text));
    }
    grid.replaceChildren(...parts);
  }

  function moveTo(second) {
    if (!samples.length) return;
    at = Math.min(Math.max(second, samples[0].second), samples.at(-1).second);
    // If seconds are missing, the nearest sample.
    at = samples.reduce((best, sample) => (Math.abs(sample.second - at) < Math.abs(best.second - at) ? sample : best)).second;
    drawReading();
  }

  function leave() {
    at = null;
    drawReading();
  }

  // A screen reader announces every change of a slider's value, so it changes only when the user moves it.
  function announce() {
    if (!samples.length) return;
    const sample = samples[read()];
    plot.setAttribute("aria-valuemin", samples[0].second);
    plot.setAttribute("aria-valuemax", samples.at(-1).second);
    plot.setAttribute("aria-valuenow", sample.second);
    const values = layers.map((layer) => `${layer.name} ${valueAt(layer, read())}`).join(", ");
    plot.setAttribute("aria-valuetext", `${time(sample.time_ms)}: ${values || empty}`);
  }

  function point(event) {
    if (!samples.length) return;
    const offset = event.clientX - plot.getBoundingClientRect().left;
    moveTo(Math.round(samples.at(-1).second - ((right() - offset) / (right() - SIDE)) * span()[0]));
  }
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  // Lifting a finger also leaves the chart, but the values stay until the next touch elsewhere.
  plot.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && leave());
  plot.addEventListener("focus", announce);
  plot.addEventListener("blur", leave);
  plot.addEventListener("keydown", (event) => {
    if (!samples.length || event.ctrlKey || event.altKey || event.metaKey) return;
    const now = samples[read()].second;
    const step = event.shiftKey ? 10 : 1;
    const target = { ArrowLeft: now - step, ArrowRight: now + step, Home: samples[0].second, End: samples.at(-1).second }[event.key];
    if (target !== undefined) moveTo(target);
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
    announce();
  });

  new ResizeObserver(([{ contentRect }]) => {
    width = Math.floor(contentRect.width);
    svg.setAttribute("width", width);
    draw();
  }).observe(plot);

  return {
    node,
    show(next, words = empty) {
      // A copy, because the array grows before the next drawing.
      samples = next.slice();
      // The selected second stays until it is too old to be shown.
      if (at !== null && samples.length) at = Math.min(Math.max(at, samples[0].second), samples.at(-1).second);
      setText(nothing, words);
      draw();
    },
  };
}

function valueAt(layer, index) {
  const value = layer.values[index];
  return value === null || value === undefined ? "–" : brief(value);
}
