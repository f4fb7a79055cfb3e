// Opens a page of another origin in Chromium, which tries what such a page can do to a `local` on its reader's machine, and
// prints what came of it as a JSON object. Arguments: the address of `local`, a row's request body, a folder for pictures, the
// port of the other origin.

import { createServer } from "node:http";
import { open } from "./browser.mjs";

const [address, body, pictures, foreignPort] = process.argv.slice(2);
const foreign = `http://evil.example:${foreignPort}`;
const { browser, page } = await open({ width: 1280, pictures });

// Its server is on this machine as well: browsers keep pages of the Internet from local servers by themselves.
const server = createServer((request, response) => {
  const framed = new URL(request.url, foreign).searchParams.get("framed");
  response.setHeader("Content-Type", "text/html");
  response.end(`<!doctype html><title>another page</title>${framed ? `<iframe src="${framed}"></iframe>` : ""}`);
});
await new Promise((listening) => server.listen(Number(foreignPort), "127.0.0.1", listening));

/** What a script of the page gets: a status and a text, or the browser's refusal. */
const ask = (url, options) =>
  page.evaluate(
    async ([url, options]) => {
      try {
        const response = await fetch(url, options);
        return { type: response.type, status: response.status, text: (await response.text()).slice(0, 200) };
      } catch (error) {
        return { type: error.name, status: 0, text: "" };
      }
    },
    [url, options],
  );

const kafka = { "Content-Type": "application/vnd.kafka.json.v2+json" };
const post = { method: "POST", body };

// An origin of its own.
await page.goto(foreign);
const read = await ask(`${address}/live/pipeline`);
const topics = await ask(`${address}/topics`);
const preflighted = await ask(`${address}/topics/demo.geo`, { ...post, headers: kafka });
// A request that browsers send without asking first.
const simple = await ask(`${address}/topics/demo.geo`, { ...post, mode: "no-cors" });

// In a frame of its own.
const framed = {};
for (const path of ["/docs", "/"]) {
  await page.goto(`${foreign}/?framed=${encodeURIComponent(address + path)}`);
  await page.waitForLoadState("networkidle");
  const [, frame] = page.frames();
  framed[path] = frame.url().startsWith("chrome-error:") ? "refused" : frame.url();
}

// The same name, which now resolves to `local`: the same origin as its pages, by the browser's reckoning.
await page.goto(`http://evil.example:${new URL(address).port}/topics`);
const reboundRead = await ask("/live/pipeline");
const reboundPost = await ask("/topics/demo.geo", { ...post, headers: kafka });

await browser.close();
server.close();
console.log(JSON.stringify({ read, topics, preflighted, simple, reboundRead, reboundPost, framed }));
