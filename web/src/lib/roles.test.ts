import { expect, it } from "vitest";
import { canBeLimited, ROLES, rolesFor } from "./roles";

it("lets only owners give the role of an owner", () => {
  expect(rolesFor("owner")).toContain("owner");
  expect(rolesFor("admin")).toEqual(["admin", "developer", "billing", "viewer"]);
});

it("limits whom the server lets be limited", () => {
  expect(ROLES.filter(canBeLimited)).toEqual(["developer", "billing", "viewer"]);
});
