import { expect, it } from "vitest";
import { inviteOf, pastedInvite } from "./invite";

it.each([
  ["#abc_DEF-123", "abc_DEF-123"],
  ["", null],
  ["#", null],
  ["#two words", null],
  [`#${"a".repeat(129)}`, null],
])("reads the fragment %j", (hash, token) => {
  expect(inviteOf(hash)).toBe(token);
});

it.each([
  ["https://llmg.example.com/invite#abc123", "abc123"],
  ["  abc123 ", "abc123"],
  ["https://llmg.example.com/invite", null],
])("reads what was pasted: %j", (text, token) => {
  expect(pastedInvite(text)).toBe(token);
});
