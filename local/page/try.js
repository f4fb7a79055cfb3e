// Draws "Try it": sends an editable row, shows the response, and formats the same request for a shell and for Python.

import { byId, copyButton, make, setText } from "./dom.js";
import { curl, python, requestOf } from "./snippets.js";

const SHOWN_HEADERS = ["content-type", "retry-after"];

export function tryIt() {
  const topic = byId("try-topic");
  const row = byId("try-row");
  const problem = byId("try-problem");
  const send = byId("try-send");
  let examples = {};

  function target() {
    const { topic: name, stream } = topic.selectedOptions[0]?.dataset ?? {};
    return { topic: name ?? "", stream: stream ?? null };
  }

  function reset() {
    const kind = topic.selectedOptions[0]?.dataset.kind;
    row.value = JSON.stringify(examples[kind] ?? { any: "record" }, null, 2);
    look();
  }

  function look() {
    const wrong = jsonError(row.value);
    setText(problem, wrong ? `This is not JSON: ${wrong}. You can send it anyway and read the error.` : "");
    row.setAttribute("aria-invalid", Boolean(wrong));
    setText(byId("try-curl"), curl(target(), row.value));
    setText(byId("try-python"), python(target(), row.value, !wrong));
    byId("try-read").href = `/topics/${encodeURIComponent(target().topic)}/records`;
  }

  topic.addEventListener("change", reset);
  row.addEventListener("input", look);
  byId("try-reset").addEventListener("click", reset);
  byId("try-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    // Not `disabled`, which would remove the focus.
    if (send.hasAttribute("aria-disabled")) return;
    send.setAttribute("aria-disabled", "true");
    await ask(target(), row.value);
    send.removeAttribute("aria-disabled");
  });
  copyButton(byId("curl-copy"), byId("try-curl"));
  copyButton(byId("python-copy"), byId("try-python"));

  return {
    start(pipeline) {
      const chosen = topic.value;
      examples = pipeline.examples ?? {};
      byId("try-read-line").hidden = !pipeline.reads_back;
      const options = pipeline.topics.map(({ name, kind }) => make("option", { value: name, "data-kind": kind, "data-topic": name }, name));
      const streams = pipeline.topics.filter(({ kind }) => examples[kind]).map(({ name, kind }) => {
        const stream = `streaming-${name.slice(0, -kind.length - 1)}-${kind}`;
        return make("option", { value: `stream ${stream}`, "data-kind": kind, "data-topic": name, "data-stream": stream }, stream);
      });
      topic.replaceChildren(...options, ...streams);
      // After a restart with the same topics, the edited row is kept.
      if (chosen && [...topic.options].some(({ value }) => value === chosen)) topic.value = chosen;
      else reset();
    },
  };
}

function jsonError(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error.message;
  }
}

async function ask(target, row) {
  const place = byId("try-answer");
  const begin = performance.now();
  place.replaceChildren(make("p", { class: "empty" }, "Sending…"));
  try {
    const { method, address, type, body } = requestOf(target, row);
    const answer = await fetch(address, { method, headers: { "Content-Type": type }, body });
    const text = await answer.text();
    const duration = Math.round(performance.now() - begin);
    const shown = SHOWN_HEADERS.filter((name) => answer.headers.has(name)).map((name) => `${name}: ${answer.headers.get(name)}`);
    place.replaceChildren(
      make("p", { class: answer.ok ? "answer-status good" : "answer-status bad" },
        make("strong", null, `${answer.status} ${answer.statusText}`.trim()),
        ` in ${duration} ms`),
      make("pre", { tabindex: "0" }, [...shown, "", pretty(text)].join("\n")));
  } catch {
    place.replaceChildren(make("p", { class: "answer-status bad" }, make("strong", null, "No response."), " The pipeline is not running."));
  }
}

function pretty(text) {
  return jsonError(text) ? text : JSON.stringify(JSON.parse(text), null, 2);
}
