import { expect, test } from "vitest";
import { groupsFor } from "./entries";

const user = { id: "user_1", email: "ada@example.com", name: "", is_operator: false } as Parameters<
  typeof groupsFor
>[0]["user"];
const names = (role: Parameters<typeof groupsFor>[0]["role"], is_operator = false) =>
  groupsFor({ role, user: { ...user, is_operator } }).flatMap(({ entries }) => entries.map(({ name }) => name));

test("whom a page would be refused sees no way to it", () => {
  expect(names("admin")).toContain("Audit log");
  for (const role of ["developer", "billing", "viewer"] as const) {
    expect(names(role)).not.toContain("Audit log");
    expect(names(role)).toContain("Usage");
  }
});

test("being operator is no role of the organization", () => {
  expect(names("owner")).not.toContain("Operator");
  expect(names("viewer", true)).toContain("Operator");
});
