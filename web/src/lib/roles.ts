import type { Role } from "@/api/queries";

export const ROLES: readonly Role[] = ["owner", "admin", "developer", "billing", "viewer"];

export const ROLE_NAMES: Record<Role, string> = {
  owner: "Owner",
  admin: "Admin",
  developer: "Developer",
  billing: "Billing",
  viewer: "Viewer",
};

/** What docs/roles.md says, in the words of somebody who has to choose. */
export const ROLE_NOTES: Record<Role, string> = {
  owner: "Everything: also makes and removes owners, and can give the organization away.",
  admin: "Changes projects, provider keys, members and invitations, and reads the audit log. Not owners.",
  developer: "Makes, changes and revokes API keys, and sees the rest.",
  billing: "Sees usage, calls, credits and keys. Changes budgets.",
  viewer: "Sees usage, calls, credits and keys. Changes nothing.",
};

/** Only owners make owners. */
export function rolesFor(role: Role): readonly Role[] {
  return role === "owner" ? ROLES : ROLES.filter((other) => other !== "owner");
}

/** Owners and admins see every project. */
export function canBeLimited(role: Role): boolean {
  return role !== "owner" && role !== "admin";
}
