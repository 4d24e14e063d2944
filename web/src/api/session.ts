import { useRouteContext } from "@tanstack/react-router";
import type { Role, Session } from "./queries";

/** For pages behind the log-in, whose route has already made sure that there is a session. */
export function useSession(): Session & { role: Role; organizationName: string } {
  const session = useRouteContext({ from: "/dashboard", select: (context) => context.session });
  const organization = session.organizations.find((entry) => entry.id === session.organization_id);
  return { ...session, role: organization?.role ?? "viewer", organizationName: organization?.name ?? "Organization" };
}

/** By act, the roles that the server lets do it. */
const MAY = {
  "make keys": ["owner", "admin", "developer"],
  "change projects": ["owner", "admin"],
  "change provider keys": ["owner", "admin"],
  "change budgets": ["owner", "admin", "billing"],
  "manage people": ["owner", "admin"],
  "read the audit log": ["owner", "admin"],
  "give away": ["owner"],
} satisfies Record<string, Role[]>;

export type Act = keyof typeof MAY;

/** What the server would allow; it decides, this only spares people a refusal. */
export function may(role: Role, act: Act): boolean {
  return (MAY[act] as Role[]).includes(role);
}
