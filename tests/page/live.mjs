// Runs one of the viewers below on the page of `local` in Chromium, and prints its observations as a JSON object.
// Arguments: the page's address, the viewer, a folder for pictures, and the viewer's own arguments.

import { open, require } from "./browser.mjs";

const [address, viewer, pictures, ...more] = process.argv.slice(2);
const axe = require.resolve("axe-core/axe.min.js");

/** The number in an element. */
const figure = (page, selector) => page.locator(selector).first().innerText().then((text) => Number(text.replace(/\D/g, "")));

/** Waits until `check` is true, and fails with `what` otherwise. */
async function until(page, what, check, argument, timeout = 30_000) {
  await page.waitForFunction(check, argument, { timeout }).catch((error) => {
    throw new Error(`${what}: ${error.message}`);
  });
}

const works = (page) => until(page, "the pipeline works", () => document.querySelector("#status").textContent.includes("Working"));

/** The accessibility violations that axe-core finds: each rule with its elements. */
async function violations(page) {
  // The page's content security policy allows no other script, so this one is evaluated directly.
  await page.evaluate(require("node:fs").readFileSync(axe, "utf8"));
  const found = await page.evaluate(() => window.axe.run());
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(", ")}`);
}

const viewers = {
  /** Checks that the page loads, updates and is accessible at a width and in a colour scheme. */
  async look(width, scheme) {
    const { browser, page, messages } = await open({ width: Number(width), pictures, colorScheme: scheme });
    const foreign = [];
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== new URL(address).origin && protocol !== "data:") foreign.push(request.url());
    });
    const begun = Date.now();
    await page.goto(address);
    await works(page);
    const took = Date.now() - begun;
    const before = await figure(page, '[data-total="records_written"]');
    await until(page, "the figures move", (before) => {
      return Number(document.querySelector('[data-total="records_written"]').textContent.replace(/\D/g, "")) > before;
    }, before);
    // The numbers on the arrows are averages over three whole seconds.
    await page.waitForTimeout(4_000);
    await page.screenshot({ path: `${pictures}/live-${width}-${scheme}.png` });
    await page.screenshot({ path: `${pictures}/live-${width}-${scheme}-whole.png`, fullPage: true });
    await page.locator("#questions").screenshot({ path: `${pictures}/questions-${width}-${scheme}.png` });
    // Elements that fade in have too little contrast for a moment, except with reduced motion.
    await page.emulateMedia({ reducedMotion: "reduce" });
    const found = await violations(page);
    await page.emulateMedia({ reducedMotion: "no-preference" });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    const charts = await page.locator("[data-chart]").evaluateAll((charts) => charts.map((chart) => chart.dataset.chart));
    await browser.close();
    return { messages, foreign, took, violations: found, wide, charts };
  },

  /** Waits until the questions are answered for a number of posts, and reads their cards. Copies the first one's SQL. */
  async answers(posts) {
    const { browser, page, messages } = await open({ width: 1280, pictures });
    await page.goto(address);
    await until(page, "the answers are shown", (posts) => document.querySelector("#questions-state").textContent === `${posts} posts`, posts);
    // The cards are drawn after each other.
    await until(page, "each card has its answer", () => {
      return [...document.querySelectorAll(".question")].every((card) => !card.querySelector(".answer").hidden);
    });
    const bars = await page.locator(".question:has(.bars)").evaluateAll((cards) =>
      cards.map((card) => [card.dataset.question, [...card.querySelectorAll(".bars li")].map((bar) => [
        bar.firstChild.textContent,
        bar.querySelector(".names")?.textContent ?? "",
        Number(bar.querySelector("data").value),
      ])]));
    const grids = await page.locator(".question:has(table)").evaluateAll((cards) =>
      cards.map((card) => [card.dataset.question, [...card.querySelectorAll("tbody data")].map((number) => {
        const cell = number.closest("td");
        const column = card.querySelectorAll("thead tr > *")[cell.cellIndex].textContent;
        return [column, cell.parentElement.querySelector("th").textContent, Number(number.value), cell.classList.contains("best")];
      })]));
    await page.locator(".question button").first().click();
    await until(page, "the SQL is selected", () => document.querySelector(".question button").textContent.startsWith("Selected"));
    const copied = await page.evaluate(() => getSelection().toString());
    await browser.close();
    return { messages, bars: Object.fromEntries(bars), grids: Object.fromEntries(grids), copied };
  },

  /** With the keyboard only: sends a row, reads its archived line, sends an invalid row and reads the advice. */
  async keyboard(topic, row, wrong) {
    const { browser, page, messages } = await open({ width: 1280, pictures, reducedMotion: "reduce" });
    await page.goto(address);
    await works(page);
    /** Presses Tab until the element has the focus. */
    const reach = async (selector) => {
      for (let pressed = 0; pressed < 400; pressed++) {
        if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
        await page.keyboard.press("Tab");
      }
      throw new Error(`${selector} is not reached by Tab`);
    };
    const send = async (row, status) => {
      await reach("#try-topic");
      await page.keyboard.type(topic);
      await reach("#try-row");
      await page.keyboard.press("ControlOrMeta+a");
      await page.keyboard.insertText(row);
      await reach("#try-send");
      await page.keyboard.press("Enter");
      await until(page, `the answer is ${status}`, (status) => document.querySelector("#try-answer").textContent.includes(status), status);
      return page.locator("#try-answer").innerText();
    };
    const answer = await send(row, "200");
    const commands = { curl: await page.locator("#try-curl").innerText(), python: await page.locator("#try-python").innerText() };
    await until(page, "the record has its object", () => document.querySelector(".post .object.stored"));
    await page.evaluate(() => document.activeElement.blur());
    await reach(".post summary");
    await page.keyboard.press("Enter");
    await until(page, "the record is shown", () => /^\{/.test(document.querySelector(".post details[open] pre")?.textContent));
    const archived = await page.locator(".post details[open] pre").textContent();
    const post = await page.locator(".post").first().innerText();
    // The arrow keys move through a chart second by second.
    await reach("[data-chart] [tabindex='0'], [data-chart][tabindex='0']");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    const reading = await page.locator("[data-chart] .when").first().innerText();
    await page.keyboard.press("Escape");
    await send(wrong, "422");
    await page.locator(".refusal").first().waitFor();
    const refusal = await page.locator(".refusal").first().innerText();
    await browser.close();
    return { messages, answer, ...commands, post, archived, reading, refusal };
  },

  /** Waits for each of the states in turn, "works" or a broken component, and prints each one. The test causes them. */
  async trouble(...states) {
    const { browser, page } = await open({ width: 1280, pictures });
    await page.goto(address);
    for (const state of states) {
      const selector = state === "works" ? '#status[data-state="works"]' : `[data-part="${state}"][data-broken="true"]`;
      await until(page, state, (selector) => document.querySelector(selector), selector, 90_000);
      const broken = await page.locator("#broken").innerText();
      const parts = await page.locator('[data-part][data-broken="true"]').evaluateAll((parts) => parts.map((part) => part.dataset.part));
      await page.screenshot({ path: `${pictures}/live-${state}.png` });
      console.log(JSON.stringify({ state, broken, parts }));
    }
    await browser.close();
  },

  /** Under load for some seconds: measures the longest task, and the page's memory at half time and at the end. */
  async load(seconds) {
    const { browser, page, messages } = await open({ width: 1280, pictures });
    await page.addInitScript(() => {
      window.longTasks = [];
      new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries()) window.longTasks.push({ startTime, duration });
      }).observe({ type: "longtask", buffered: true });
    });
    await page.goto(address);
    await works(page);
    const tools = await page.context().newCDPSession(page);
    await tools.send("HeapProfiler.enable");
    const heap = async () => {
      await tools.send("HeapProfiler.collectGarbage");
      return page.evaluate(() => performance.memory.usedJSHeapSize);
    };
    const half = (Number(seconds) * 1000) / 2;
    await page.waitForTimeout(half);
    const first = await heap();
    const calm = await page.evaluate(() => performance.now());
    await page.waitForTimeout(half);
    // The collection of garbage is the test's own task.
    const tasks = await page.evaluate((calm) => window.longTasks.filter(({ startTime }) => startTime > calm + 500), calm);
    const second = await heap();
    const written = await figure(page, '[data-total="records_written"]');
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    await browser.close();
    return { messages, longest: Math.max(0, ...tasks.map(({ duration }) => duration)), heap: [first, second], written, elements };
  },
};

const seen = await viewers[viewer](...more);
if (seen) console.log(JSON.stringify(seen));
