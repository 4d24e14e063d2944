// From sign-up to the bill of the first call, in a browser, against a fresh running instance behind the dev server.
//   npm run build && LLMG_URL=http://127.0.0.1:4000 node dev/journey.mjs
import { chromium } from "playwright-core";
import { server } from "./server.mjs";

if (!process.env.LLMG_URL) throw new Error("LLMG_URL says where the instance is");
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
page.setDefaultTimeout(15_000);
const lines = [];
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) lines.push(message.text());
});
page.on("pageerror", (error) => lines.push(String(error)));
const shot = (name) => page.screenshot({ path: new URL(`../looks/journey-${name}.png`, import.meta.url).pathname });
const button = (name) => page.getByRole("button", { name, exact: true });
const email = `ada-${Date.now()}@example.com`;

try {
  await page.goto(`${origin}/sign-up`);
  await page.getByLabel("Name").fill("Ada");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill("a good password");
  await button("Create account").click();
  await page.getByText("Waiting for your first call").waitFor();
  await button("New API key").click();
  await page.getByLabel("Name").fill("first");
  await button("Make key").click();
  const key = await page
    .locator("code", { hasText: /^llmg_/ })
    .first()
    .textContent();
  await shot("key");
  const answered = await fetch(`${process.env.LLMG_URL}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "sim", messages: [{ role: "user", content: "Say hello." }] }),
  });
  console.log("first call:", answered.status, answered.ok ? "" : await answered.text());
  await page.getByText("Your calls arrive").waitFor();
  await shot("arrived");
  await page.getByRole("link", { name: "See the call" }).click();
  await page.getByRole("heading", { name: "Bill" }).waitFor();
  await shot("bill");
  await page.getByRole("link", { name: "Playground" }).click();
  await page.getByLabel("Message").fill("Hello");
  await button("Send").click();
  await page.getByRole("link", { name: "See the call" }).waitFor();
  await shot("playground");
  for (const name of ["API keys", "Usage", "Calls", "Credits", "Provider Keys", "Projects", "Models"]) {
    await page.getByRole("link", { name, exact: true }).first().click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    await page.waitForLoadState("networkidle");
    await page.waitForTimeout(300);
    await shot(name.toLowerCase().replace(" ", "-"));
  }
  await page.goto(`${origin}/dashboard/api-keys`);
  await button("Actions for first").click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  await page.getByLabel("Requests per minute").fill("60");
  await button("Save").click();
  await page.getByText("60 RPM").waitFor();
  await button("Actions for first").click();
  await page.getByRole("menuitem", { name: "Rotate" }).click();
  await button("Rotate key").click();
  await button("Copy key").waitFor();
  await button("Done").click();
  await page.goto(`${origin}/dashboard/settings/projects`);
  await page.getByLabel("Mode").selectOption("credits");
  await button("Save").click();
  await page.getByText("Gateways follow within a second").waitFor();
  await page.goto(`${origin}/dashboard/operator`);
  await page.getByRole("heading", { name: "Operator", level: 1 }).waitFor();
  await page.waitForTimeout(500);
  if (await button("Grant credits").isVisible()) {
    await page.getByLabel("Amount in USD").fill("25.00");
    await page.getByLabel("Reason").fill("pilot");
    await button("Grant credits").click();
    await page.getByText("granted.").waitFor();
  }
  await page.goto(`${origin}/dashboard/account`);
  await page.getByText("This one").waitFor();
  await shot("account");
  await page.getByRole("button", { name: /Ada/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill("a good password");
  await button("Log in").click();
  await page.getByRole("heading", { name: "Usage" }).waitFor();
  console.log("the whole way");
} catch (error) {
  await shot("broken");
  console.log(String(error));
  process.exitCode = 1;
}
for (const line of lines) console.log("console:", line);
await browser.close();
server.close();
server.closeAllConnections();
