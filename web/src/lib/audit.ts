/** What can be asked for, in the order of the log's subjects; from `crates/store/src/audit`. */
export const ACTIONS = [
  "api_key.created",
  "api_key.changed",
  "api_key.imported",
  "api_key.rotated",
  "api_key.revoked",
  "provider_key.created",
  "provider_key.changed",
  "provider_key.tested",
  "provider_key.deleted",
  "management_key.created",
  "management_key.revoked",
  "project.changed",
  "invite.created",
  "invite.accepted",
  "invite.revoked",
  "member.role_changed",
  "member.projects_changed",
  "member.removed",
  "organization.created",
  "organization.changed",
  "organization.billing_changed",
  "organization.transferred",
  "organization.exported",
  "organization.deletion_asked",
  "organization.deletion_cancelled",
  "budget.created",
  "budget.changed",
  "budget.deleted",
  "credits.granted",
  "credits.corrected",
  "person.signed_up",
  "person.logged_in",
  "person.logged_out",
  "person.account_deleted",
  "person.password_changed",
  "person.password_reset",
  "person.identity_linked",
  "person.identity_unlinked",
  "session.switched",
  "session.revoked",
  "session.others_revoked",
  "instance.bootstrapped",
] as const;

/** `api_key.created` is "API key created". */
export function actionName(action: string): string {
  const words = action.replaceAll(/[._]/g, " ").replace(/^api /, "API ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export interface FieldChange {
  name: string;
  before: string;
  after: string;
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return "–";
  if (typeof value === "string") return value;
  return JSON.stringify(value);
}

interface Sides {
  before?: object | null;
  after?: object | null;
}

/** Each field of what was and what is then. */
export function fieldChanges({ before, after }: Sides): FieldChange[] {
  const [old, next] = [before ?? {}, after ?? {}] as [Record<string, unknown>, Record<string, unknown>];
  const names = new Set([...Object.keys(old), ...Object.keys(next)]);
  return [...names].map((name) => ({ name, before: shown(old[name]), after: shown(next[name]) }));
}
