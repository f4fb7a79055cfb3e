// Wires the page: follows the pipeline, keeps the samples, and lets each section draw the newest state, one section a frame.

import { status } from "./status.js";
import { follow } from "./feed.js";
import { Samples } from "./samples.js";
import { picture } from "./picture.js";
import { charts } from "./charts.js";
import { questions } from "./questions.js";
import { places } from "./places.js";
import { posts } from "./posts.js";
import { refusals } from "./refusals.js";
import { archive } from "./archive.js";
import { tryIt } from "./try.js";

const samples = new Samples();
// A section may have `start(pipeline)`, which resets it, and `update(news, samples)`.
const sections = [status, picture, charts, questions, places, posts, refusals, archive, tryIt].map((section) => section());
const [state] = sections;

let started = null;
let news = null;
let drawing = false;

follow({
  onPipeline(pipeline) {
    if (pipeline.started_ms !== started) {
      started = pipeline.started_ms;
      news = null;
      samples.clear();
      for (const section of sections) section.start?.(pipeline);
    }
    samples.replace(pipeline.samples ?? []);
  },
  onNews(message) {
    news = message;
    if (message.sample) samples.add(message.sample);
    draw();
  },
  onLost() {
    news = null; // A pending round would draw the old state as current.
    state.lost();
  },
});

// One frame per section keeps every task short. A hidden page gets no frames: it draws the newest state once it is visible again.
async function draw() {
  if (drawing) return;
  drawing = true;
  for (const section of sections) {
    await new Promise(requestAnimationFrame);
    // After a restart or a loss there is nothing to draw, even in the middle of a round.
    if (!news) continue;
    try {
      await section.update?.(news, samples);
    } catch (error) {
      console.error(error); // A failing section does not stop the others.
    }
  }
  drawing = false;
}
