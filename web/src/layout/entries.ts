import {
  Boxes,
  ChartNoAxesColumn,
  CreditCard,
  FolderCog,
  Gauge,
  KeyRound,
  ListTree,
  MessageSquareText,
  PlugZap,
  Rocket,
  ScrollText,
  Settings2,
  ShieldCheck,
  Users,
  type LucideIcon,
} from "lucide-react";
import type { Session } from "@/api/queries";
import { may, type Act } from "@/api/session";

export interface Entry {
  to: string;
  name: string;
  icon: LucideIcon;
  /** Whom the server refuses the whole page is not shown the way to it. */
  needs?: Act;
}

export interface Group {
  name: string;
  entries: Entry[];
}

/**
 * Every page of the dashboard, by what somebody has come to do. A new page takes one line here and one route; what is about one
 * thing only (one call, one customer) or about oneself (account) has none.
 */
const GROUPS: Group[] = [
  {
    name: "Build",
    entries: [
      { to: "/dashboard/get-started", name: "Get started", icon: Rocket },
      { to: "/dashboard/playground", name: "Playground", icon: MessageSquareText },
      { to: "/dashboard/models", name: "Models", icon: Boxes },
      { to: "/dashboard/api-keys", name: "API keys", icon: KeyRound },
    ],
  },
  {
    name: "Observe",
    entries: [
      { to: "/dashboard/usage", name: "Usage", icon: ChartNoAxesColumn },
      { to: "/dashboard/calls", name: "Calls", icon: ListTree },
    ],
  },
  {
    // What is paid, and what bounds it: credits, budgets.
    name: "Money",
    entries: [
      { to: "/dashboard/credits", name: "Credits", icon: CreditCard },
      { to: "/dashboard/budgets", name: "Budgets", icon: Gauge },
    ],
  },
  {
    // What calls run on and for: projects, providers, customers.
    name: "Resources",
    entries: [
      { to: "/dashboard/settings/projects", name: "Projects", icon: FolderCog },
      { to: "/dashboard/settings/provider-keys", name: "Provider keys", icon: PlugZap },
    ],
  },
  {
    // Who may do what, what programs drive and hear, and the organization itself, which comes last.
    name: "Organization",
    entries: [
      { to: "/dashboard/settings/members", name: "Members", icon: Users },
      { to: "/dashboard/settings/audit-log", name: "Audit log", icon: ScrollText, needs: "read the audit log" },
      { to: "/dashboard/settings/organization", name: "Settings", icon: Settings2, needs: "change budgets" },
    ],
  },
];

const INSTANCE: Group = {
  name: "Instance",
  entries: [{ to: "/dashboard/operator", name: "Operator", icon: ShieldCheck }],
};

/** The groups for somebody in a role; a group without entries is left out. */
export function groupsFor({ role, user }: Pick<Session, "user"> & { role: Parameters<typeof may>[0] }): Group[] {
  return [...GROUPS, ...(user.is_operator ? [INSTANCE] : [])]
    .map(({ name, entries }) => ({
      name,
      entries: entries.filter(({ needs }) => needs === undefined || may(role, needs)),
    }))
    .filter(({ entries }) => entries.length > 0);
}
