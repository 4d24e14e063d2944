import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Ellipsis, Gauge, Plus } from "lucide-react";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { apiKeysQuery, budgetsQuery, projectsQuery, type Budget } from "@/api/queries";
import { may, useSession } from "@/api/session";
import { percentSpent, standing } from "@/lib/budgets";
import { formatMoment } from "@/lib/dates";
import { formatUsd } from "@/lib/money";
import { BudgetForm } from "@/parts/budget-form";
import { Badge, type Tone } from "@/ui/badge";
import { Button, IconButton } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/dialog";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";
import { Page } from "@/ui/page";
import { Empty, Loaded } from "@/ui/states";
import { DataTable, type Column } from "@/ui/table";
import { toast } from "@/ui/toast";

const FILLS: Partial<Record<Tone, string>> = { good: "bg-good", warn: "bg-warn", bad: "bg-bad" };

const SCOPE_NAMES: Record<Budget["scope"], string> = {
  organization: "Whole organization",
  project: "Project",
  sub_account: "Sub-account",
  member: "Member",
  api_key: "API key",
  ephemeral: "Short-lived token",
  tag: "Tag",
  model: "Model",
  provider: "Provider",
};

function Bar({ budget }: { budget: Budget }) {
  const percent = percentSpent(budget);
  return (
    <div className="min-w-28">
      <div
        role="progressbar"
        aria-label={`${budget.name}: spent and held`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.min(percent, 100)}
        aria-valuetext={`${percent}%`}
        className="h-1.5 overflow-hidden rounded-full bg-sunken"
      >
        <div
          className={`h-full rounded-full ${FILLS[standing(budget).tone] ?? "bg-ink-3"}`}
          style={{ width: `${Math.min(percent, 100)}%` }}
        />
      </div>
      <p className="num mt-1.5 text-sm whitespace-nowrap text-ink-2">
        {formatUsd(budget.spent_nano_usd)} of {formatUsd(budget.amount_nano_usd)}
        {budget.held_nano_usd > 0 && (
          <span className="block text-ink-3">{formatUsd(budget.held_nano_usd)} held for calls</span>
        )}
      </p>
    </div>
  );
}

function useToggle() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, status }: Budget) =>
      take(
        api.PATCH("/api/v1/budgets/{id}", {
          params: { path: { id } },
          body: { status: status === "active" ? "disabled" : "active" },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: budgetsQuery.queryKey }),
    onError: (error) => toast(error.message, "bad"),
  }).mutate;
}

function Remove({ row, onDone }: { row: Budget; onDone: () => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/budgets/{id}", { params: { path: { id: row.id } } })),
    onSuccess: () => {
      toast(`${row.name} is deleted.`);
      void client.invalidateQueries({ queryKey: budgetsQuery.queryKey });
      onDone();
    },
  });
  return (
    <Confirm
      open
      onOpenChange={onDone}
      title={`Delete ${row.name}?`}
      action="Delete budget"
      busy={remove.isPending}
      error={remove.error?.message}
      onConfirm={() => remove.mutate()}
    >
      Calls are not held to it any more, within a second. What was spent stays in the records.
    </Confirm>
  );
}

type Open = { act: "new" } | { act: "edit" | "remove"; row: Budget };

/** Names of what budgets are about, by id. */
function useNames(): Map<string, string> {
  const { data: projects } = useQuery(projectsQuery);
  const { data: keys } = useQuery(apiKeysQuery);
  return useMemo(
    () => new Map([...(projects ?? []), ...(keys ?? [])].map(({ id, name }) => [id, name])),
    [projects, keys],
  );
}

export function Budgets() {
  const budgets = useQuery(budgetsQuery);
  const names = useNames();
  const { role } = useSession();
  const allowed = may(role, "change budgets");
  const [open, setOpen] = useState<Open | null>(null);
  const done = () => setOpen(null);
  const toggle = useToggle();

  const columns = useMemo(() => {
    const all: Column<Budget>[] = [
      {
        id: "name",
        header: "Budget",
        grow: true,
        sortBy: (row) => row.name.toLowerCase(),
        cell: (row) => (
          <div className="min-w-0">
            <span className="block truncate font-medium">{row.name}</span>
            <span className="block truncate text-sm text-ink-3">
              {SCOPE_NAMES[row.scope]}
              {row.scope !== "organization" && ` ${names.get(row.scope_value) ?? row.scope_value}`}
            </span>
          </div>
        ),
      },
      { id: "spent", header: "Spent", sortBy: percentSpent, cell: (row) => <Bar budget={row} /> },
      {
        id: "window",
        header: "Resets",
        from: "md",
        sortBy: (row) => row.resets_at ?? "",
        cell: (row) => (
          <span className="text-ink-2">{row.resets_at == null ? "Never" : formatMoment(row.resets_at)}</span>
        ),
      },
      {
        id: "enforcement",
        header: "When spent",
        from: "lg",
        cell: (row) => (
          <span className="text-ink-2">{row.enforcement === "hard" ? "Calls are refused" : "Only alerts"}</span>
        ),
      },
      {
        id: "standing",
        header: "Standing",
        from: "sm",
        sortBy: (row) => standing(row).text,
        cell: (row) => {
          const { text, tone } = standing(row);
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
            <MenuItem onSelect={() => setOpen({ act: "edit", row })}>Edit</MenuItem>
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
  }, [allowed, names, toggle]);

  const add = allowed && (
    <Button kind="primary" onClick={() => setOpen({ act: "new" })}>
      <Plus aria-hidden /> New budget
    </Button>
  );
  return (
    <Page title="Budgets" note="How much may be spent in each window, and what is left of it." actions={add}>
      <Card>
        <Loaded query={budgets}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty icon={Gauge} title="No budgets yet" action={add}>
                A budget bounds what a project, an API key or the whole organization spends, or only tells you about it.
              </Empty>
            ) : (
              <DataTable label="Budgets" columns={columns} rows={rows} rowId={(row) => row.id} />
            )
          }
        </Loaded>
      </Card>
      {open?.act === "new" && <BudgetForm row={null} onDone={done} />}
      {open?.act === "edit" && <BudgetForm row={open.row} onDone={done} />}
      {open?.act === "remove" && <Remove row={open.row} onDone={done} />}
    </Page>
  );
}
