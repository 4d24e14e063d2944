import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ellipsis, PlugZap, Plus } from "lucide-react";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { providerKeysQuery, type ProviderKey } from "@/api/queries";
import { may, useSession } from "@/api/session";
import { formatDay, formatMoment } from "@/lib/dates";
import { maskedKey, providerName } from "@/lib/providers";
import { ProviderKeyForm } from "@/parts/provider-key-form";
import { Badge, type Tone } from "@/ui/badge";
import { Button, IconButton } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/dialog";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";
import { Page } from "@/ui/page";
import { Empty, Loaded } from "@/ui/states";
import { DataTable, type Column } from "@/ui/table";
import { toast } from "@/ui/toast";

function health(row: ProviderKey): { text: string; tone: Tone } {
  if (row.status === "disabled") return { text: "disabled", tone: "neutral" };
  if (row.last_error != null) return { text: "failing", tone: "bad" };
  return row.tested_at == null ? { text: "untested", tone: "warn" } : { text: "works", tone: "good" };
}

/** Tests a stored key, or switches it on and off. */
function useActs() {
  const client = useQueryClient();
  const done = () => client.invalidateQueries({ queryKey: providerKeysQuery.queryKey });
  const test = useMutation({
    mutationFn: (row: ProviderKey) => take(api.POST("/api/v1/provider-keys/test", { body: { id: row.id } })),
    onSuccess: ({ verdict, detail }) => {
      toast(detail, verdict === "works" ? "good" : "bad");
      return done();
    },
    onError: (error) => toast(error.message, "bad"),
  });
  const toggle = useMutation({
    mutationFn: ({ id, status }: ProviderKey) =>
      take(
        api.PATCH("/api/v1/provider-keys/{id}", {
          params: { path: { id } },
          body: { status: status === "active" ? "disabled" : "active" },
        }),
      ),
    onSuccess: done,
    onError: (error) => toast(error.message, "bad"),
  });
  return { test: test.mutate, toggle: toggle.mutate };
}

function Remove({ row, onDone }: { row: ProviderKey; onDone: () => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/provider-keys/{id}", { params: { path: { id: row.id } } })),
    onSuccess: () => {
      toast(`${row.name} is deleted.`);
      void client.invalidateQueries({ queryKey: providerKeysQuery.queryKey });
      onDone();
    },
  });
  return (
    <Confirm
      open
      onOpenChange={onDone}
      title={`Delete ${row.name}?`}
      action="Delete key"
      busy={remove.isPending}
      error={remove.error?.message}
      onConfirm={() => remove.mutate()}
    >
      Gateways stop using it within a second. Calls to {providerName(row.provider)} then use the next key, credits, or
      are refused, as the project&apos;s mode says.
    </Confirm>
  );
}

type Open = { act: "new" } | { act: "edit" | "remove"; row: ProviderKey };

export function ProviderKeys() {
  const keys = useQuery(providerKeysQuery);
  const { role } = useSession();
  const allowed = may(role, "change provider keys");
  const [open, setOpen] = useState<Open | null>(null);
  const done = () => setOpen(null);
  const { test, toggle } = useActs();

  const columns = useMemo(() => {
    const all: Column<ProviderKey>[] = [
      {
        id: "provider",
        header: "Provider",
        grow: true,
        sortBy: (row) => providerName(row.provider),
        cell: (row) => (
          <div className="min-w-0">
            <span className="block truncate font-medium">{providerName(row.provider)}</span>
            <span className="block truncate text-sm text-ink-3">{row.name}</span>
          </div>
        ),
      },
      {
        id: "key",
        header: "Key",
        from: "sm",
        cell: (row) => <code className="font-mono text-xs text-ink-2">{maskedKey(row)}</code>,
      },
      {
        id: "url",
        header: "Base URL",
        from: "lg",
        cell: (row) => <span className="block max-w-52 truncate text-ink-2">{row.base_url ?? "Default"}</span>,
      },
      {
        id: "priority",
        header: "Priority",
        right: true,
        from: "md",
        sortBy: (row) => row.priority,
        cell: (row) => row.priority,
      },
      {
        id: "weight",
        header: "Weight",
        right: true,
        from: "md",
        sortBy: (row) => row.weight,
        cell: (row) => row.weight,
      },
      {
        id: "added",
        header: "Added",
        from: "lg",
        sortBy: (row) => row.created_at,
        cell: (row) => <span className="text-ink-2">{formatDay(row.created_at)}</span>,
      },
      {
        id: "health",
        header: "Health",
        sortBy: (row) => health(row).text,
        cell: (row) => {
          const { text, tone } = health(row);
          return (
            <Badge dot tone={tone}>
              {text}
            </Badge>
          );
        },
      },
    ];
    if (allowed) {
      all.push({
        id: "acts",
        header: "Actions",
        bare: true,
        right: true,
        cell: (row) => (
          <Menu
            trigger={
              <IconButton label={`Actions for ${row.name}`}>
                <Ellipsis />
              </IconButton>
            }
          >
            <MenuItem onSelect={() => test(row)}>Test</MenuItem>
            <MenuItem onSelect={() => setOpen({ act: "edit", row })}>Edit or replace</MenuItem>
            <MenuItem onSelect={() => toggle(row)}>{row.status === "active" ? "Disable" : "Enable"}</MenuItem>
            <MenuLine />
            <MenuItem danger onSelect={() => setOpen({ act: "remove", row })}>
              Delete
            </MenuItem>
          </Menu>
        ),
      });
    }
    return all;
  }, [allowed, test, toggle]);

  const add = allowed && (
    <Button kind="primary" onClick={() => setOpen({ act: "new" })}>
      <Plus aria-hidden /> Add provider key
    </Button>
  );
  return (
    <Page
      title="Provider keys"
      note="Your own accounts at providers. Keys are sealed when they arrive and can never be read again."
      actions={add}
    >
      <Card>
        <Loaded query={keys}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty icon={PlugZap} title="No provider keys yet" action={add}>
                With your own key a provider bills you itself and its calls take no credits.
              </Empty>
            ) : (
              <DataTable label="Provider keys" columns={columns} rows={rows} rowId={(row) => row.id} />
            )
          }
        </Loaded>
      </Card>
      {keys.data?.some((row) => row.last_error != null) && (
        <ul className="mt-4 space-y-2">
          {keys.data
            .filter((row) => row.last_error != null)
            .map((row) => (
              <li key={row.id} className="rounded-lg border border-bad/30 bg-bad-soft px-4 py-3 text-bad">
                <strong className="font-semibold">{row.name}</strong> failed with{" "}
                <code className="font-mono text-sm">{row.last_error}</code>
                {row.last_error_at != null && `, ${formatMoment(row.last_error_at)}`}. Test it, or replace the key.
              </li>
            ))}
        </ul>
      )}
      <p className="mt-4 max-w-2xl text-sm text-ink-3">
        Keys of one provider are used in the order of their priority, lowest first; equal ones share calls by weight.
        Whether a project uses own keys, credits or both is its mode, under{" "}
        <Link to="/dashboard/settings/projects" className="rounded-sm text-accent underline underline-offset-2">
          Projects
        </Link>
        .
      </p>
      {open?.act === "new" && <ProviderKeyForm row={null} onDone={done} />}
      {open?.act === "edit" && <ProviderKeyForm row={open.row} onDone={done} />}
      {open?.act === "remove" && <Remove row={open.row} onDone={done} />}
    </Page>
  );
}
