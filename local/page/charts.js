// Defines the four charts: the metrics they show, and the colours.

import { chart } from "./drawing.js";

const CODE_COLOURS = ["var(--code-1)", "var(--code-2)", "var(--code-3)", "var(--code-4)", "var(--code-5)", "var(--code-6)"];

export function charts() {
  let passThrough = false;
  let archived = true;
  const colours = new Map(); // error_code → colour, in order of appearance, so that none changes

  const traffic = chart({
    title: "Traffic: records written",
    about: "Per second: from the emulator, and over HTTP by kind",
    empty: "Nothing written yet.",
    layersOf: (samples) => [
      area("emulator", "var(--emulator)", samples.map((sample) => sample.emulator)),
      area("pin", "var(--pin)", samples.map((sample) => sample.pin)),
      area("geo", "var(--geo)", samples.map((sample) => sample.geo)),
      area("user", "var(--user)", samples.map((sample) => sample.user)),
      ...(passThrough ? [area("other", "var(--other)", samples.map((sample) => sample.pass_through))] : []),
    ],
  });

  const refused = chart({
    title: "Requests refused, by error_code",
    about: "Per second; the API documentation explains the codes",
    empty: "No requests refused in the last ten minutes.",
    layersOf: (samples) => {
      const codes = [...new Set(samples.flatMap((sample) => Object.keys(sample.refused ?? {})))].sort();
      return codes.map((code) => {
        if (!colours.has(code)) colours.set(code, CODE_COLOURS[colours.size % CODE_COLOURS.length]);
        return area(code, colours.get(code), samples.map((sample) => sample.refused?.[code] ?? 0));
      });
    },
  });

  const produce = chart({
    title: "Time to produce, ms",
    about: "Until Kafka acknowledges the records of a request, and of the emulator",
    empty: "Nothing produced yet.",
    layersOf: (samples) => [
      line("p99", "var(--p99)", samples.map((sample) => sample.p99_ms ?? null)),
      line("p50", "var(--p50)", samples.map((sample) => sample.p50_ms ?? null)),
      line("emulator, p50", "var(--emulator)", samples.map((sample) => sample.emulator_p50_ms ?? null)),
    ],
  });

  const stored = chart({
    title: "Archive: stored, and behind",
    about: "Left scale: records stored per second, averaged over three. Right scale: records behind",
    empty: "Nothing archived yet.",
    layersOf: (samples) => !archived ? [] : [
      area("stored", "var(--stored)", overThree(samples.map((sample) => sample.archived))),
      { ...line("behind", "var(--behind)", samples.map((sample) => sample.lag ?? null)), right: true },
    ],
  });

  const all = [traffic, refused, produce, stored];
  document.querySelector(".charts").append(...all.map(({ node }) => node));

  return {
    start(pipeline) {
      passThrough = pipeline.topics.some(({ kind }) => kind === "pass-through");
      archived = pipeline.archive !== null;
      colours.clear();
    },
    // One frame per chart: with ten minutes of samples, all four at once would be a long task on a slow machine.
    async update(news, { samples }) {
      for (const one of all) {
        one.show(samples, one === stored && !archived ? "This process runs without an archive." : undefined);
        await new Promise(requestAnimationFrame);
      }
    },
  };
}

/** Averages over three seconds, because the archive runs about once a second: a single second has none of its runs or two. */
function overThree(values) {
  return values.map((value, at) => (value + (values[at - 1] ?? value) + (values[at - 2] ?? value)) / 3);
}

function area(name, colour, values) {
  return { name, colour, values, shape: "area" };
}

function line(name, colour, values) {
  return { name, colour, values, shape: "line" };
}
