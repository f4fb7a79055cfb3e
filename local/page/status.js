// Draws the status in the header: working, the broken components, or not running.

import { byId, setText } from "./dom.js";

export const PART_NAMES = { emulator: "emulator", kafka: "Kafka", archive: "archive", tables: "tables" };

export function status() {
  const pill = byId("status");
  const icon = pill.querySelector("use");
  const text = pill.querySelector("span");

  function say(state, sentence) {
    if (pill.dataset.state !== state) {
      pill.dataset.state = state;
      icon.setAttribute("href", `#icon-${state}`);
    }
    setText(text, sentence);
    document.title = state === "works" ? "Pinterest data pipeline" : `${sentence} · Pinterest data pipeline`;
    document.documentElement.classList.toggle("stale", state === "gone");
  }

  return {
    update({ errors }) {
      const broken = Object.keys(PART_NAMES).filter((part) => errors?.[part]);
      if (broken.length) say("broken", `Broken: ${broken.map((part) => PART_NAMES[part]).join(", ")}`);
      else say("works", "Working");
    },
    lost() {
      say("gone", "The pipeline is not running");
    },
  };
}
