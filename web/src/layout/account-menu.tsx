import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Building2, Check, ChevronsUpDown, LogOut, Monitor, Moon, Plus, Sun, UserRound } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { sessionQuery } from "@/api/queries";
import { useSession } from "@/api/session";
import { keepKey } from "@/lib/key-in-hand";
import { setTheme, useTheme, type Theme } from "@/lib/theme";
import { noteHere } from "@/lib/was-here";
import { NewOrganization } from "@/parts/new-organization";
import { useSwitch } from "@/parts/use-switch";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";
import { toast } from "@/ui/toast";

const NEXT: Record<Theme, { theme: Theme; name: string }> = {
  system: { theme: "light", name: "Theme: system" },
  light: { theme: "dark", name: "Theme: light" },
  dark: { theme: "system", name: "Theme: dark" },
};
const ICONS = { system: Monitor, light: Sun, dark: Moon };

function useLogOut() {
  const client = useQueryClient();
  const navigate = useNavigate();
  return async () => {
    try {
      await take(api.POST("/api/v1/auth/log-out"));
    } catch {
      toast("You are still logged in: the server could not be reached.", "bad");
      return;
    }
    keepKey(null);
    noteHere(false);
    client.clear();
    client.setQueryData(sessionQuery.queryKey, null);
    await navigate({ to: "/log-in" });
  };
}

export function AccountMenu() {
  const { user, organizationName, organizations, organization_id } = useSession();
  const theme = useTheme();
  const logOut = useLogOut();
  const switchTo = useSwitch();
  const displayName = user.name === "" ? user.email : user.name;
  const [making, setMaking] = useState(false);
  const ThemeIcon = ICONS[theme];
  return (
    <>
      <Menu
        side="top"
        trigger={
          <button
            type="button"
            className="flex w-full items-center gap-2.5 rounded-md p-2 text-left transition-colors hover:bg-sunken data-[state=open]:bg-sunken"
          >
            <span
              aria-hidden
              className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-soft text-sm font-semibold text-accent uppercase"
            >
              {displayName.slice(0, 1)}
            </span>
            <span className="min-w-0 flex-1">
              <span className="block truncate font-medium">{displayName}</span>
              <span className="block truncate text-sm text-ink-3">{organizationName}</span>
            </span>
            <ChevronsUpDown aria-hidden className="size-4 shrink-0 text-ink-3" />
          </button>
        }
      >
        {organizations.map(({ id, name }) => (
          <MenuItem key={id} onSelect={() => id !== organization_id && void switchTo(id)}>
            {id === organization_id ? <Check aria-hidden /> : <Building2 aria-hidden />}
            <span className="max-w-48 truncate">{name}</span>
            {id === organization_id && <span className="sr-only">(this one)</span>}
          </MenuItem>
        ))}
        <MenuItem onSelect={() => setMaking(true)}>
          <Plus aria-hidden /> New organization
        </MenuItem>
        <MenuLine />
        <MenuItem asChild>
          <Link to="/dashboard/account">
            <UserRound aria-hidden /> Account
          </Link>
        </MenuItem>
        <MenuItem onSelect={() => setTheme(NEXT[theme].theme)}>
          <ThemeIcon aria-hidden /> {NEXT[theme].name}
        </MenuItem>
        <MenuLine />
        <MenuItem onSelect={() => void logOut()}>
          <LogOut aria-hidden /> Log out
        </MenuItem>
      </Menu>
      {making && <NewOrganization onDone={() => setMaking(false)} />}
    </>
  );
}
