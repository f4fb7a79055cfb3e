// Draws the latest posts as cards, each with its three records and, on demand, the archived bytes of a record.

import { byId, disclosure, fetchBeginning, isRead, keyedList, make, moment, setText } from "./dom.js";
import { count, fileName } from "./format.js";

const KINDS = ["pin", "geo", "user"];
/** The interval at which the cards change when posts arrive faster than they can be read. */
const RENEW_MS = 4_000;

export function posts() {
  const list = document.querySelector(".posts");
  const state = byId("posts-state");
  const pause = byId("posts-pause");
  let started = 0;
  let shown = [];
  let renewed = 0;
  let passedBy = false; // true if none of the cards is among the newest posts
  let paused = false;

  const show = keyedList(list, (post) => `${started}/${post.id}`, card);

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    setText(pause, paused ? "Resume" : "Pause");
    say();
  });

  function held() {
    if (paused) return "Paused.";
    if (list.querySelector("details[open]")) return "Paused while a record is open.";
    if (isRead(list)) return "Paused while you are on a card.";
    return null;
  }

  function say() {
    const goesOn = passedBy ? "Posts arrive faster than you can read: the newest twelve, every few seconds." : "Newest first.";
    setText(state, held() ?? goesOn);
  }

  return {
    start(pipeline) {
      started = pipeline.started_ms;
      shown = [];
      show(shown);
    },
    update({ posts: newest }) {
      const all = newest ?? [];
      const known = new Map(all.map((post) => [post.id, post]));
      passedBy = shown.length > 0 && !shown.some((post) => known.has(post.id));
      const waits = held() || (passedBy && performance.now() - renewed < RENEW_MS);
      if (waits && shown.length) {
        // The cards stay, and still show where their records are archived.
        shown = shown.map((post) => known.get(post.id) ?? { ...post, gone: true });
      } else {
        shown = all;
        renewed = performance.now();
      }
      show(shown);
      byId("posts-empty").hidden = shown.length > 0;
      say();
    },
  };
}

function card(first) {
  const about = make("div", { class: "about" });
  const list = make("div", { class: "records" });
  const node = make("li", { class: "post", "data-id": first.id }, about, list);
  const records = new Map();

  function update(now) {
    // The three records of a post may arrive one after the other, and each adds details.
    const missing = KINDS.filter((kind) => now.records?.[kind] && !records.has(kind));
    if (missing.length) {
      for (const kind of missing) records.set(kind, record(kind, now.records[kind]));
      about.replaceChildren(...facts(now));
      list.replaceChildren(...KINDS.filter((kind) => records.has(kind)).map((kind) => records.get(kind).node));
      node.style.setProperty("--hue", hue(now.category ?? ""));
    }
    for (const [kind, one] of records) one.update(now.records?.[kind], now.gone);
  }
  return { node, update };
}

function facts({ title, poster_name: poster, follower_count: followers, category, media, country, user, age, date_joined: joined, time_ms: when }) {
  return [
    make("p", { class: "post-top" }, make("span", { class: "category" }, category ?? "no category"), moment(when)),
    make("h3", { title }, title ?? "A post without its pin record"),
    make("p", { class: "poster", title: poster }, make("span", null, poster ?? "Unknown poster"), followers ? ` · ${followers} followers` : null),
    make("dl", null,
      fact("From", country ?? "unknown"),
      fact("User", user ? `${user}${age === null || age === undefined ? "" : `, ${age}`}` : "unknown"),
      fact("Joined", joined ? joined.slice(0, 10) : "unknown"),
      fact("Media", media ?? "unknown")),
  ];
}

function fact(name, value) {
  return make("div", null, make("dt", null, name), make("dd", { title: value }, value));
}

function record(kind, { topic, partition, offset }) {
  const object = make("span", { class: "object" });
  let path = null;
  const node = disclosure([
    make("span", { class: `swatch ${kind}` }),
    make("span", { class: "where" },
      make("span", { class: "topic" }, topic),
      make("span", { class: "offset" }, `partition ${partition} · offset ${count(offset)}`),
      object),
  ], async () => {
    const { text, answer } = await fetchBeginning(`/live/record?${new URLSearchParams({ topic, partition, offset })}`);
    show(answer.headers.get("x-object"));
    return text;
  });

  function show(now, gone) {
    path = now ?? path;
    setText(object, path ? fileName(path) : gone ? "Open it to check if it is archived" : "Not archived yet");
    object.classList.toggle("stored", path !== null);
    if (path) object.title = path;
  }
  return { node, update: (now, gone) => show(now?.object, gone) };
}

/** Returns a hue that depends only on the text, so that a category keeps its colour. */
function hue(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}
