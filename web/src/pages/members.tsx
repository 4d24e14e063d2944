import { useMutation, useQuery } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { Ellipsis, UserPlus } from "lucide-react";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { membersQuery, type Member } from "@/api/people";
import { may, useSession } from "@/api/session";
import { formatDay } from "@/lib/dates";
import { canBeLimited, ROLE_NAMES, ROLE_NOTES, ROLES } from "@/lib/roles";
import { Invitations } from "@/parts/invitations";
import { InviteSomebody } from "@/parts/invite-somebody";
import { ChangeRole, LimitProjects, memberName, RemoveMember, Transfer } from "@/parts/member-dialogs";
import { useSwitch } from "@/parts/use-switch";
import { Badge } from "@/ui/badge";
import { Button, IconButton } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { Confirm } from "@/ui/dialog";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";
import { Page } from "@/ui/page";
import { Loaded } from "@/ui/states";
import { DataTable, type Column } from "@/ui/table";
import { toast } from "@/ui/toast";

function sees({ project_ids }: Member): string {
  if (project_ids == null) return "All projects";
  return project_ids.length === 1 ? "1 project" : `${project_ids.length} projects`;
}

function Leave() {
  const { organization_id, organizationName, organizations } = useSession();
  const [open, setOpen] = useState(false);
  const switchTo = useSwitch();
  const other = organizations.find(({ id }) => id !== organization_id);
  const leave = useMutation({
    mutationFn: () => take(api.POST("/api/v1/organizations/leave", { body: { organization_id } })),
    onSuccess: async () => {
      toast(`You left ${organizationName}.`);
      setOpen(false);
      if (other !== undefined) await switchTo(other.id);
    },
  });
  return (
    <Card>
      <CardHead
        title="Leave this organization"
        note={
          other === undefined
            ? "It is your only one. Create or join another before you leave it."
            : "Management keys that you made stop; API keys stay."
        }
        action={
          <Button disabled={other === undefined} onClick={() => setOpen(true)}>
            Leave
          </Button>
        }
      />
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={`Leave ${organizationName}?`}
        action="Leave organization"
        busy={leave.isPending}
        error={leave.error?.message}
        onConfirm={() => leave.mutate()}
      >
        You can come back only when somebody invites you again.
      </Confirm>
    </Card>
  );
}

function Roles() {
  return (
    <Card>
      <CardHead title="What each role may do" />
      <dl className="divide-y divide-line px-4 sm:px-5">
        {ROLES.map((role) => (
          <div key={role} className="py-2.5 sm:grid sm:grid-cols-[8rem_1fr]">
            <dt className="font-medium">{ROLE_NAMES[role]}</dt>
            <dd className="text-ink-2">{ROLE_NOTES[role]}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

type Act = "role" | "projects" | "remove" | "transfer";

interface ActsProps {
  member: Member;
  /** Whether the one who looks may give the organization away. */
  owns: boolean;
  onAct: (act: Act) => void;
}

function Acts({ member, owns, onAct }: ActsProps) {
  return (
    <Menu
      trigger={
        <IconButton label={`Actions for ${memberName(member)}`}>
          <Ellipsis />
        </IconButton>
      }
    >
      <MenuItem onSelect={() => onAct("role")}>Change role</MenuItem>
      {canBeLimited(member.role) && <MenuItem onSelect={() => onAct("projects")}>Limit to projects</MenuItem>}
      {owns && <MenuItem onSelect={() => onAct("transfer")}>Transfer ownership</MenuItem>}
      <MenuLine />
      <MenuItem danger onSelect={() => onAct("remove")}>
        Remove
      </MenuItem>
    </Menu>
  );
}

function MemberName({ member, own }: { member: Member; own: boolean }) {
  return (
    <div className="min-w-0">
      <span className="flex items-center gap-2">
        <span className="truncate font-medium">{memberName(member)}</span>
        {own && <Badge tone="accent">You</Badge>}
      </span>
      <span className="block truncate text-sm text-ink-3">{member.email}</span>
    </div>
  );
}

function useColumns(onAct: (act: Act, member: Member) => void) {
  const { user, role } = useSession();
  return useMemo(() => {
    const owns = may(role, "give away");
    const all: Column<Member>[] = [
      {
        id: "name",
        header: "Member",
        grow: true,
        sortBy: (row) => memberName(row).toLowerCase(),
        cell: (row) => <MemberName member={row} own={row.user_id === user.id} />,
      },
      {
        id: "role",
        header: "Role",
        sortBy: (row) => ROLES.indexOf(row.role),
        cell: (row) => <Badge>{ROLE_NAMES[row.role]}</Badge>,
      },
      {
        id: "projects",
        header: "Sees",
        from: "md",
        sortBy: (row) => row.project_ids?.length ?? Infinity,
        cell: (row) => <span className="text-ink-2">{sees(row)}</span>,
      },
      {
        id: "joined",
        header: "Joined",
        from: "lg",
        sortBy: (row) => row.created_at,
        cell: (row) => <span className="text-ink-2">{formatDay(row.created_at)}</span>,
      },
    ];
    if (may(role, "manage people")) {
      all.push({
        id: "acts",
        header: "Actions",
        bare: true,
        right: true,
        cell: (row) =>
          row.user_id !== user.id &&
          (owns || row.role !== "owner") && <Acts member={row} owns={owns} onAct={(act) => onAct(act, row)} />,
      });
    }
    return all;
  }, [user.id, role, onAct]);
}

export function Members() {
  const members = useQuery(membersQuery);
  const { role, organization_id, organizationName } = useSession();
  const allowed = may(role, "manage people");
  const switchTo = useSwitch();
  const router = useRouter();
  const [inviting, setInviting] = useState(false);
  const [open, setOpen] = useState<{ act: Act; member: Member } | null>(null);
  const onAct = useMemo(() => (act: Act, member: Member) => setOpen({ act, member }), []);
  const columns = useColumns(onAct);
  const done = () => setOpen(null);
  // The own role is another one now: everything is asked anew.
  const given = () => void switchTo(organization_id).then(() => router.navigate({ to: "/dashboard/settings/members" }));
  return (
    <Page
      title="Members"
      note={`Who belongs to ${organizationName}, and what they may do.`}
      actions={
        allowed && (
          <Button kind="primary" onClick={() => setInviting(true)}>
            <UserPlus aria-hidden /> Invite
          </Button>
        )
      }
    >
      <div className="space-y-6">
        <Card>
          <Loaded query={members}>
            {(rows) => <DataTable label="Members" columns={columns} rows={rows} rowId={(row) => row.user_id} />}
          </Loaded>
        </Card>
        {allowed && <Invitations />}
        <Roles />
        <Leave />
      </div>
      {inviting && <InviteSomebody role={role} onDone={() => setInviting(false)} />}
      {open?.act === "role" && <ChangeRole member={open.member} role={role} onDone={done} />}
      {open?.act === "projects" && <LimitProjects member={open.member} onDone={done} />}
      {open?.act === "remove" && <RemoveMember member={open.member} onDone={done} />}
      {open?.act === "transfer" && (
        <Transfer member={open.member} organization={organizationName} onDone={done} onGiven={given} />
      )}
    </Page>
  );
}
