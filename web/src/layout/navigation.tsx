import { Link } from "@tanstack/react-router";
import { useId } from "react";
import { useSession } from "@/api/session";
import { groupsFor, type Group } from "./entries";

function Entries({ group: { name, entries }, onChosen }: { group: Group; onChosen?: () => void }) {
  const id = useId();
  return (
    <div role="group" aria-labelledby={id}>
      <p id={id} className="mb-1 px-2.5 text-xs font-medium text-ink-3">
        {name}
      </p>
      <ul className="space-y-0.5">
        {entries.map(({ to, name, icon: Icon }) => (
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
  );
}

export function Navigation({ onChosen }: { onChosen?: () => void }) {
  const groups = groupsFor(useSession());
  return (
    <nav aria-label="Dashboard" className="space-y-5">
      {groups.map((group) => (
        <Entries key={group.name} group={group} onChosen={onChosen} />
      ))}
    </nav>
  );
}
