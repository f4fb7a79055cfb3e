// Starts the Chromium of `make tools` with one page, and notes what goes wrong on it.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const tools = fileURLToPath(new URL("../../.tools/browser/", import.meta.url));
export const require = createRequire(tools);
const { chromium } = require("playwright-core");

/** A browser with a page of that width; `pictures` is a folder that it may write to, `more` what else the page's context is to have. */
export async function open({ width, pictures, ...more }) {
  const browser = await chromium.launch({
    executablePath: `${tools}unpacked/chromium`,
    // A name that is not this machine's: the page may not fetch anything but from where it is.
    args: ["--no-sandbox", "--host-resolver-rules=MAP api.example 127.0.0.1", "--enable-precise-memory-info"],
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
  const said = [];
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error}`));
  page.on("requestfailed", (request) => said.push(`failed: ${request.url()}: ${request.failure().errorText}`));
  return { browser, page, said, phone };
}
