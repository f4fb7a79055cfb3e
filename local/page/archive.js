// Draws the archive as a tree of folders with the newest objects of each partition, and a preview of the chosen object.

import { byId, fetchText, isRead, keyedList, make, setText } from "./dom.js";
import { count, fileName, plural, size } from "./format.js";

const LINES = 40;
const LONGEST_PREVIEW = 20_000; // characters: a line may have a megabyte

export function archive() {
  const panel = document.querySelector("div.archive");
  const empty = byId("archive-empty");
  const summary = byId("archive-summary");
  const root = folder("topics/");
  document.querySelector(".tree").append(root.node);
  const showTopics = keyedList(root.list, ({ name }) => name, topicFolder);
  let place = "";

  return {
    start(pipeline) {
      place = pipeline.archive;
      showTopics([]);
      clearPreview();
    },
    update({ archive: now }) {
      panel.hidden = !now?.objects;
      empty.hidden = !panel.hidden;
      setText(empty, now ? "Nothing has been archived since the start." : "This process runs without an archive.");
      setText(summary, now ? `Since the start: ${plural(now.objects, "object")}, ${size(now.bytes)}, in ${place}` : "");
      if (!now) return;
      const topics = Map.groupBy(now.partitions ?? [], ({ topic }) => topic);
      showTopics([...topics].map(([name, partitions], index) => ({
        name,
        // The first folder starts open, as an example.
        partitions: partitions.map((partition, nth) => ({ ...partition, first: index + nth === 0 })),
      })));
      root.figures(now.partitions ?? []);
    },
  };
}

function topicFolder({ name }) {
  const { node, list, figures } = folder(`${name}/`);
  const show = keyedList(list, ({ partition }) => partition, partitionFolder);
  return {
    node,
    update({ partitions }) {
      figures(partitions);
      show(partitions);
    },
  };
}

function partitionFolder({ partition, first }) {
  const { node, list, figures } = folder(`partition=${partition}/`, first);
  const show = keyedList(list, ({ path }) => path, object);
  const more = make("p", { class: "detail more" });
  list.after(more);
  let shown = [];
  return {
    node,
    update(now) {
      figures([now]);
      // A row that moves under the pointer cannot be clicked.
      const waits = isRead(list) && shown.length > 0;
      if (!waits) shown = now.latest ?? [];
      show(shown);
      const others = now.objects - shown.length;
      setText(more, `${others > 0 ? `and ${count(others)} others` : ""}${waits ? " (paused while you are on the list)" : ""}`);
    },
  };
}

function folder(name, open = true) {
  const sum = make("span", { class: "detail" });
  const list = make("ul");
  const details = make("details", null, make("summary", null, make("code", null, name), " ", sum), list);
  details.open = open;
  return {
    node: make("li", null, details),
    list,
    figures(partitions) {
      const total = (valueOf) => partitions.reduce((so_far, partition) => so_far + (valueOf(partition) ?? 0), 0);
      setText(sum, `${plural(total(({ objects }) => objects), "object")}, ${size(total(({ bytes }) => bytes))}`);
    },
  };
}

function object({ path, bytes }) {
  const button = make("button", { type: "button", class: "object-name", title: path },
    make("code", null, fileName(path)),
    make("span", { class: "detail" }, size(bytes)));
  button.addEventListener("click", () => preview(path, bytes));
  return { node: make("li", null, button) };
}

async function preview(path, bytes) {
  const title = byId("preview-title");
  const detail = byId("preview-detail");
  const text = byId("preview-text");
  setText(title, fileName(path));
  // Newer objects soon displace the chosen row, which would lose the focus.
  title.focus();
  setText(detail, "Loading…");
  text.hidden = true;
  const chosen = () => title.textContent === fileName(path); // The user may have chosen another one meanwhile.
  try {
    const { text: start, answer } = await fetchText(`/live/object?${new URLSearchParams({ path })}`);
    if (!chosen()) return;
    const shown = start.split("\n").slice(0, LINES).join("\n").slice(0, LONGEST_PREVIEW);
    const all = shown.trimEnd() === start.trimEnd() && !answer.headers.has("x-whole-bytes");
    setText(detail, `${path}: ${all ? "" : "the beginning of "}${size(bytes)}`);
    setText(text, shown);
    text.hidden = false;
    // On a phone the preview is below the tree.
    text.parentElement.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (chosen()) setText(detail, error.message);
  }
}

function clearPreview() {
  setText(byId("preview-title"), "Preview");
  setText(byId("preview-detail"), "Choose an object in the tree to see its first lines.");
  byId("preview-text").hidden = true;
}
