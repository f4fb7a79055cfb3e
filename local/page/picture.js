// Draws the pipeline: fills the boxes of index.html with totals, marks the broken ones, and shows the current rates on the arrows.

import { arrows } from "./arrows.js";
import { byId, icon, keyedList, make, setText } from "./dom.js";
import { brief, count } from "./format.js";
import { overHttp } from "./samples.js";
import { PART_NAMES } from "./status.js";

const FLOW_SECONDS = 3;

export function picture() {
  const root = document.querySelector(".flowchart");
  const totals = [...root.querySelectorAll("[data-total]")];
  const ends = [...root.querySelectorAll("[data-end]")];
  const flows = [...root.querySelectorAll("[data-flow]")];
  const boxes = new Map([...root.querySelectorAll("[data-box]")].map((box) => [box.dataset.box, box]));
  const breakable = [...root.querySelectorAll("[data-part], [data-box=ingest]")];
  const badges = new Map(breakable.map((node) => [node, addBadge(node)]));
  const moves = arrows(root, boxes);
  const tellBroken = keyedList(byId("broken"), ([part]) => part, brokenPart);

  let kinds = new Map(); // topic → kind
  let offsets = []; // [seconds, { kind: end offset }] of the last few messages

  function start(pipeline) {
    kinds = new Map(pipeline.topics.map(({ name, kind }) => [name, kind]));
    offsets = [];
    const other = [...kinds.values()].includes("pass-through");
    boxes.get("pass-through").hidden = !other;
    root.querySelector("[data-flow='pass-through']").parentElement.hidden = !other;
    root.classList.toggle("with-other", other);

    describe(pipeline);
    const archived = pipeline.archive !== null;
    byId("archive-figures").hidden = !archived;
    root.querySelector("[data-flow=archive]").parentElement.hidden = !archived;
    boxes.get("archive").classList.toggle("unused", !archived);
    byId("tables-figures").hidden = !pipeline.tables;
    root.querySelector("[data-flow=tables]").parentElement.hidden = !pipeline.tables;
    boxes.get("tables").classList.toggle("unused", !pipeline.tables);
    boxes.get("emulator").classList.toggle("unused", !pipeline.posts_per_second);
    moves.lay();
  }

  function update({ totals: sums, errors, topics }, samples) {
    for (const node of totals) setText(node, count(sums?.[node.dataset.total]));
    root.querySelector(".loss").hidden = !sums?.records_lost;

    const now = endsByKind(topics ?? []);
    for (const node of ends) setText(node, count(now[node.dataset.end]));
    // Measured by the clock, because the first message does not arrive at the end of a second.
    offsets.push([performance.now() / 1000, now]);
    if (offsets.length > FLOW_SECONDS + 1) offsets.shift();

    for (const node of flows) {
      const rate = rateOf(node.dataset.flow, samples);
      setText(node, rate === null ? "…" : brief(rate));
      node.parentElement.classList.toggle("still", !rate);
      moves.flow(node.dataset.flow, rate ?? 0);
    }
    markBroken(errors ?? {});
  }

  function endsByKind(topics) {
    const sum = {};
    for (const { name, end } of topics) {
      const kind = kinds.get(name);
      sum[kind] = (sum[kind] ?? 0) + end;
    }
    return sum;
  }

  // A sample does not split the emulator's records by kind, so the rates of the topics come from their end offsets.
  function rateOf(flow, samples) {
    if (flow === "api") return samples.average(overHttp);
    if (flow === "emulator") return samples.average((sample) => sample.emulator);
    if (flow === "archive") return samples.average((sample) => sample.archived);
    if (flow === "tables") return samples.average((sample) => sample.table_rows);
    const [then, before] = offsets[0];
    const [seconds, now] = offsets.at(-1);
    if (seconds <= then) return null;
    return Math.max(0, ((now[flow] ?? 0) - (before[flow] ?? 0)) / (seconds - then));
  }

  // Without Kafka nothing can be ingested, so both show as broken.
  function markBroken(errors) {
    for (const [node, badge] of badges) {
      const broken = Boolean(errors[node.dataset.part ?? "kafka"]);
      if (badge.hidden === !broken) continue;
      badge.hidden = !broken;
      if (broken) node.dataset.broken = "true";
      else delete node.dataset.broken;
    }
    tellBroken(Object.keys(PART_NAMES).filter((part) => errors[part]).map((part) => [part, errors[part]]));
  }

  return { start, update };
}

function addBadge(node) {
  const badge = make("span", { class: "badge", hidden: "" }, icon("broken"), "broken");
  node.querySelector("h3").append(badge);
  return badge;
}

function brokenPart([part]) {
  const sentence = make("span");
  const capital = PART_NAMES[part].replace(/^./, (letter) => letter.toUpperCase());
  return {
    node: make("p", null, icon("broken"), make("span", null, make("strong", null, `${capital}: `), sentence)),
    update: ([, problem]) => setText(sentence, problem),
  };
}

function describe({ posts_per_second: rate, rows, kafka, embedded, archive, tables, user_ids: userIds }) {
  setText(byId("emulator-detail"), rate ? `${brief(rate)} post${rate === 1 ? "" : "s"} per second from ${rows}` : "Off");

  const [first, ...others] = (kafka ?? "").split(",");
  const brokers = byId("kafka-detail");
  setText(brokers, `${first}${others.length ? ` and ${others.length} more` : ""}${embedded ? ", in this process" : ""}`);
  brokers.title = kafka ?? "";

  setText(byId("archive-detail"), archive === null ? "Off" : archive);
  setText(byId("tables-detail"), tables ? "Delta tables of cleaned rows, one for each kind" : "Off");
  setText(byId("picture-note"), userIds?.length > 1
    ? `The topics of ${userIds.length} user ids are summed by kind: ${userIds.join(", ")}.`
    : "");
  const users = `${userIds?.length > 1 ? "User ids" : "User id"} ${userIds?.join(", ")}`;
  setText(byId("footer"), `${users} · Kafka ${kafka} · Archive ${archive ?? "off"}`);
}
