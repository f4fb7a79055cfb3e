// Opens the page under `/docs` in Chromium, reads it, sends a request from it, and prints what it saw as one JSON object.
// Arguments: the page's address, the screen's width, a key to enter or nothing, a folder for pictures.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const [address, width, key, pictures] = process.argv.slice(2);
const tools = fileURLToPath(new URL("../../.tools/browser/", import.meta.url));
const { chromium } = createRequire(tools)("playwright-core");

const browser = await chromium.launch({
  executablePath: `${tools}unpacked/chromium`,
  // A name that is not this machine's: the page may not fetch anything but from where it is.
  args: ["--no-sandbox", "--host-resolver-rules=MAP api.example 127.0.0.1"],
  env: { LD_LIBRARY_PATH: `${tools}unpacked/al2023/lib`, FONTCONFIG_FILE: `${tools}unpacked/fonts.conf`, HOME: pictures },
});
const phone = width < 600;
const context = await browser.newContext({
  viewport: { width: Number(width), height: phone ? 844 : 1000 },
  isMobile: phone,
  hasTouch: phone,
  deviceScaleFactor: phone ? 2 : 1,
});
const page = await context.newPage();
page.setDefaultTimeout(60_000);

const said = [];
const requests = [];
page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
page.on("pageerror", (error) => said.push(`error: ${error}`));
page.on("requestfailed", (request) => said.push(`failed: ${request.url()}: ${request.failure().errorText}`));
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
console.log(JSON.stringify({ operations, said, requests, status: parseInt(status, 10), body, wide }));
