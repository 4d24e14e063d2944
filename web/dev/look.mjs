// Opens every page in a real browser, in both themes and at two widths: screenshots, axe, and the console must be silent.
//   npm run build && npm run look [-- part-of-a-name]
import { mkdir } from "node:fs/promises";
import { axe, isSerious, launch, opened, person, THEMES, widerBy, WIDTHS } from "./browser.mjs";
import { calls } from "./fixtures.mjs";
import { server } from "./server.mjs";

const all = calls(new URLSearchParams("limit=200")).data;
const rescued = all.find((call) => call.attempts.length > 1).id;
const failed = all.find((call) => call.http_status >= 400).id;
const D = "/dashboard";

const makeKey = async (page) => {
  await page.getByRole("button", { name: "New API key" }).first().click();
  await page.getByLabel("Name").fill("production");
  await page.getByRole("button", { name: "Make key" }).click();
  await page.getByRole("button", { name: "Copy key" }).waitFor();
};
const PAGES = [
  { name: "landing", path: "/", out: true },
  { name: "catalog", path: "/catalog", out: true },
  { name: "log-in", path: "/log-in", out: true },
  {
    name: "log-in-refused",
    path: "/log-in",
    out: true,
    quiet: false,
    act: async (page) => {
      await page.getByLabel("E-mail").fill("ada@example.com");
      await page.getByLabel("Password").fill("wrong password");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  { name: "sign-up", path: "/sign-up", out: true },
  {
    name: "sign-up-invalid",
    path: "/sign-up",
    out: true,
    act: async (page) => page.getByRole("button", { name: "Create account" }).click(),
  },
  { name: "sign-up-closed", path: "/sign-up", out: true, scenario: "closed" },
  { name: "invite", path: "/invite#k3Jd8sLq", out: true },
  { name: "invite-logged-in", path: "/invite#k3Jd8sLq", here: true },
  {
    name: "invite-other-address",
    path: "/invite#other",
    here: true,
    quiet: false,
    act: async (page) => {
      await page.getByRole("button", { name: "Accept invitation" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  { name: "invite-no-token", path: "/invite", out: true },
  { name: "get-started", path: `${D}/get-started`, scenario: "empty" },
  {
    name: "get-started-key",
    path: `${D}/get-started`,
    scenario: "empty",
    act: makeKey,
  },
  { name: "get-started-done", path: `${D}/get-started` },
  {
    name: "get-started-refused",
    path: `${D}/get-started`,
    scenario: "refused",
    act: (page) => page.getByText("was refused").waitFor(),
  },
  { name: "usage", path: `${D}/usage` },
  { name: "usage-hourly-calls-by-key", path: `${D}/usage?range=24h&metric=calls&group=api_key` },
  { name: "usage-latency", path: `${D}/usage?metric=latency&range=90d` },
  { name: "usage-empty", path: `${D}/usage`, scenario: "empty" },
  { name: "usage-forbidden", path: `${D}/usage`, scenario: "forbidden", quiet: false },
  {
    name: "usage-failing",
    path: `${D}/usage`,
    scenario: "failing",
    quiet: false,
    act: (page) => page.getByRole("alert").waitFor({ timeout: 15_000 }),
  },
  { name: "usage-loading", path: `${D}/usage`, scenario: "slow", busy: true },
  { name: "calls", path: `${D}/calls` },
  { name: "calls-no-match", path: `${D}/calls?model=nothing` },
  { name: "calls-empty", path: `${D}/calls`, scenario: "empty" },
  { name: "call-rescued", path: `${D}/calls/${rescued}` },
  { name: "call-failed", path: `${D}/calls/${failed}` },
  { name: "call-missing", path: `${D}/calls/req_none`, quiet: false },
  { name: "models", path: `${D}/models` },
  {
    name: "models-one",
    path: `${D}/models`,
    act: (page) => page.getByRole("button", { name: "gpt-4o", exact: true }).click(),
  },
  { name: "playground", path: `${D}/playground` },
  {
    name: "playground-answer",
    path: `${D}/playground`,
    act: async (page) => {
      await page.getByLabel("API key").fill("llmg_1xwa72j10fIx9LJ8AHzLFgyHpEu4R53Gq");
      await page.getByRole("button", { name: "Use", exact: true }).click();
      await page.getByLabel("Message").fill("What is a gateway?");
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByText("See the call").waitFor();
    },
  },
  {
    name: "playground-code",
    path: `${D}/playground`,
    act: (page) => page.getByRole("button", { name: "Get code" }).first().click(),
  },
  { name: "api-keys", path: `${D}/api-keys` },
  { name: "api-keys-empty", path: `${D}/api-keys`, scenario: "empty" },
  { name: "api-keys-viewer", path: `${D}/api-keys`, scenario: "viewer" },
  {
    name: "api-keys-menu",
    path: `${D}/api-keys`,
    act: (page) => page.getByRole("button", { name: "Actions for production" }).click(),
  },
  {
    name: "api-keys-new",
    path: `${D}/api-keys`,
    act: async (page) => {
      await page.getByRole("button", { name: "New API key" }).click();
      await page.getByText("Limits and expiry").click();
    },
  },
  { name: "api-keys-made", path: `${D}/api-keys`, act: makeKey },
  { name: "budgets", path: `${D}/budgets` },
  { name: "budgets-empty", path: `${D}/budgets`, scenario: "empty" },
  {
    name: "budgets-new",
    path: `${D}/budgets`,
    act: async (page) => {
      await page.getByRole("button", { name: "New budget" }).first().click();
      await page.getByLabel("What it is about").selectOption("project");
      await page.getByRole("button", { name: "Save" }).click();
    },
  },
  { name: "provider-keys", path: `${D}/settings/provider-keys` },
  { name: "provider-keys-empty", path: `${D}/settings/provider-keys`, scenario: "empty" },
  {
    name: "provider-keys-new",
    path: `${D}/settings/provider-keys`,
    act: (page) => page.getByRole("button", { name: "Add provider key" }).click(),
  },
  { name: "projects", path: `${D}/settings/projects` },
  { name: "members", path: `${D}/settings/members` },
  { name: "members-viewer", path: `${D}/settings/members`, scenario: "viewer" },
  { name: "members-alone", path: `${D}/settings/members`, scenario: "empty" },
  { name: "members-forbidden", path: `${D}/settings/members`, scenario: "forbidden", quiet: false },
  {
    name: "members-invite",
    path: `${D}/settings/members`,
    act: (page) => page.getByRole("button", { name: "Invite", exact: true }).click(),
  },
  {
    name: "members-menu",
    path: `${D}/settings/members`,
    act: (page) => page.getByRole("button", { name: "Actions for Grace Hopper" }).click(),
  },
  ...["Change role", "Limit to projects", "Transfer ownership", "Remove"].map((act) => ({
    name: `members-${act.split(" ")[0].toLowerCase()}`,
    path: `${D}/settings/members`,
    act: async (page) => {
      await page.getByRole("button", { name: "Actions for Katherine Johnson" }).click();
      await page.getByRole("menuitem", { name: act }).click();
      await page.getByRole("dialog").waitFor();
    },
  })),
  {
    name: "organizations",
    path: `${D}/usage`,
    wide: true,
    act: (page) => page.getByRole("button", { name: "Ada Lovelace" }).click(),
  },
  {
    name: "organization-new",
    path: `${D}/usage`,
    wide: true,
    act: async (page) => {
      await page.getByRole("button", { name: "Ada Lovelace" }).click();
      await page.getByRole("menuitem", { name: "New organization" }).click();
    },
  },
  { name: "audit-log", path: `${D}/settings/audit-log` },
  { name: "audit-log-empty", path: `${D}/settings/audit-log`, scenario: "empty" },
  { name: "audit-log-no-match", path: `${D}/settings/audit-log?action=project.changed`, scenario: "empty" },
  { name: "audit-log-viewer", path: `${D}/settings/audit-log`, scenario: "viewer" },
  {
    name: "audit-log-line",
    path: `${D}/settings/audit-log`,
    act: (page) => page.getByRole("button", { name: "API key changed" }).first().click(),
  },
  { name: "credits", path: `${D}/credits` },
  { name: "credits-out", path: `${D}/credits`, scenario: "empty" },
  { name: "account", path: `${D}/account` },
  { name: "operator", path: `${D}/operator` },
  { name: "operator-viewer", path: `${D}/operator`, scenario: "viewer" },
  { name: "not-found", path: "/nowhere" },
  {
    name: "navigation",
    path: `${D}/usage`,
    narrow: true,
    act: (page) => page.getByRole("button", { name: "Open navigation" }).click(),
  },
];

const wanted = process.argv.slice(2);
const folder = new URL("../looks/", import.meta.url).pathname;
await mkdir(folder, { recursive: true });
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await launch();

let bad = 0;
const complain = (name, text) => {
  bad += 1;
  console.log(`${name}: ${text}`);
};

async function look(entry, theme, width) {
  const name = `${entry.name}-${theme}-${width}`;
  const context = await person(browser, { theme, width });
  const cookie = (key, value) => ({ name: key, value, url: origin });
  await context.addCookies([
    ...(entry.out ? [] : [cookie("fixture", "1")]),
    ...(entry.scenario ? [cookie("scenario", entry.scenario)] : []),
  ]);
  if (entry.here) await context.addInitScript(() => localStorage.setItem("llmg-was-here", "1"));
  const { page, lines } = await opened(context);
  await page.goto(origin + entry.path);
  if (entry.busy) await page.waitForTimeout(800);
  else await page.waitForLoadState("networkidle").catch(() => undefined);
  try {
    await entry.act?.(page);
  } catch (error) {
    complain(name, `could not act: ${String(error).split("\n")[0]}`);
  }
  await page.waitForTimeout(350);
  const wider = await widerBy(page);
  if (wider > 0) complain(name, `${wider} px wider than the screen`);
  await page.screenshot({ path: `${folder}${name}.png`, fullPage: !entry.act });
  for (const [impact, text] of await axe(page)) {
    if (isSerious(impact)) complain(name, `${impact} ${text}`);
    else console.log(`${name}: (${impact} ${text})`);
  }
  const refused = (line) => line.startsWith("Failed to load resource") && entry.quiet === false;
  for (const line of lines.filter((line) => !refused(line))) complain(name, `console: ${line}`);
  await context.close();
}

for (const entry of PAGES.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))) {
  for (const width of entry.narrow ? [390] : entry.wide ? [1440] : WIDTHS) {
    for (const theme of THEMES) await look(entry, theme, width);
  }
}
await browser.close();
server.close();
server.closeAllConnections();
console.log(bad === 0 ? "nothing to mend" : `${bad} to mend`);
process.exitCode = bad === 0 ? 0 : 1;
