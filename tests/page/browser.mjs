// Starts the Chromium of `make tools` with one page, and records its console messages and failed requests.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const tools = fileURLToPath(new URL("../../.tools/browser/", import.meta.url));
export const require = createRequire(tools);
const { chromium } = require("playwright-core");

/** Opens a browser with a page of this width. `pictures` is a writable folder, `more` are further options of the page's context. */
export async function open({ width, pictures, ...more }) {
  const browser = await chromium.launch({
    executablePath: `${tools}unpacked/chromium`,
    // Only these names resolve: the page cannot fetch anything from another host.
    args: ["--no-sandbox", "--host-resolver-rules=MAP *.example 127.0.0.1", "--enable-precise-memory-info"],
    env: { LD_LIBRARY_PATH: `${tools}unpacked/al2023/lib`, FONTCONFIG_FILE: `${tools}unpacked/fonts.conf`, HOME: pictures },
  });
  const phone = width < 600;
  const context = await browser.newContext({
    viewport: { width, height: phone ? 844 : 1000 },
    isMobile: phone,
    hasTouch: phone,
    deviceScaleFactor: phone ? 2 : 1,
    ...more,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const messages = [];
  page.on("console", (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => messages.push(`error: ${error}`));
  page.on("requestfailed", (request) => messages.push(`failed: ${request.url()}: ${request.failure().errorText}`));
  return { browser, page, messages, phone };
}
