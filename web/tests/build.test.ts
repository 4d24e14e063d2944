import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";

const dist = new URL("../dist/", import.meta.url);
const BYTES_MAX = 250_000;

/** Everything that a module needs before it runs, itself included. */
async function needed(file: string, seen: Set<string>): Promise<void> {
  if (seen.has(file)) return;
  seen.add(file);
  const code = await readFile(new URL(`assets/${file}`, dist), "utf8");
  for (const [, imported = ""] of code.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) await needed(imported, seen);
}

it.skipIf(!existsSync(dist))("stays small at first load, and inlines nothing", async () => {
  const html = await readFile(new URL("index.html", dist), "utf8");
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/);

  const files = await readdir(new URL("assets/", dist));
  const entry = /assets\/([^"]+\.js)/.exec(html)?.[1] ?? "";
  const seen = new Set<string>();
  await needed(entry, seen);
  // The first page of the dashboard comes with it.
  const usage = files.find((file) => /^usage-.*\.js$/.test(file)) ?? "";
  await needed(usage, seen);
  expect([...seen].some((file) => file.startsWith("chart-"))).toBe(false);

  const css = files.filter((file) => file.endsWith(".css"));
  const sizes = await Promise.all(
    [...seen, ...css].map(async (file) => gzipSync(await readFile(new URL(`assets/${file}`, dist))).length),
  );
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  console.log(`first load: ${bytes} of at most ${BYTES_MAX} bytes, compressed`);
  expect(bytes).toBeLessThan(BYTES_MAX);
});
