// Two people of two organizations on one instance. The first one makes calls; what does the second one see, and get? Asks {url};
// prints what the second one's pages and questions said.
import { asked, figures, launch, makeKey, opened, person, signUp } from "./people.mjs";

const ask = JSON.parse(process.argv[2]);
const browser = await launch();
const call = (key) =>
  fetch(`${ask.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "sim", messages: [{ role: "user", content: "Something private." }] }),
  });
const first = await opened(await person(browser));
const second = await opened(await person(browser));

await signUp(first.page, ask.url, "Ada");
const key = await makeKey(first.page, "the first one's key");
await fetch(`${ask.url}/v1/chat/completions`, {
  method: "POST",
  headers: {
    authorization: `Bearer ${key}`,
    "content-type": "application/json",
  },
  body: JSON.stringify({
    model: "sim",
    messages: [{ role: "user", content: "Something private." }],
  }),
});
await first.page.getByText("Your calls arrive").waitFor();
const list = async (path) => (await asked(first.page, "GET", path)).body.data;
const [made] = await list("/api/v1/calls");
const [apiKey] = await list("/api/v1/api-keys");
const [project] = await list("/api/v1/projects");
const saved = await asked(first.page, "POST", "/api/v1/provider-keys", {
  body: {
    provider: "sim",
    name: "the first one's account",
    key: "sk-of-the-first-one",
  },
});
const session = (await asked(first.page, "GET", "/api/v1/auth/session")).body;

const { page, lines } = second;
await signUp(page, ask.url, "Bob");
// What is said of money comes with the answer about credits.
await page.waitForLoadState("networkidle");
const welcome = await page.locator("main").innerText();
const seen = {};
for (const path of [
  "usage",
  "calls",
  "api-keys",
  "credits",
  "settings/provider-keys",
  "settings/projects",
  "account",
]) {
  await page.goto(`${ask.url}/dashboard/${path}`, { waitUntil: "networkidle" });
  await page.getByRole("heading", { level: 1 }).waitFor();
  seen[path] = await page.locator("main").innerText();
}
const before = [...lines];
const rename = { body: { name: "taken" } };
const grant = {
  body: {
    organization_id: session.organization_id,
    amount_usd: "1",
    reason: "mine",
  },
};
const theirs = { headers: { "x-llmg-organization": session.organization_id } };
const questions = [
  ["GET", `/api/v1/calls/${made.id}`],
  ["GET", `/api/v1/projects/${project.id}`],
  ["PATCH", `/api/v1/projects/${project.id}`, rename],
  ["PATCH", `/api/v1/api-keys/${apiKey.id}`, rename],
  ["POST", `/api/v1/api-keys/${apiKey.id}/rotate`, { body: { grace_seconds: 0 } }],
  ["DELETE", `/api/v1/api-keys/${apiKey.id}`],
  ["POST", "/api/v1/api-keys", { body: { name: "mine", project_id: project.id } }],
  ["PATCH", `/api/v1/provider-keys/${saved.body.id}`, rename],
  ["POST", "/api/v1/provider-keys/test", { body: { id: saved.body.id } }],
  ["DELETE", `/api/v1/provider-keys/${saved.body.id}`],
  ["DELETE", `/api/v1/auth/sessions/${session.id}`],
  ["POST", "/api/v1/credits/grants", grant],
  ["GET", "/api/v1/calls", theirs],
  ["GET", "/api/v1/api-keys", theirs],
];
const answers = {};
for (const [method, path, rest] of questions) {
  answers[`${method} ${path}${rest?.headers ? " as theirs" : ""}`] = await asked(page, method, path, rest);
}
await page.goto(`${ask.url}/dashboard/calls/${made.id}`);
await page.getByText("There is no such call").waitFor();
const missing = await figures(page);
const own = (await asked(page, "GET", "/api/v1/usage")).body.totals;

// Credit from the operator is noticed by the page that waits for it, and then the second one's first call goes through.
await page.goto(`${ask.url}/dashboard/get-started`);
await page.getByText("Nothing to wait for yet").waitFor();
const bob = (await asked(page, "GET", "/api/v1/auth/session")).body;
const given = { organization_id: bob.organization_id, amount_usd: "1.00", reason: "a first call" };
const granted = await asked(first.page, "POST", "/api/v1/credits/grants", { body: given });
await page.getByText("Waiting for your first call").waitFor();
const funded = (await call(await makeKey(page, "the second one's key"))).status;
await page.getByText("Your calls arrive").waitFor();

await browser.close();
const ids = [made.id, apiKey.id, project.id, saved.body.id, session.organization_id, "Ada", "the first one"];
const money = { granted: granted.status, funded };
console.log(
  JSON.stringify({ welcome, seen, answers, missing, own, ids, saved: saved.status, ...money, lines: before }),
);
