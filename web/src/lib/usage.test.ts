import { expect, it } from "vitest";
import type { Usage, UsageRow } from "@/api/queries";
import { chartPoints, OTHER, topGroups, USAGE_CSV_HEADER, usageCsvRow } from "./usage";

function row(bucket_start: string, group: string, calls: number, nano: number): UsageRow {
  const tokens = {
    input: 10,
    cached_input: 0,
    cache_write_5m: 0,
    cache_write_1h: 0,
    audio_input: 0,
    output: 5,
    reasoning: 0,
    audio_output: 0,
    image_output: 0,
  };
  return {
    ...{
      bucket_start,
      group,
      calls,
      tokens,
      settled: calls,
      voided: 0,
      orphaned: 0,
      failed: 0,
      cancelled: 0,
      cache_hits: 0,
      estimated: 0,
      searches: 0,
    },
    ...{
      cost_nano_usd: nano,
      cost_usd: "0",
      charged_nano_usd: nano,
      charged_usd: "0",
      duration_ms_mean: 90,
      duration_ms_p95: 100,
    },
  };
}

function usage(rows: UsageRow[]): Usage {
  return {
    from: "2026-11-01T00:00:00Z",
    to: "2026-11-04T00:00:00Z",
    bucket: "day",
    group_by: "model",
    totals: row("", "", 0, 0),
    rows,
  };
}

const DAY1 = "2026-11-01T00:00:00Z";
const DAY3 = "2026-11-03T00:00:00Z";

it("has a point for every bucket, also for those that the answer leaves out", () => {
  const { points } = chartPoints(usage([row(DAY1, "a", 1, 5), row(DAY3, "a", 1, 7)]), "spend", String);
  expect(points.map((point) => point.values.a)).toEqual([5, 0, 7]);
});

it("has a gap where there is nothing to take a percentile of", () => {
  const { points } = chartPoints(usage([row(DAY1, "a", 1, 5)]), "latency", String);
  expect(points.map((point) => point.values.a)).toEqual([100, null, null]);
});

it("sums what is beyond the colours, and loses nothing", () => {
  const rows = Array.from({ length: 9 }, (_, index) => row(DAY1, `m${index}`, 1, 10 - index));
  const { series, points } = chartPoints(usage(rows), "spend", String);
  expect(series.map(({ id }) => id)).toEqual(["m0", "m1", "m2", "m3", "m4", "m5", OTHER]);
  expect(points[0]?.values[OTHER]).toBe(4 + 3 + 2);
  expect(topGroups(rows, "spend").rest.size).toBe(3);
});

it("writes as many fields as the header has", () => {
  expect(usageCsvRow(row(DAY1, "a", 1, 5), String)).toHaveLength(USAGE_CSV_HEADER.length);
});
