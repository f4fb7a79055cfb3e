// Draws a question's answer: a list of bars, or a table whose cells are shaded by their values.

import { keyedList, make, setText } from "./dom.js";
import { brief, count } from "./format.js";

/**
 * A bar for each value of the column `label`, with the values of the column `name` beside it. Rows with the same label are ties:
 * they have one bar. `ranked` puts the longest bars first, `best` names the rows in place 1.
 */
export function bars({ label, name, value, ranked, best }) {
  const node = make("ol", { class: "bars" });
  const show = keyedList(node, ({ key }) => key, ({ key }) => {
    const number = make("data");
    const names = name ? make("span", { class: "names" }) : null;
    const item = make("li", null, key, number, names);
    return {
      node: item,
      update(bar) {
        number.value = bar.value;
        number.title = count(bar.value);
        setText(number, brief(bar.value));
        if (names) setText(names, bar.isBest ? `${bar.names.join(", ")} (${best})` : bar.names.join(", "));
        item.classList.toggle("best", bar.isBest);
        item.style.setProperty("--share", bar.share);
      },
    };
  });

  return {
    node,
    show({ columns, rows }) {
      const at = (column) => columns.indexOf(column);
      const byLabel = Map.groupBy(rows, (row) => String(row[at(label)]));
      const most = Math.max(1, ...rows.map((row) => row[at(value)]));
      const all = [...byLabel].map(([key, ties]) => ({
        key,
        names: ties.map((row) => row[at(name)] ?? "unknown"),
        value: ties[0][at(value)],
        isBest: Boolean(best) && ties[0][at("place")] === 1,
        share: ties[0][at(value)] / most,
      }));
      show(ranked ? all.toSorted((one, other) => other.value - one.value) : all);
    },
  };
}

/**
 * A table with a row for each value of the column `down`, perhaps `sorted` by it, and a column for each of `across`. `best` names the
 * cells in place 1.
 */
export function grid({ down, across, value, sorted, best }) {
  const head = make("tr");
  const body = make("tbody");
  const node = make("table", { class: "grid-table" }, make("thead", null, head), body);

  return {
    node,
    show({ columns, rows }) {
      const at = (column) => columns.indexOf(column);
      const most = Math.log1p(Math.max(1, ...rows.map((row) => row[at(value)])));
      const heads = [...new Set(rows.map((row) => row[at(across)]))].sort();
      const cell = (row) => {
        if (!row) return make("td");
        const isBest = Boolean(best) && row[at("place")] === 1;
        const number = make("data", { value: row[at(value)], title: count(row[at(value)]) }, brief(row[at(value)]));
        const td = make("td", isBest ? { class: "best" } : null, number, isBest ? make("span", { class: "hidden" }, ` (${best})`) : null);
        // The values span several powers of ten.
        td.style.setProperty("--share", Math.log1p(row[at(value)]) / most);
        return td;
      };
      head.replaceChildren(make("td"), ...heads.map((name) => make("th", { scope: "col" }, String(name))));
      const lines = [...Map.groupBy(rows, (row) => String(row[at(down)]))];
      if (sorted) lines.sort(([one], [other]) => one.localeCompare(other, "en"));
      body.replaceChildren(...lines.map(([name, of]) =>
        make("tr", null, make("th", { scope: "row" }, name), ...heads.map((key) => cell(of.find((row) => row[at(across)] === key))))));
    },
  };
}
