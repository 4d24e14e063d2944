import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ListTree, RotateCw } from "lucide-react";
import { useMemo } from "react";
import { apiKeysQuery, callsQuery, type Call } from "@/api/queries";
import { callStatus } from "@/lib/call";
import { formatMoment } from "@/lib/dates";
import { formatUsdColumn } from "@/lib/money";
import { formatCompact, formatMs } from "@/lib/numbers";
import type { CallsSearch } from "@/lib/search";
import { useNow } from "@/lib/use-now";
import { CallFilters, filtered } from "@/parts/call-filters";
import { RangePicker, rangeOf } from "@/parts/range-picker";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Page } from "@/ui/page";
import { Empty, Loaded, NoMatch } from "@/ui/states";
import { DataTable, ROW_LINK, type Column } from "@/ui/table";

function Model({ call }: { call: Call }) {
  const model = call.model === "" ? call.requested_model : call.model;
  return (
    <div className="min-w-0">
      <span className="flex items-center gap-2">
        <Link to="/dashboard/calls/$id" params={{ id: call.id }} className={`${ROW_LINK} truncate font-medium`}>
          {model}
        </Link>
        {call.cache === "hit" && <Badge tone="accent">Cache</Badge>}
        {call.used_mode === "api-keys" && <Badge>Own key</Badge>}
      </span>
      <span className="block truncate text-sm text-ink-3">
        <span className="sm:hidden">{formatMoment(call.started_at)}</span>
        <span className="hidden sm:inline">
          {call.error_code ?? (call.provider === "" ? "No provider" : call.provider)}
        </span>
      </span>
    </div>
  );
}

export function Calls() {
  const route = getRouteApi("/dashboard/calls");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const set = (change: Partial<CallsSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const now = useNow();
  const { from } = rangeOf(search, now, "7d");
  // Only an own range has an end: new calls must show up.
  const to = search.to === undefined ? undefined : rangeOf(search, now, "7d").to;
  const { status, range: _range, ...filters } = search;
  const calls = useInfiniteQuery(
    callsQuery({ ...filters, from, to, failed: status === undefined ? undefined : status === "failed" }),
  );
  const { data: keys } = useQuery(apiKeysQuery);

  const columns = useMemo(() => {
    const keyNames = new Map(keys?.map((key) => [key.id, key.name]));
    const all: Column<Call>[] = [
      {
        id: "time",
        header: "Time",
        from: "sm",
        cell: (call) => (
          <time dateTime={call.started_at} className="text-ink-2">
            {formatMoment(call.started_at)}
          </time>
        ),
      },
      { id: "model", header: "Model", grow: true, cell: (call) => <Model call={call} /> },
      {
        id: "status",
        header: "Status",
        cell: (call) => {
          const { text, tone } = callStatus(call);
          return (
            <Badge dot tone={tone}>
              {text}
            </Badge>
          );
        },
      },
      {
        id: "key",
        header: "API key",
        from: "lg",
        cell: (call) => (
          <span className="block max-w-36 truncate text-ink-2">{keyNames.get(call.api_key_id) ?? "–"}</span>
        ),
      },
      {
        id: "tokens",
        header: "Tokens in / out",
        right: true,
        from: "md",
        cell: (call) => `${formatCompact(call.tokens.input)} / ${formatCompact(call.tokens.output)}`,
      },
      { id: "latency", header: "Latency", right: true, from: "md", cell: (call) => formatMs(call.duration_ms) },
      { id: "cost", header: "Cost", right: true, cell: (call) => formatUsdColumn(call.cost_nano_usd) },
    ];
    return all;
  }, [keys]);

  return (
    <Page
      title="Calls"
      note="Every call with its attempts and its bill, never its content. Newest first, times in your zone."
      actions={
        <>
          <RangePicker search={search} fallback="7d" onChange={set} />
          <Button busy={calls.isRefetching && !calls.isFetchingNextPage} onClick={() => void calls.refetch()}>
            {!calls.isRefetching && <RotateCw aria-hidden />} Refresh
          </Button>
        </>
      }
    >
      <Card>
        <CallFilters search={search} keys={keys ?? []} onChange={set} />
        <Loaded query={calls}>
          {({ pages }) => {
            const rows = pages.flatMap((page) => page.data);
            if (rows.length === 0 && filtered(search)) {
              return (
                <NoMatch
                  onClear={() =>
                    void navigate({
                      search:
                        search.from === undefined ? { range: search.range } : { from: search.from, to: search.to },
                    })
                  }
                />
              );
            }
            if (rows.length === 0) {
              return (
                <Empty
                  icon={ListTree}
                  title="No calls in this time"
                  action={
                    <Button kind="primary" asChild>
                      <Link to="/dashboard/get-started">Make a call</Link>
                    </Button>
                  }
                >
                  Calls show up here a moment after they end.
                </Empty>
              );
            }
            return (
              <>
                <DataTable open label="Calls" columns={columns} rows={rows} rowId={(call) => call.id} />
                {calls.hasNextPage && (
                  <div className="border-t border-line p-3 text-center">
                    <Button kind="quiet" busy={calls.isFetchingNextPage} onClick={() => void calls.fetchNextPage()}>
                      Load more
                    </Button>
                  </div>
                )}
              </>
            );
          }}
        </Loaded>
      </Card>
    </Page>
  );
}
