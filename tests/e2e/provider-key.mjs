// An organization's own provider key: added, tested and used. Asks {url, baseUrl, secret, model, shots}; prints what the pages and
// the call said.
import { join } from "node:path";
import { button, figures, launch, makeKey, opened, person, signUp, usage } from "./people.mjs";

const ask = JSON.parse(process.argv[2]);
const browser = await launch();
const { page, lines } = await opened(await person(browser));
const shot = (name) =>
  page.screenshot({
    path: join(ask.shots, `provider-key-${name}.png`),
    fullPage: true,
  });

await signUp(page, ask.url, "Ada");
const key = await makeKey(page, "first");
await page.getByRole("link", { name: "Provider keys", exact: true }).click();
await page.getByRole("heading", { name: "Provider keys", level: 1 }).waitFor();
await button(page, "Add provider key").first().click();
await page.getByLabel("Provider", { exact: true }).selectOption("openai");
await page.getByLabel("Name").fill("our account");
await page.getByLabel("Key", { exact: true }).fill(ask.secret);
await page.getByLabel("Base URL").fill(ask.baseUrl);
await button(page, "Test key").click();
const verdict = await page.getByRole("dialog").getByRole("status").innerText();
await shot("tested");
await button(page, "Save").click();
await page.getByRole("dialog").waitFor({ state: "detached" });
await page.getByText("our account").waitFor();
await shot("saved");
const listed = await page.locator("main").innerText();
const html = await page.content();
const result = { verdict, listed, shown: html.includes(ask.secret) };

if (ask.model) {
  const answered = await fetch(`${ask.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      model: ask.model,
      messages: [{ role: "user", content: "hello" }],
    }),
  });
  result.status = answered.status;
  result.answer = await answered.json();
  const id = answered.headers.get("x-llmg-request-id");
  if (answered.ok) {
    await page.goto(`${ask.url}/dashboard/calls`);
    await page.locator(`a[href$="${id}"]`).first().click();
    await page.getByRole("heading", { name: "Bill" }).waitFor();
    result.bill = await figures(page);
    await shot("bill");
    result.usage = await usage(page, ask.url, "?group=used_mode");
    await shot("usage");
  }
}
await browser.close();
console.log(JSON.stringify({ ...result, lines }));
