import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ChartNoAxesColumn, Download } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { usageQuery, type Usage } from "@/api/queries";
import { csv, download } from "@/lib/csv";
import { bucketsOf, defaultBucket, formatBucket, previousRange, type Bucket } from "@/lib/dates";
import { formatCompact } from "@/lib/numbers";
import { GROUPS, METRICS, type Group, type Metric, type UsageSearch } from "@/lib/search";
import { chartPoints, METRIC_SHAPES, OTHER, USAGE_CSV_HEADER, usageCsvRow, type Series } from "@/lib/usage";
import { useNow } from "@/lib/use-now";
import { GROUP_NAMES, useGroupNames } from "@/parts/group-names";
import { MetricTiles } from "@/parts/metric-tiles";
import { RangePicker, rangeOf, rangeText } from "@/parts/range-picker";
import { UsageTable } from "@/parts/usage-table";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { SelectField } from "@/ui/field";
import { Page } from "@/ui/page";
import { Segments } from "@/ui/segments";
import { Bone, Empty, Loaded } from "@/ui/states";

const Chart = lazy(() => import("@/ui/chart"));
const BUCKET_NAMES = { hour: "Hourly", day: "Daily" };

const AXES: Record<Metric, (drawn: number) => string> = {
  spend: (usd) => `$${usd >= 1 || usd === 0 ? formatCompact(usd) : Number(usd.toPrecision(2))}`,
  calls: formatCompact,
  tokens: formatCompact,
  latency: (ms) => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`),
  cache: (percent) => `${percent}%`,
};

function Legend({ series }: { series: Series[] }) {
  if (series.length < 2) return null;
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1 px-4 pb-4 text-sm text-ink-2 sm:px-5">
      {series.map(({ id, name }, index) => (
        <li key={id} className="flex min-w-0 items-center gap-1.5">
          <span
            aria-hidden
            className="size-2 shrink-0 rounded-[2px]"
            style={{ background: id === OTHER ? "var(--series-other)" : `var(--series-${index + 1})` }}
          />
          <span className="truncate">{name}</span>
        </li>
      ))}
    </ul>
  );
}

function ChartPanel({ usage, metric, nameOf }: { usage: Usage; metric: Metric; nameOf: (id: string) => string }) {
  const shape = METRIC_SHAPES[metric];
  const bucket: Bucket = usage.bucket === "hour" ? "hour" : "day";
  const { series, points } = useMemo(() => chartPoints(usage, metric, nameOf), [usage, metric, nameOf]);
  const long = Date.parse(usage.to) - Date.parse(usage.from) > 2 * 86_400_000;
  return (
    <>
      <div
        role="img"
        aria-label={`${shape.name} by ${bucket}. The figures are in the table below.`}
        className="h-64 px-2 pt-4 pb-2 sm:h-80 sm:px-4"
      >
        <Suspense fallback={<Bone className="h-full" />}>
          <Chart
            {...{ series, points }}
            stacked={shape.adds}
            drawn={shape.drawn}
            text={shape.text}
            axis={AXES[metric]}
            tick={(start) => formatBucket(start, long ? "day" : bucket)}
          />
        </Suspense>
      </div>
      <Legend series={series} />
    </>
  );
}

/** The page's shape, so that nothing jumps when the figures come. */
function UsageBones() {
  return (
    <>
      <div className="grid grid-cols-2 gap-6 border-b border-line p-5 sm:grid-cols-3 lg:grid-cols-5">
        {METRICS.map((metric) => (
          <div key={metric} className="space-y-2">
            <Bone className="h-4 w-20" />
            <Bone className="h-7 w-28" />
            <Bone className="h-4 w-24" />
          </div>
        ))}
      </div>
      <Bone className="m-5 h-80" />
    </>
  );
}

export function UsagePage() {
  const route = getRouteApi("/dashboard/usage");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const set = (change: Partial<UsageSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true });

  const now = useNow();
  const metric = search.metric ?? "spend";
  const group: Group = search.group ?? "model";
  const rangeKey = rangeOf(search, now, "30d");
  const buckets = bucketsOf(rangeKey);
  const bucket = buckets.find((entry) => entry === search.bucket) ?? defaultBucket(rangeKey);
  const over = useQuery(usageQuery({ ...rangeKey, bucket, group_by: group }));
  const sums = useQuery(usageQuery({ ...rangeKey, bucket: "none", group_by: group }));
  const before = useQuery(usageQuery({ ...previousRange(rangeKey), bucket: "none", group_by: "none" }));
  const nameOf = useGroupNames(group);

  const save = (usage: Usage) =>
    download(
      `usage-${usage.from.slice(0, 10)}-${usage.to.slice(0, 10)}.csv`,
      csv(
        USAGE_CSV_HEADER,
        usage.rows.map((row) => usageCsvRow(row, nameOf)),
      ),
    );

  return (
    <Page
      title="Usage"
      note="What your organization called, and what it cost. Days and hours are in UTC."
      actions={
        <>
          <RangePicker search={search} fallback="30d" onChange={set} />
          <Button disabled={!over.data || over.data.rows.length === 0} onClick={() => over.data && save(over.data)}>
            <Download aria-hidden /> CSV
          </Button>
        </>
      }
    >
      <Card>
        <Loaded query={over} loading={<UsageBones />}>
          {(usage) => (
            <>
              <MetricTiles
                totals={usage.totals}
                before={before.data?.totals}
                chosen={metric}
                onChoose={(next) => set({ metric: next })}
              />
              {usage.totals.calls === 0 ? (
                <Empty
                  icon={ChartNoAxesColumn}
                  title="No calls in this time"
                  action={
                    <Button kind="primary" asChild>
                      <Link to="/dashboard/get-started">Make a call</Link>
                    </Button>
                  }
                >
                  {rangeText(search, "30d")}: nothing was called. Spend, tokens and latency show up here seconds after a
                  call.
                </Empty>
              ) : (
                <>
                  <div className="flex flex-wrap items-center justify-between gap-3 px-4 pt-4 sm:px-5">
                    <SelectField
                      bare
                      label="Split by"
                      className="w-40"
                      value={group}
                      onChange={(event) => set({ group: GROUPS.find((entry) => entry === event.target.value) })}
                    >
                      {GROUPS.map((entry) => (
                        <option key={entry} value={entry}>
                          {entry === "none"
                            ? "All together"
                            : `By ${GROUP_NAMES[entry].replace(/^[MP]/, (letter) => letter.toLowerCase())}`}
                        </option>
                      ))}
                    </SelectField>
                    <Segments
                      label="Length of a bar"
                      value={bucket}
                      options={buckets}
                      names={BUCKET_NAMES}
                      onChange={(next) => set({ bucket: next })}
                    />
                  </div>
                  <ChartPanel usage={usage} metric={metric} nameOf={nameOf} />
                </>
              )}
            </>
          )}
        </Loaded>
      </Card>
      {sums.data && sums.data.totals.calls > 0 && (
        <Card className="mt-6">
          <CardHead
            title={`By ${GROUP_NAMES[group].replace(/^[MP]/, (letter) => letter.toLowerCase())}`}
            note={rangeText(search, "30d")}
          />
          <UsageTable
            rows={sums.data.rows}
            group={group}
            groupName={GROUP_NAMES[group]}
            nameOf={nameOf}
            range={search.from === undefined ? { range: search.range } : { from: search.from, to: search.to }}
          />
        </Card>
      )}
    </Page>
  );
}
