import { expect, it } from "vitest";
import { bestPrice, firstModel, type Model, type ModelProvider } from "@/api/models";
import { matching, options } from "./catalog";

function provider(id: string, available: boolean, input: number | null): ModelProvider {
  const pricing =
    input === null
      ? null
      : {
          input,
          output: 1,
          cached_input: null,
          cache_write: null,
          reasoning: null,
          version: 1,
          effective_from: "",
          source: "",
        };
  return { provider: id, model: "m", region: null, available, context_window: null, max_output_tokens: null, pricing };
}

function model(id: string, providers: ModelProvider[], more: Partial<Model> = {}): Model {
  return {
    ...{
      id,
      providers,
      owned_by: "o",
      aliases: [],
      mode: "chat",
      simulated: false,
      context_window: null,
      max_output_tokens: null,
    },
    ...{ input_modalities: [], output_modalities: [], capabilities: [], ...more },
  };
}

it("prefers the price of what can be called", () => {
  expect(
    bestPrice(model("a", [provider("x", false, 1), provider("y", true, 5), provider("z", true, null)]))?.input,
  ).toBe(5);
  expect(bestPrice(model("a", [provider("x", false, 1)]))?.input).toBe(1);
  expect(bestPrice(model("a", []))).toBeNull();
});

it("finds by all words, anywhere", () => {
  const models = [
    model("gpt-4o", [provider("openai", true, 1)]),
    model("llama-3", [provider("groq", true, 1)], { capabilities: ["tools"] }),
  ];
  expect(matching(models, { q: "GROQ llama" }).map(({ id }) => id)).toEqual(["llama-3"]);
  expect(matching(models, { can: "tools" })).toHaveLength(1);
  expect(matching(models, { q: "groq gpt" })).toHaveLength(0);
  expect(options(models, (entry) => [entry.mode])).toEqual(["chat"]);
});

it("starts with the simulated model, which needs no provider", () => {
  expect(firstModel([model("gpt-4o", []), model("sim", [], { simulated: true })])).toBe("sim");
  expect(firstModel([])).toBe("sim");
});
