import { readFile } from "node:fs/promises";
import openapiTypescript, { astToString } from "openapi-typescript";
import { expect, it } from "vitest";

const at = (path: string) => new URL(path, import.meta.url);

it("has the types of the OpenAPI document; `npm run gen` makes them anew", async () => {
  const made = astToString(await openapiTypescript(at("../../crates/control/openapi.json")));
  const kept = await readFile(at("../src/api/schema.ts"), "utf8");
  // The command writes a head above what the library makes.
  expect(kept.slice(kept.indexOf("export interface paths"))).toBe(made.slice(made.indexOf("export interface paths")));
});
