import type { Sums, Usage, UsageRow } from "@/api/queries";
import { bucketStarts, formatBucket, type Bucket } from "./dates";
import { formatUsd, usdForChart } from "./money";
import { formatCompact, formatMs, formatPercent } from "./numbers";
import type { Metric } from "./search";

export const tokensOf = (sums: Sums) => sums.tokens.input + sums.tokens.output;
export const hitRate = (sums: Sums) => (sums.calls === 0 ? 0 : sums.cache_hits / sums.calls);
export const failureRate = (sums: Sums) => (sums.calls === 0 ? 0 : sums.failed / sums.calls);

interface MetricShape {
  name: string;
  /** The figure as it is counted; null when there was nothing to take a percentile of. */
  of: (sums: Sums) => number | null;
  /** As the chart draws it. */
  drawn: (value: number) => number;
  text: (value: number) => string;
  /** Parts add up to the whole, so they can stand on each other; percentiles and rates cannot. */
  adds: boolean;
}

export const METRIC_SHAPES: Record<Metric, MetricShape> = {
  spend: {
    name: "Spend",
    of: (s) => s.cost_nano_usd,
    drawn: usdForChart,
    text: (v) => formatUsd(Math.round(v)),
    adds: true,
  },
  calls: { name: "Calls", of: (s) => s.calls, drawn: (v) => v, text: formatCompact, adds: true },
  tokens: { name: "Tokens", of: tokensOf, drawn: (v) => v, text: formatCompact, adds: true },
  latency: {
    name: "Latency p95",
    of: (s) => s.duration_ms_p95 ?? null,
    drawn: (v) => v,
    text: formatMs,
    adds: false,
  },
  cache: { name: "Cache hit rate", of: hitRate, drawn: (v) => v * 100, text: formatPercent, adds: false },
};

export interface Series {
  id: string;
  name: string;
}

export interface ChartPoint {
  start: string;
  label: string;
  /** By series; null where there was no call. */
  values: Record<string, number | null>;
}

export const OTHER = "·other";
/** As many as there are colours that can be told apart. */
export const SERIES_MAX = 6;

/** The groups with most of the metric; the rest becomes one. */
export function topGroups(rows: UsageRow[], metric: Metric): { top: string[]; rest: Set<string> } {
  const shape = METRIC_SHAPES[metric];
  const sums = new Map<string, number>();
  for (const row of rows) {
    const weight = shape.adds ? (shape.of(row) ?? 0) : row.calls;
    sums.set(row.group ?? "", (sums.get(row.group ?? "") ?? 0) + weight);
  }
  const sorted = [...sums.entries()].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([group]) => group);
  return { top: sorted.slice(0, SERIES_MAX), rest: new Set(sorted.slice(SERIES_MAX)) };
}

/** One point for each bucket of the range, also for those without calls, which the answer leaves out. */
export function chartPoints(
  usage: Usage,
  metric: Metric,
  nameOf: (group: string) => string,
): { series: Series[]; points: ChartPoint[] } {
  const shape = METRIC_SHAPES[metric];
  const bucket: Bucket = usage.bucket === "hour" ? "hour" : "day";
  const { top, rest } = topGroups(usage.rows, metric);
  const series: Series[] = top.map((id) => ({ id, name: nameOf(id) }));
  // Percentiles of several groups cannot be added up, so the rest is only drawn where it can.
  if (rest.size > 0 && shape.adds) series.push({ id: OTHER, name: `Other (${rest.size})` });
  const empty = shape.adds ? 0 : null;
  const points = new Map<string, ChartPoint>(
    bucketStarts(usage, bucket).map((start) => [
      start,
      {
        start,
        label: formatBucket(start, bucket, true),
        values: Object.fromEntries(series.map(({ id }) => [id, empty])),
      },
    ]),
  );
  for (const row of usage.rows) {
    const point = points.get(row.bucket_start);
    const group = row.group ?? "";
    const value = shape.of(row);
    if (!point || value === null) continue;
    if (!rest.has(group)) point.values[group] = value;
    else if (shape.adds) point.values[OTHER] = (point.values[OTHER] ?? 0) + value;
  }
  return { series, points: [...points.values()] };
}

export const USAGE_CSV_HEADER = [
  "bucket_start",
  "group",
  "calls",
  "failed",
  "cache_hits",
  "input_tokens",
  "cached_input_tokens",
  "output_tokens",
  "duration_ms_mean",
  "duration_ms_p50",
  "duration_ms_p95",
  "first_token_ms_mean",
  "first_token_ms_p50",
  "first_token_ms_p95",
  "cost_usd",
  "charged_usd",
];

export function usageCsvRow(row: UsageRow, nameOf: (group: string) => string) {
  return [
    row.bucket_start,
    row.group == null ? "" : nameOf(row.group),
    row.calls,
    row.failed,
    row.cache_hits,
    row.tokens.input,
    row.tokens.cached_input,
    row.tokens.output,
    row.duration_ms_mean,
    row.duration_ms_p50,
    row.duration_ms_p95,
    row.first_token_ms_mean,
    row.first_token_ms_p50,
    row.first_token_ms_p95,
    row.cost_usd,
    row.charged_usd,
  ];
}
