// A browser, and what every page is asked in it: no complaint in the console, nothing wider than the screen, nothing serious for axe.
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Longer than any page needs, so that it only ends what would never come. */
export const DEADLINE_MS = 15_000;
export const WIDTHS = [1440, 390];
export const THEMES = ["light", "dark"];

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}

/** Somebody with their own cookies, theme and screen. */
export function person(browser, { theme = "light", width = 1440, storageState } = {}) {
  return browser.newContext({
    storageState,
    colorScheme: theme,
    viewport: { width, height: width < 500 ? 844 : 900 },
    timezoneId: "Europe/Zurich",
  });
}

/** A page and what its console said: errors, warnings, refusals of the policy. */
export async function opened(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const lines = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) lines.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => lines.push(String(error)));
  return { page, lines };
}

export function widerBy(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Every finding of axe as `[impact, text]`. The checker comes through the debugger, which the page's policy does not bind. */
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  return violations.map(({ id, impact, nodes }) => {
    const where = nodes.slice(0, 3).map((node) => {
      const said = node.any[0]?.message ?? node.all[0]?.message ?? "";
      return `${node.target.join(" ")} [${said}]`;
    });
    return [impact, `${id}: ${where.join(" | ")}`];
  });
}

export const isSerious = (impact) => ["serious", "critical"].includes(impact);
