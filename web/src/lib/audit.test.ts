import { expect, it } from "vitest";
import { actionName, fieldChanges } from "./audit";

it("names actions in words", () => {
  expect(actionName("api_key.created")).toBe("API key created");
  expect(actionName("member.role_changed")).toBe("Member role changed");
});

it("puts what was beside what is", () => {
  expect(fieldChanges({ before: { rpm: null, name: "a" }, after: { rpm: 60, models: ["sim"] } })).toEqual([
    { name: "rpm", before: "–", after: "60" },
    { name: "name", before: "a", after: "–" },
    { name: "models", before: "–", after: '["sim"]' },
  ]);
  expect(fieldChanges({ before: null, after: null })).toEqual([]);
});
