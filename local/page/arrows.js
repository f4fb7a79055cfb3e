// Lays the arrows of the picture between its boxes, from left to right or, on a narrow screen, downwards, and moves dots along
// them: a higher rate has more dots.

import { make, makeSvg } from "./dom.js";

/** The boxes an arrow connects, and the flow it shows. */
const ARROWS = [
  ["api", "ingest", "api"],
  ["emulator", "ingest", "emulator"],
  ["ingest", "pin", "pin"],
  ["ingest", "geo", "geo"],
  ["ingest", "user", "user"],
  ["ingest", "pass-through", "pass-through"],
  ["pin", "archive", "archive"],
  ["geo", "archive", "archive"],
  ["user", "archive", "archive"],
  ["archive", "tables", "tables"],
];
const LABELLED = "geo"; // the arrow to the archive that carries the figure of their common flow
const PIXELS_A_SECOND = 55;
const STEPS = 16; // straight segments of a dot's path

export function arrows(root, boxes) {
  const svg = root.querySelector(".arrows");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const laid = ARROWS.map(([from, to, flow]) => {
    const path = svg.appendChild(makeSvg("path", { "marker-end": "url(#arrowhead)" }));
    const label = to !== "archive" || from === LABELLED ? root.querySelector(`[data-flow="${flow}"]`).parentElement : null;
    return { from, to, flow, path, label, dots: [] };
  });

  const kafka = root.querySelector(".kafka");
  const rates = new Map(); // by the name of the flow

  function lay() {
    const origin = root.getBoundingClientRect();
    const rects = new Map([...boxes].map(([name, box]) => [name, within(origin, box.getBoundingClientRect())]));
    const downwards = rects.get("ingest").top > rects.get("api").bottom;
    if (downwards) endAtKafka(rects, within(origin, kafka.getBoundingClientRect()));
    for (const arrow of laid) {
      const box = rects.get(arrow.to);
      const unused = [arrow.from, arrow.to].some((name) => boxes.get(name).classList.contains("unused"));
      arrow.path.classList.toggle("unused", unused);
      arrow.path.toggleAttribute("hidden", !box.width || !rects.get(arrow.from).width);
      const below = downwards || arrow.to === "tables";
      arrow.path.setAttribute("d", curve(rects.get(arrow.from), box, below));
      if (arrow.label) place(arrow, below);
      setDots(arrow, 0);
    }
  }

  function flow(name, rate) {
    rates.set(name, rate);
    for (const arrow of laid) setDots(arrow, still.matches ? 0 : dotsFor(rateOf(arrow)));
  }

  // The archive's rate is a sum over all topics: each of their arrows moves like its topic while anything is archived.
  function rateOf({ from, to, flow: name }) {
    const rate = rates.get(name) ?? 0;
    return to === "archive" && rate > 0 ? (rates.get(from) ?? 0) : rate;
  }

  function setDots(arrow, number) {
    if (arrow.dots.length === number) return;
    for (const dot of arrow.dots) {
      for (const animation of dot.getAnimations()) animation.cancel();
      dot.remove();
    }
    arrow.dots = [];
    if (arrow.path.hasAttribute("hidden")) return;
    const length = arrow.path.getTotalLength();
    const way = Array.from({ length: STEPS + 1 }, (_, step) => {
      const { x, y } = arrow.path.getPointAtLength((length * step) / STEPS);
      return { transform: `translate(${x}px, ${y}px)`, opacity: step === 0 || step === STEPS ? 0 : 1 };
    });
    const duration = (length / PIXELS_A_SECOND) * 1000;
    for (let index = 0; index < number; index += 1) {
      const dot = make("i", { class: `dot ${arrow.from} to-${arrow.to}`, "aria-hidden": "true" });
      root.append(dot);
      // Only transforms are animated off the main thread.
      dot.animate(way, { duration, delay: (-duration * index) / number, iterations: Infinity });
      arrow.dots.push(dot);
    }
  }

  // Boxes grow with their figures and wrap with the window, and the arrows follow.
  const watch = new ResizeObserver(lay);
  watch.observe(root);
  for (const box of boxes.values()) watch.observe(box);

  return { lay, flow };
}

function dotsFor(rate) {
  if (rate <= 0) return 0;
  return Math.min(6, 1 + Math.floor(Math.log10(1 + rate) * 2));
}

function within(origin, { left, top, width, height }) {
  const x = left - origin.left;
  const y = top - origin.top;
  return { left: x, top: y, right: x + width, bottom: y + height, width, height };
}

/** Ends downward arrows at the frame around the topics, so that they do not cross its heading. */
function endAtKafka(rects, { top, bottom }) {
  for (const topic of ["pin", "geo", "user", "pass-through"]) {
    const rect = rects.get(topic);
    if (rect.width) rects.set(topic, { ...rect, top, bottom });
  }
}

function curve(from, to, downwards) {
  if (downwards) {
    const [x1, y1, x2, y2] = [from.left + from.width / 2, from.bottom, to.left + to.width / 2, to.top];
    const middle = (y1 + y2) / 2;
    return `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2 - 1}`;
  }
  const [x1, y1, x2, y2] = [from.right, from.top + from.height / 2, to.left, to.top + to.height / 2];
  const middle = (x1 + x2) / 2;
  return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2 - 1} ${y2}`;
}

// Where arrows share an end, the figure is nearer to the other end.
function place({ from, path, label }, downwards) {
  const fansOut = from === "ingest";
  const share = fansOut ? 0.62 : downwards || from === LABELLED ? 0.5 : 0.4;
  const { x, y } = path.getPointAtLength(path.getTotalLength() * share);
  label.style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%)`;
}
