import { Link } from "@tanstack/react-router";
import { useMemo, type ReactNode } from "react";
import type { UsageRow } from "@/api/queries";
import { formatUsd } from "@/lib/money";
import { formatCompact, formatMs, formatPercent } from "@/lib/numbers";
import type { CallsSearch, Group, RangeSearch } from "@/lib/search";
import { failureRate, hitRate, tokensOf } from "@/lib/usage";
import { DataTable, ROW_LINK, type Column } from "@/ui/table";

/** The filter that shows a group's calls. */
function callsOf(group: Group, id: string): CallsSearch | null {
  if (id === "") return null;
  switch (group) {
    case "model":
      return { model: id };
    case "provider":
      return { provider: id };
    case "api_key":
      return { api_key_id: id };
    case "project":
      return { project_id: id };
    case "used_mode":
      return { used_mode: id === "credits" ? "credits" : "api-keys" };
    case "none":
      return null;
  }
}

interface Props {
  rows: UsageRow[];
  group: Group;
  groupName: string;
  nameOf: (group: string) => string;
  range: RangeSearch;
}

export function UsageTable({ rows, group, groupName, nameOf, range }: Props) {
  const columns = useMemo(() => {
    const total = rows.reduce((sum, row) => sum + row.cost_nano_usd, 0);
    const name = (row: UsageRow): ReactNode => {
      const id = row.group ?? "";
      const search = callsOf(group, id);
      return search === null ? (
        <span className="font-medium">{nameOf(id)}</span>
      ) : (
        <Link to="/dashboard/calls" search={{ ...range, ...search }} className={`${ROW_LINK} font-medium`}>
          {nameOf(id)}
        </Link>
      );
    };
    const all: Column<UsageRow>[] = [
      {
        id: "group",
        header: groupName,
        grow: true,
        sortBy: (row) => nameOf(row.group ?? "").toLowerCase(),
        cell: (row) => <div className="truncate">{name(row)}</div>,
      },
      {
        id: "calls",
        header: "Calls",
        right: true,
        from: "sm",
        sortBy: (row) => row.calls,
        cell: (row) => formatCompact(row.calls),
      },
      {
        id: "failed",
        header: "Failed",
        right: true,
        from: "lg",
        sortBy: failureRate,
        cell: (row) => formatPercent(failureRate(row)),
      },
      { id: "tokens", header: "Tokens", right: true, sortBy: tokensOf, cell: (row) => formatCompact(tokensOf(row)) },
      {
        id: "latency",
        header: "Latency p95",
        right: true,
        from: "md",
        sortBy: (row) => row.duration_ms_p95 ?? 0,
        cell: (row) => (row.duration_ms_p95 == null ? "–" : formatMs(row.duration_ms_p95)),
      },
      {
        id: "cache",
        header: "Cache",
        right: true,
        from: "lg",
        sortBy: hitRate,
        cell: (row) => formatPercent(hitRate(row)),
      },
      {
        id: "share",
        header: "Share of spend",
        right: true,
        from: "md",
        cell: (row) => {
          const share = total === 0 ? 0 : row.cost_nano_usd / total;
          return (
            <span className="flex items-center justify-end gap-2 text-ink-2">
              <span aria-hidden className="h-1.5 w-16 overflow-hidden rounded-full bg-sunken">
                <span className="block h-full rounded-full bg-accent-fill" style={{ width: `${share * 100}%` }} />
              </span>
              <span className="w-10">{formatPercent(share)}</span>
            </span>
          );
        },
      },
      {
        id: "spend",
        header: "Spend",
        right: true,
        sortBy: (row) => row.cost_nano_usd,
        cell: (row) => formatUsd(row.cost_nano_usd),
      },
    ];
    return all;
  }, [rows, group, groupName, nameOf, range]);
  return (
    <DataTable
      open={group !== "none"}
      label={`Usage by ${groupName.toLowerCase()}`}
      columns={columns}
      rows={rows}
      rowId={(row) => row.group ?? ""}
      sorting={[{ id: "spend", desc: true }]}
    />
  );
}
