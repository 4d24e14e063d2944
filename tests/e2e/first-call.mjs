// From sign-up to the bill of the first call, with the program that the page shows. Asks {url, python, folder, shots}; prints
// what the pages said.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { button, figures, launch, makeKey, opened, person, program, signUp, usage } from "./people.mjs";

const ask = JSON.parse(process.argv[2]);
const browser = await launch();
const context = await person(browser);
const { page, lines } = await opened(context);
const shot = (name) =>
  page.screenshot({
    path: join(ask.shots, `first-call-${name}.png`),
    fullPage: true,
  });

await signUp(page, ask.url, "Ada");
await page.getByText("Waiting for your first call").waitFor();
const key = await makeKey(page, "first");
const baseUrl = await page.locator("code", { hasText: /\/v1$/ }).first().textContent();
const code = await program(page, "Python");
await shot("waiting");

// The program as it is shown, and what the SDK made of the answer.
const file = join(ask.folder, "shown.py");
writeFileSync(file, code);
const run = "import runpy, sys; print(runpy.run_path(sys.argv[1])['answer'].model_dump_json())";
const printed = execFileSync(ask.python, ["-c", run, file], {
  encoding: "utf8",
})
  .trimEnd()
  .split("\n");
const answer = JSON.parse(printed.pop());

await page.getByText("Your calls arrive").waitFor();
await shot("arrived");
await page.getByRole("link", { name: "See the call" }).click();
await page.getByRole("heading", { name: "Bill" }).waitFor();
const id = new URL(page.url()).pathname.split("/").at(-1);
const bill = await figures(page);
const used = await usage(page, ask.url);

// The key is nowhere after the page was left.
await page.goto(`${ask.url}/dashboard/get-started`);
await button(page, "New API key").waitFor();
const again = await page.evaluate(
  () => document.body.innerText + JSON.stringify({ ...localStorage, ...sessionStorage }),
);

await browser.close();
console.log(
  JSON.stringify({
    key,
    baseUrl,
    code,
    printed,
    answer,
    id,
    bill,
    usage: used,
    again,
    lines,
  }),
);
