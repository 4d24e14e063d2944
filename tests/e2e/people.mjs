// What people do in the dashboard, as the scripts of this folder need it: by the names that they read on the page.
export { axe, isSerious, launch, opened, person, THEMES, widerBy, WIDTHS } from "../../web/dev/browser.mjs";

export const PASSWORD = "a good password";
export const button = (page, name) => page.getByRole("button", { name, exact: true });

export async function signUp(page, url, name) {
  await page.goto(`${url}/sign-up`);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("E-mail").fill(`${name.toLowerCase()}@example.com`);
  await page.getByLabel("Password").fill(PASSWORD);
  await button(page, "Create account").click();
  await page.getByRole("heading", { name: "Get started" }).waitFor();
}

/** Makes a key on the page that is open; the key as it is shown. */
export async function makeKey(page, name) {
  await button(page, "New API key").first().click();
  await page.getByLabel("Name").fill(name);
  await button(page, "Make key").click();
  await button(page, "Copy key").waitFor();
  return page
    .locator("code", { hasText: /^llmg_\w+$/ })
    .first()
    .textContent();
}

/** The program that "Get started" shows. */
export async function program(page, language) {
  await page.getByRole("radio", { name: language, exact: true }).click();
  return page.getByRole("region", { name: `${language} example` }).textContent();
}

/** Every name and figure of the page's lists: the bill among them. */
export function figures(page) {
  return page.$$eval("dl > div", (lines) =>
    Object.fromEntries(
      lines.map((line) => [line.querySelector("dt").firstChild.textContent, line.querySelector("dd").innerText]),
    ),
  );
}

/** The figures of the usage page, those of its table as the file that it gives, and what its chart says of its bar. */
export async function usage(page, url, query = "") {
  await page.goto(`${url}/dashboard/usage${query}`);
  const bar = page.locator(".recharts-bar-rectangle path").first();
  await bar.waitFor();
  const tiles = await page
    .getByRole("group", { name: "Figure in the chart" })
    .getByRole("button")
    .evaluateAll((all) => all.map((tile) => tile.innerText.split("\n")));
  const [download] = await Promise.all([page.waitForEvent("download"), button(page, "CSV").click()]);
  const parts = [];
  for await (const part of await download.createReadStream()) parts.push(part);
  await bar.hover();
  const tip = page.locator(".recharts-tooltip-wrapper");
  await tip.waitFor();
  return {
    tiles,
    csv: Buffer.concat(parts).toString(),
    tip: await tip.innerText(),
  };
}

/** What the page's own scripts could ask: with the session's cookie, from the dashboard's origin. */
export function asked(page, method, path, { body, headers } = {}) {
  return page.evaluate(
    async ([method, path, body, headers]) => {
      const content = body === undefined ? {} : { "content-type": "application/json" };
      const init = {
        method,
        headers: { ...content, ...headers },
        body: body && JSON.stringify(body),
      };
      const answer = await fetch(path, init);
      const text = await answer.text();
      return {
        status: answer.status,
        body: text === "" ? null : JSON.parse(text),
      };
    },
    [method, path, body, headers],
  );
}
