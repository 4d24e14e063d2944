import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Mail } from "lucide-react";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { invitesQuery, type Invitation } from "@/api/people";
import { formatDay } from "@/lib/dates";
import { ROLE_NAMES } from "@/lib/roles";
import { Badge, type Tone } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { Confirm } from "@/ui/dialog";
import { Empty, Loaded } from "@/ui/states";
import { DataTable, type Column } from "@/ui/table";
import { toast } from "@/ui/toast";

const TONES: Record<Invitation["status"], Tone> = {
  pending: "accent",
  accepted: "good",
  expired: "neutral",
  revoked: "neutral",
};

function Revoke({ invitation, onDone }: { invitation: Invitation; onDone: () => void }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/invites/{id}", { params: { path: { id: invitation.id } } })),
    onSuccess: () => {
      toast("The invitation is revoked.");
      void client.invalidateQueries({ queryKey: invitesQuery.queryKey });
      onDone();
    },
  });
  return (
    <Confirm
      open
      onOpenChange={onDone}
      title="Revoke this invitation?"
      action="Revoke invitation"
      busy={revoke.isPending}
      error={revoke.error?.message}
      onConfirm={() => revoke.mutate()}
    >
      The letter to {invitation.email} opens nothing any more. You can invite them again.
    </Confirm>
  );
}

export function Invitations() {
  const invites = useInfiniteQuery(invitesQuery);
  const [open, setOpen] = useState<Invitation | null>(null);
  const columns = useMemo(() => {
    const all: Column<Invitation>[] = [
      {
        id: "email",
        header: "E-mail",
        grow: true,
        cell: ({ email, status, expires_at }) => (
          <div className="min-w-0">
            <span className="block truncate font-medium">{email}</span>
            <span className="block truncate text-sm text-ink-3">
              {status === "pending" ? `Until ${formatDay(expires_at)}` : `Was until ${formatDay(expires_at)}`}
            </span>
          </div>
        ),
      },
      {
        id: "role",
        header: "Role",
        from: "sm",
        cell: ({ role }) => <span className="text-ink-2">{ROLE_NAMES[role]}</span>,
      },
      {
        id: "sent",
        header: "Sent",
        from: "md",
        cell: ({ created_at }) => <span className="text-ink-2">{formatDay(created_at)}</span>,
      },
      {
        id: "status",
        header: "Status",
        cell: ({ status }) => (
          <Badge dot tone={TONES[status]}>
            {status}
          </Badge>
        ),
      },
      {
        id: "acts",
        header: "Actions",
        bare: true,
        right: true,
        cell: (row) =>
          row.status === "pending" && (
            <Button size="small" onClick={() => setOpen(row)} aria-label={`Revoke the invitation of ${row.email}`}>
              Revoke
            </Button>
          ),
      },
    ];
    return all;
  }, []);
  return (
    <Card>
      <CardHead title="Invitations" note="Each is good for 7 days and for one address." />
      <Loaded query={invites}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0) {
            return (
              <Empty icon={Mail} title="Nobody is invited">
                Whoever is invited joins with the letter that they get.
              </Empty>
            );
          }
          return (
            <>
              <DataTable label="Invitations" columns={columns} rows={rows} rowId={({ id }) => id} />
              {invites.hasNextPage && (
                <div className="border-t border-line p-3 text-center">
                  <Button kind="quiet" busy={invites.isFetchingNextPage} onClick={() => void invites.fetchNextPage()}>
                    Load more
                  </Button>
                </div>
              )}
            </>
          );
        }}
      </Loaded>
      {open !== null && <Revoke invitation={open} onDone={() => setOpen(null)} />}
    </Card>
  );
}
