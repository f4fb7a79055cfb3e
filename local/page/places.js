// Draws the origins of the posts: a map of the latest places, and the ranked categories and countries.

import { byId, keyedList, make, makeSvg, setText } from "./dom.js";
import { count, plural } from "./format.js";

/** The limits of the age groups, counted from the newest place. Each group is one path, because 500 circles would be slow. */
const AGES = [1, 20, 80, 200, 500];

export function places() {
  const svg = drawMap();
  const dots = AGES.map((_, age) => makeSvg("path", { class: `age-${age}` }));
  svg.append(...dots.toReversed());
  const caption = make("p", { class: "detail" });
  document.querySelector(".map").append(svg, caption);
  const showCategories = ranked(byId("categories"));
  const showCountries = ranked(byId("countries"));

  return {
    update({ places: all, categories, countries }) {
      const known = all ?? [];
      AGES.forEach((to, age) => {
        const some = known.slice(AGES[age - 1] ?? 0, to);
        // A line without length and with round ends is a dot.
        dots[age].setAttribute("d", some.map(([latitude, longitude]) => `M${longitude} ${-latitude}h0`).join(""));
      });
      setText(caption, known.length
        ? `${plural(known.length, "place")}; the newest, in orange, is ${degrees(known[0][0], "N", "S")}, ${degrees(known[0][1], "E", "W")}.`
        : "No places yet.");
      showCategories(categories ?? []);
      showCountries(countries ?? []);
    },
  };
}

// Equirectangular projection.
function drawMap() {
  const svg = makeSvg("svg", { viewBox: "-184 -94 368 188", role: "img", "aria-label": "Map of the places of the latest posts" });
  svg.append(makeSvg("rect", { x: -180, y: -90, width: 360, height: 180 }));
  const lines = [];
  for (let longitude = -150; longitude < 180; longitude += 30) lines.push(`M${longitude} -90V90`);
  for (let latitude = -60; latitude < 90; latitude += 30) lines.push(`M-180 ${latitude}H180`);
  svg.append(
    makeSvg("path", { class: "graticule", d: lines.join("") }),
    makeSvg("path", { class: "axis", d: "M-180 0H180M0 -90V90" }),
    makeSvg("text", { x: -177, y: -3 }, "Equator"),
    makeSvg("text", { x: 3, y: 86 }, "Prime meridian"),
  );
  return svg;
}

function degrees(number, positive, negative) {
  return `${Math.abs(number).toFixed(1)}° ${number < 0 ? negative : positive}`;
}

function ranked(list) {
  const show = keyedList(list, ([name]) => name, ([name]) => {
    const bar = make("span", { class: "bar-fill" });
    const number = make("b");
    return {
      node: make("li", null,
        make("span", { class: "name", title: name }, name),
        number,
        make("span", { class: "bar-track", "aria-hidden": "true" }, bar)),
      update: ([, posts, share]) => {
        setText(number, count(posts));
        bar.style.transform = `scaleX(${share})`;
      },
    };
  });
  return (rows) => show(rows.map(([name, posts]) => [name, posts, posts / rows[0][1]]));
}
