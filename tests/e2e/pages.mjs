// Every page of the running dashboard, in both themes and at two widths: a screenshot, axe, the console. Asks {url, shots}; prints
// what there is to mend.
import { join } from "node:path";
import {
  asked,
  axe,
  button,
  isSerious,
  launch,
  makeKey,
  opened,
  person,
  signUp,
  THEMES,
  widerBy,
  WIDTHS,
} from "./people.mjs";

const ask = JSON.parse(process.argv[2]);
const D = "/dashboard";
const browser = await launch();

/** Somebody whose pages have something on them. */
async function busy() {
  const context = await person(browser);
  const { page } = await opened(context);
  await signUp(page, ask.url, "Ada");
  const key = await makeKey(page, "production");
  const call = async (body) => {
    const answered = await fetch(`${ask.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        "x-llmg-tags": "chat,eu",
      },
      body: JSON.stringify({
        messages: [{ role: "user", content: "Say hello." }],
        ...body,
      }),
    });
    await answered.text();
    return answered.headers.get("x-llmg-request-id");
  };
  for (const model of ["sim", "sim-anthropic", "sim-gemini"]) {
    for (const stream of [true, false]) await call({ model, stream });
  }
  const id = await call({ model: "sim" });
  const made = async (path, body) => {
    const answer = await asked(page, "POST", path, { body });
    if (answer.status !== 201)
      throw new Error(`${path}: ${JSON.stringify(answer)}`);
  };
  await made("/api/v1/api-keys", {
    name: "support",
    rpm: 60,
    allowed_models: ["sim"],
  });
  const account = {
    provider: "openai",
    name: "our account",
    key: "sk-of-a-test-0001",
    base_url: ask.baseUrl,
  };
  await made("/api/v1/provider-keys", account);
  await page.waitForFunction(
    async (id) => (await fetch(`/api/v1/calls/${id}`)).ok,
    id,
  );
  return { storageState: await context.storageState(), call: id };
}

/** Somebody who came second: without credit. */
async function fresh() {
  const context = await person(browser);
  const { page } = await opened(context);
  await signUp(page, ask.url, "Bob");
  return { storageState: await context.storageState() };
}

const ada = await busy();
const bob = await fresh();
const PAGES = [
  ["landing", "/"],
  ["catalog", "/catalog"],
  ["log-in", "/log-in"],
  ["sign-up", "/sign-up"],
  ["invite", "/invite#of-a-test"],
  ["invite-no-token", "/invite"],
  ["nowhere", "/nowhere", { status: 404 }],
  ...[
    "get-started",
    "usage",
    "calls",
    "models",
    "playground",
    "api-keys",
    "credits",
    "account",
    "operator",
  ].map((name) => [name, `${D}/${name}`, { as: ada }]),
  ["provider-keys", `${D}/settings/provider-keys`, { as: ada }],
  ["projects", `${D}/settings/projects`, { as: ada }],
  ["members", `${D}/settings/members`, { as: ada }],
  ["audit-log", `${D}/settings/audit-log`, { as: ada }],
  ["organization", `${D}/settings/organization`, { as: ada }],
  [
    "delete-organization",
    `${D}/settings/organization`,
    { as: bob, act: (page) => button(page, "Delete").click() },
  ],
  ["call", `${D}/calls/${ada.call}`, { as: ada }],
  [
    "new-key",
    `${D}/api-keys`,
    { as: ada, act: (page) => button(page, "New API key").click() },
  ],
  [
    "new-provider-key",
    `${D}/settings/provider-keys`,
    { as: ada, act: (page) => button(page, "Add provider key").click() },
  ],
  ["second-get-started", `${D}/get-started`, { as: bob }],
  ["second-usage", `${D}/usage`, { as: bob }],
  ["second-calls", `${D}/calls`, { as: bob }],
  ["second-credits", `${D}/credits`, { as: bob }],
  ["second-provider-keys", `${D}/settings/provider-keys`, { as: bob }],
  ["second-api-keys", `${D}/api-keys`, { as: bob }],
  ["api-docs", "/api/docs", { drawn: false }],
];

const wrong = [];
async function look(
  context,
  prefix,
  [name, path, { status = 200, act, drawn = true }],
) {
  const complain = (text) => wrong.push(`${name}${prefix}: ${text}`);
  const { page, lines } = await opened(context);
  const answered = await page.goto(ask.url + path, {
    waitUntil: "networkidle",
  });
  if (answered.status() !== status) complain(`status ${answered.status()}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await act?.(page);
  // Drawn at once, so that neither the picture nor the checker meets a colour on its way.
  await page.evaluate(() => {
    const ending = document
      .getAnimations()
      .filter((one) => one.effect.getComputedTiming().endTime !== Infinity);
    return Promise.all(
      ending.map((one) => one.finished.catch(() => undefined)),
    );
  });
  const wider = await widerBy(page);
  if (wider > 0) complain(`${wider} px wider than the screen`);
  const full = drawn && !act;
  await page.screenshot({
    path: join(ask.shots, `${name}${prefix.replaceAll("/", "-")}.png`),
    fullPage: full,
  });
  for (const [impact, text] of await axe(page))
    if (isSerious(impact)) complain(`${impact} ${text}`);
  const expected = (line) =>
    status !== 200 && line.includes("status of 404") && line.includes(path);
  for (const line of lines.filter((line) => !expected(line)))
    complain(`console: ${line}`);
  await page.close();
}

async function lookAtAll(theme, width) {
  for (const who of [undefined, ada, bob]) {
    const context = await person(browser, {
      theme,
      width,
      storageState: who?.storageState,
    });
    for (const [name, path, more = {}] of PAGES) {
      if (more.as === who)
        await look(context, `/${theme}/${width}`, [name, path, more]);
    }
    await context.close();
  }
}

for (const theme of THEMES)
  await Promise.all(WIDTHS.map((width) => lookAtAll(theme, width)));
await browser.close();
console.log(JSON.stringify({ wrong, pages: PAGES.length }));
