import type { Sums } from "@/api/queries";
import { cx } from "@/lib/classes";
import { formatUsd } from "@/lib/money";
import { change, formatCompact, formatMs, formatPercent } from "@/lib/numbers";
import { METRICS, type Metric } from "@/lib/search";
import { failureRate, METRIC_SHAPES } from "@/lib/usage";

function note(metric: Metric, sums: Sums): string {
  switch (metric) {
    case "spend":
      return `${formatUsd(sums.charged_nano_usd)} charged`;
    case "calls":
      return `${formatPercent(failureRate(sums))} failed`;
    case "tokens":
      return `${formatCompact(sums.tokens.input)} in, ${formatCompact(sums.tokens.output)} out`;
    case "latency":
      if (sums.duration_ms_p50 == null) return "No calls";
      return sums.first_token_ms_p95 == null
        ? `${formatMs(sums.duration_ms_p50)} median`
        : `${formatMs(sums.first_token_ms_p95)} to first token`;
    case "cache":
      return `${formatCompact(sums.cache_hits)} hits`;
  }
}

function Delta({ now, before }: { now: number | null; before: number | null | undefined }) {
  const share = now === null || before == null ? null : change(now, before);
  if (share === null || Math.abs(share) < 0.005) return null;
  const text = Math.abs(share) >= 10 ? ">10×" : `${Math.round(Math.abs(share) * 100)}%`;
  return (
    <span className="num text-xs text-ink-3">
      <span aria-hidden>{share > 0 ? "↑" : "↓"}</span>
      <span className="sr-only">{share > 0 ? "up" : "down"}</span> {text}
    </span>
  );
}

interface Props {
  totals: Sums;
  before: Sums | undefined;
  chosen: Metric;
  onChoose: (metric: Metric) => void;
}

/** The figures of the range. Choosing one shows it in the chart. */
export function MetricTiles({ totals, before, chosen, onChoose }: Props) {
  return (
    <div
      role="group"
      aria-label="Figure in the chart"
      className="grid grid-cols-2 border-b border-line sm:grid-cols-3 lg:grid-cols-5"
    >
      {METRICS.map((metric) => {
        const shape = METRIC_SHAPES[metric];
        const value = shape.of(totals);
        const on = metric === chosen;
        return (
          <button
            key={metric}
            type="button"
            aria-pressed={on}
            onClick={() => onChoose(metric)}
            className={cx(
              "relative -mb-px border-b border-line px-4 py-4 text-left transition-colors last:max-sm:col-span-2 sm:px-5 lg:border-r lg:last:border-r-0",
              "max-sm:odd:not-last:border-r sm:max-lg:[&:nth-child(3n+1)]:border-r sm:max-lg:[&:nth-child(3n+2)]:border-r",
              on ? "after:absolute after:inset-x-0 after:bottom-0 after:h-0.5 after:bg-accent" : "hover:bg-sunken",
            )}
          >
            <span className={cx("block text-sm", on ? "font-medium text-accent" : "text-ink-2")}>{shape.name}</span>
            <span className="mt-1 flex items-baseline gap-2">
              <span className="num text-xl font-semibold">{value === null ? "–" : shape.text(value)}</span>
              <Delta now={value} before={before && shape.of(before)} />
            </span>
            <span className="num mt-0.5 block truncate text-sm text-ink-3">{note(metric, totals)}</span>
          </button>
        );
      })}
    </div>
  );
}
