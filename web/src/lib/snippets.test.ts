import { expect, it } from "vitest";
import { snippet } from "./snippets";

const base = { baseUrl: "https://llm.example.com/v1", model: "sim", key: null };

it("names the base URL, the model and where the key comes from", () => {
  for (const language of ["curl", "python", "typescript"] as const) {
    const code = snippet(language, base);
    expect(code).toContain("https://llm.example.com/v1");
    expect(code).toContain('"sim"');
    expect(code).toContain("LLMG_API_KEY");
    expect(snippet(language, { ...base, key: "llmg_x" })).toContain("llmg_x");
  }
});

it("writes JSON that a shell hands on unchanged", () => {
  const code = snippet("curl", { ...base, messages: [{ role: "user", content: "it's" }] });
  const quoted = /-d ('[^]*)$/.exec(code)?.[1] ?? "";
  const seen = quoted.replaceAll(`'\\''`, "\0").replaceAll("'", "").replaceAll("\0", "'");
  expect(JSON.parse(seen)).toEqual({ model: "sim", messages: [{ role: "user", content: "it's" }] });
});
