// Small helpers that build the page's elements. What comes from the server is put in as text and never as HTML: a post's title is
// a stranger's.

import { size, time } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element with attributes and children. A string among the children becomes text; `null` is left out. */
export function make(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for an element of SVG. */
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

/** One of the pictures that index.html defines as `icon-<name>`. */
export function icon(name) {
  return makeSvg("svg", { class: "icon", "aria-hidden": "true" }, makeSvg("use", { href: `#icon-${name}` }));
}

/** A moment as a time of day, which a machine can read in full; nothing where it is not known. */
export function moment(milliseconds) {
  if (!Number.isFinite(milliseconds)) return null;
  return make("time", { datetime: new Date(milliseconds).toISOString() }, time(milliseconds));
}

/** Changes the text only where it differs, so that nothing is laid out or announced again for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function byId(id) {
  return document.getElementById(id);
}

/**
 * A list whose items keep their elements from one update to the next, so what is open stays open and focus stays where it is.
 * `create(item)` gives `{ node, update }`; the function that comes back takes the items as they are now.
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
    // The ones that went are removed first: so none of those that stay has to move, and a moved element would lose its focus.
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

/** Whether somebody reads the element just now: the mouse is over it, or the focus in it. A list that moves then is a nuisance. */
export function isRead(element) {
  return element.matches(":hover, :focus-within");
}

/** A `<details>` that asks for its text each time it is opened. `load` gives the text, or throws an error that says why there is none. */
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

/** The text at an address of which the server may give the beginning alone: then a last line says so. */
export async function fetchBeginning(address) {
  const { text, answer } = await fetchText(address);
  const whole = answer.headers.get("x-whole-bytes");
  return { text: whole ? `${text}\n… the beginning of ${size(Number(whole))}` : text, answer };
}

/** The text at an address, with the answer it came in; an answer that is not 200 becomes an error with the server's message. */
export async function fetchText(address) {
  let answer;
  try {
    answer = await fetch(address, { cache: "no-store" });
  } catch {
    throw new Error("The pipeline does not answer.");
  }
  const text = await answer.text();
  if (!answer.ok) throw new Error(messageIn(text) ?? `The answer is ${answer.status}.`);
  return { text, answer };
}

function messageIn(text) {
  try {
    return JSON.parse(text).message;
  } catch {
    return null;
  }
}
