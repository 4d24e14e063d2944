import { Link } from "@tanstack/react-router";
import {
  Boxes,
  ChartNoAxesColumn,
  CreditCard,
  FolderCog,
  KeyRound,
  ListTree,
  MessageSquareText,
  PlugZap,
  Rocket,
  ScrollText,
  ShieldCheck,
  Users,
  type LucideIcon,
} from "lucide-react";
import { useSession } from "@/api/session";

interface Entry {
  to: string;
  name: string;
  icon: LucideIcon;
}

const GROUPS: { name: string; entries: Entry[] }[] = [
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
    name: "Organization Settings",
    entries: [
      { to: "/dashboard/credits", name: "Credits", icon: CreditCard },
      { to: "/dashboard/settings/provider-keys", name: "Provider Keys", icon: PlugZap },
      { to: "/dashboard/settings/projects", name: "Projects", icon: FolderCog },
      { to: "/dashboard/settings/members", name: "Members", icon: Users },
      { to: "/dashboard/settings/audit-log", name: "Audit log", icon: ScrollText },
    ],
  },
];

const OPERATOR = { name: "Instance", entries: [{ to: "/dashboard/operator", name: "Operator", icon: ShieldCheck }] };

export function Navigation({ onChosen }: { onChosen?: () => void }) {
  const { user } = useSession();
  const groups = user.is_operator ? [...GROUPS, OPERATOR] : GROUPS;
  return (
    <nav aria-label="Dashboard" className="space-y-6">
      {groups.map((group) => (
        <div key={group.name}>
          <p className="mb-1.5 px-2.5 text-xs font-medium text-ink-3">{group.name}</p>
          <ul className="space-y-0.5">
            {group.entries.map(({ to, name, icon: Icon }) => (
              <li key={to}>
                <Link
                  to={to}
                  onClick={onChosen}
                  className="flex h-8 items-center gap-2.5 rounded-md px-2.5 transition-colors pointer-coarse:h-11"
                  activeProps={{ className: "bg-accent-soft text-accent font-medium", "aria-current": "page" }}
                  inactiveProps={{ className: "text-ink-2 hover:bg-sunken hover:text-ink" }}
                >
                  <Icon aria-hidden className="size-4 shrink-0" />
                  {name}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
