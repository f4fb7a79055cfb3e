// Opens the page under `/docs` in Chromium, reads it, sends a request from it, and prints its observations as a JSON object.
// Arguments: the page's address, the screen's width, a key to enter or nothing, a folder for pictures.

import { open } from "./browser.mjs";

const [address, width, key, pictures] = process.argv.slice(2);
const { browser, page, messages, phone } = await open({ width: Number(width), pictures });

const requests = [];
page.on("response", async (response) => {
  const url = response.url();
  if (!url.startsWith("data:")) {
    requests.push({ url, status: response.status(), key: await response.request().headerValue("x-api-key") });
  }
});

await page.goto(address);
await page.locator(".opblock").first().waitFor();
const operations = await page.locator(".opblock-summary").evaluateAll((blocks) =>
  blocks.map((block) => {
    const text = (name) => block.querySelector(`.opblock-summary-${name}`).textContent.replace(/\u200b/g, "");
    return `${text("method")} ${text("path")}`;
  }));
await page.screenshot({ path: `${pictures}/page-${width}.png`, fullPage: !phone });

if (key) {
  await page.locator(".auth-wrapper .authorize").first().click();
  await page.locator(".auth-container input").fill(key);
  await page.locator(".auth-btn-wrapper .authorize").click();
  await page.locator(".auth-btn-wrapper .btn-done").click();
}

const produce = page.locator(".opblock-post", { has: page.locator('[data-path="/topics/{topic}"]') });
await produce.locator(".opblock-summary-control").click();
await produce.locator(".execute").click();
const answer = produce.locator(".live-responses-table .response");
await answer.locator(".microlight, .highlight-code").first().waitFor();
const status = await answer.locator(".response-col_status").first().innerText();
const body = await answer.locator(".highlight-code code").first().innerText();
await answer.scrollIntoViewIfNeeded();
await page.screenshot({ path: `${pictures}/sent-${width}.png` });

const wide = await page.evaluate(() => document.documentElement.scrollWidth);
await browser.close();
console.log(JSON.stringify({ operations, messages, requests, status: parseInt(status, 10), body, wide }));
