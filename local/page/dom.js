// Helpers that build the page's elements. Data is inserted as text, never as HTML, because posts are untrusted input.

import { size, time } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

/** Creates an HTML element with attributes and children. Strings become text, `null` is omitted. */
export function make(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Creates an SVG element. */
export function makeSvg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Creates the icon that index.html defines as `icon-<name>`. */
export function icon(name) {
  return makeSvg("svg", { class: "icon", "aria-hidden": "true" }, makeSvg("use", { href: `#icon-${name}` }));
}

/** Creates a `<time>` that shows the time of day; null if the time is unknown. */
export function moment(milliseconds) {
  if (!Number.isFinite(milliseconds)) return null;
  return make("time", { datetime: new Date(milliseconds).toISOString() }, time(milliseconds));
}

/** Sets the text only if it differs, to avoid needless layout and announcements. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function byId(id) {
  return document.getElementById(id);
}

/**
 * Creates a list whose items keep their elements across updates, so that focus and open details stay. `create(item)` returns
 * `{ node, update }`; the returned function takes the current items.
 */
export function keyedList(parent, keyOf, create) {
  const shown = new Map();
  return (items) => {
    const keys = new Set(items.map(keyOf));
    for (const [key, { node }] of shown) {
      if (!keys.has(key)) {
        node.remove();
        shown.delete(key);
      }
    }
    // Removed items go first, so that no remaining element has to move: moving it would lose its focus.
    let next = parent.firstChild;
    for (const item of items) {
      const key = keyOf(item);
      if (!shown.has(key)) shown.set(key, create(item));
      const { node, update } = shown.get(key);
      if (node === next) next = next.nextSibling;
      else parent.insertBefore(node, next);
      update?.(item);
    }
  };
}

/** Returns whether the user reads the element: the pointer is over it, or the focus in it. A list must not move then. */
export function isRead(element) {
  return element.matches(":hover, :focus-within");
}

/** Creates a `<details>` that loads its text each time it is opened. `load` returns the text or throws an error with a message. */
export function disclosure(summary, load) {
  const text = make("pre", { tabindex: "0" });
  const node = make("details", null, make("summary", null, ...summary), text);
  node.addEventListener("toggle", async () => {
    if (!node.open) return;
    setText(text, "Loading…");
    try {
      setText(text, await load());
    } catch (error) {
      setText(text, error.message);
    }
  });
  return node;
}

/** Has a button copy the text of `source`. */
export function copyButton(button, source) {
  const label = button.textContent;
  let back;
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      // Browsers permit the clipboard only on this machine and over https.
      source.closest("details")?.setAttribute("open", "");
      getSelection().selectAllChildren(source);
      said = "Selected: press Ctrl-C";
    }
    setText(button, said);
    clearTimeout(back);
    back = setTimeout(() => setText(button, label), 2_000);
  });
}

/** Fetches a text. If the server truncates it, a last line is added that says so. */
export async function fetchBeginning(address) {
  const { text, answer } = await fetchText(address);
  const whole = answer.headers.get("x-whole-bytes");
  return { text: whole ? `${text}\n… the beginning of ${size(Number(whole))}` : text, answer };
}

/** Fetches a text with its response. An error response becomes an error with the server's message. */
export async function fetchText(address) {
  let answer;
  try {
    answer = await fetch(address, { cache: "no-store" });
  } catch {
    throw new Error("The pipeline does not respond.");
  }
  const text = await answer.text();
  if (!answer.ok) throw new Error(messageIn(text) ?? `The response is ${answer.status}.`);
  return { text, answer };
}

function messageIn(text) {
  try {
    return JSON.parse(text).message;
  } catch {
    return null;
  }
}
