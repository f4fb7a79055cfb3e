// Draws the refused requests with their error messages, and the records in the quarantine.

import { byId, disclosure, fetchBeginning, icon, isRead, keyedList, make, moment, setText } from "./dom.js";
import { fileName, plural } from "./format.js";

export function refusals() {
  let started = 0;
  const list = document.querySelector(".refusals");
  const showRefusals = keyedList(list, ({ id }) => `${started}/${id}`, refusal);
  const showQuarantine = keyedList(document.querySelector(".quarantine"), ({ path }) => `${started}/${path}`, quarantined);
  const empty = byId("quarantine-empty");

  return {
    start(pipeline) {
      started = pipeline.started_ms;
      showRefusals([]);
      showQuarantine([]);
    },
    update({ refusals: refused, archive }) {
      // The list stays while the user reads it.
      if (!isRead(list) && !list.querySelector("details[open]")) showRefusals(refused ?? []);
      byId("refusals-empty").hidden = refused?.length > 0;
      showQuarantine(archive?.quarantine ?? []);
      empty.hidden = archive?.quarantine?.length > 0;
      setText(empty, archive ? "The quarantine is empty." : "This process runs without an archive.");
    },
  };
}

function refusal({ id, time_ms: when, method, path, status, error_code: code, message, violations, sent, cut }) {
  const ofEmulator = method === "emulator";
  const body = make("pre", { tabindex: "0" }, sent || "(an empty body)");
  const node = make("li", { class: "refusal panel", "data-id": id },
    make("div", { class: "refusal-top" },
      make("strong", { class: "code" }, icon("broken"), ofEmulator ? "Not valid" : `${status}`),
      ofEmulator ? null : make("span", { class: "error-code", title: "error_code" }, `${code}`),
      make("code", null, ofEmulator ? "a row of the emulator's database" : `${method} ${path}`),
      moment(when)),
    make("p", { class: "message" }, message),
    violations?.length ? make("ul", { class: "violations" }, ...violations.map(violation)) : null,
    make("details", null, make("summary", null, cut ? "Request body (its beginning)" : "Request body"), body,
      cut ? make("p", { class: "detail" }, "Only the beginning is kept.") : null));
  return { node };
}

function violation({ record, row, field, problem }) {
  return make("li", null,
    make("span", { class: "detail" }, row === undefined ? `record ${record}` : `record ${record}, row ${row}`), " ",
    field === null || field === undefined ? null : make("code", null, field), " ",
    make("span", null, problem));
}

function quarantined({ path, offset, bytes }) {
  const node = disclosure([
    make("span", { class: "where" },
      make("code", { title: path }, fileName(path)),
      make("span", { class: "detail" }, `offset ${offset}, ${plural(bytes, "byte")}`)),
  ], async () => (await fetchBeginning(`/live/object?${new URLSearchParams({ path })}`)).text);
  return { node: make("li", { class: "panel" }, node) };
}
