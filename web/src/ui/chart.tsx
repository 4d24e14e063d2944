import { Bar, BarChart, CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { ReactElement } from "react";
import { OTHER, type ChartPoint, type Series } from "@/lib/usage";

export interface ChartProps {
  series: Series[];
  points: ChartPoint[];
  /** Parts of a whole stand on each other as bars; means and rates are lines. */
  stacked: boolean;
  drawn: (value: number) => number;
  text: (value: number) => string;
  axis: (drawn: number) => string;
  tick: (start: string) => string;
}

export function seriesColor(id: string, index: number): string {
  return id === OTHER ? "var(--series-other)" : `var(--series-${index + 1})`;
}

interface TipProps extends Pick<ChartProps, "series" | "text" | "stacked"> {
  active?: boolean;
  payload?: readonly { payload?: ChartPoint }[];
}

function Tip({ active, payload, series, text, stacked }: TipProps) {
  const point = payload?.[0]?.payload;
  if (active !== true || point === undefined) return null;
  const shown = series
    .map((entry, index) => ({ ...entry, index, value: point.values[entry.id] ?? null }))
    .filter((entry) => entry.value !== null && (entry.value !== 0 || series.length === 1));
  const total = shown.reduce((sum, entry) => sum + (entry.value ?? 0), 0);
  return (
    <div className="min-w-40 rounded-lg border border-line bg-surface px-3 py-2.5 text-sm shadow-float">
      <p className="mb-1.5 font-medium text-ink">{point.label}</p>
      {shown.length === 0 && <p className="text-ink-3">No calls</p>}
      {shown.map((entry) => (
        <p key={entry.id} className="num flex items-center gap-2 text-ink-2">
          <span className="size-2 rounded-[2px]" style={{ background: seriesColor(entry.id, entry.index) }} />
          <span className="max-w-48 flex-1 truncate">{entry.name}</span>
          <span className="pl-4 text-ink">{text(entry.value ?? 0)}</span>
        </p>
      ))}
      {stacked && shown.length > 1 && (
        <p className="num mt-1.5 flex justify-between border-t border-line pt-1.5 font-medium">
          <span>Total</span>
          <span>{text(total)}</span>
        </p>
      )}
    </div>
  );
}

export default function Chart({ series, points, stacked, drawn, text, axis, tick }: ChartProps): ReactElement {
  const value = (id: string) => (point: ChartPoint) => {
    const counted = point.values[id];
    return counted == null ? null : drawn(counted);
  };
  const shared = (
    <>
      <CartesianGrid vertical={false} stroke="var(--line)" />
      <XAxis
        dataKey="start"
        tickFormatter={tick}
        tickLine={false}
        axisLine={{ stroke: "var(--line-strong)" }}
        tick={{ fill: "var(--ink-3)", fontSize: 12 }}
        tickMargin={8}
        minTickGap={32}
      />
      <YAxis
        tickFormatter={axis}
        tickLine={false}
        axisLine={false}
        tick={{ fill: "var(--ink-3)", fontSize: 12 }}
        // As wide as its longest figure: a single call can cost $0.000053.
        width="auto"
        tickCount={5}
      />
      <Tooltip
        isAnimationActive={false}
        cursor={stacked ? { fill: "var(--sunken)" } : { stroke: "var(--line-strong)" }}
        content={(props) => <Tip active={props.active} payload={props.payload} {...{ series, text, stacked }} />}
      />
    </>
  );
  const options = { data: points, margin: { top: 8, right: 16, bottom: 0, left: 0 }, accessibilityLayer: false };
  return (
    <ResponsiveContainer width="100%" height="100%">
      {stacked ? (
        <BarChart {...options} barCategoryGap={points.length > 40 ? 1 : "18%"} maxBarSize={40}>
          {shared}
          {series.map(({ id, name }, index) => (
            <Bar
              key={id}
              dataKey={value(id)}
              name={name}
              stackId="all"
              fill={seriesColor(id, index)}
              isAnimationActive={false}
            />
          ))}
        </BarChart>
      ) : (
        <LineChart {...options}>
          {shared}
          {series.map(({ id, name }, index) => (
            <Line
              key={id}
              dataKey={value(id)}
              name={name}
              stroke={seriesColor(id, index)}
              strokeWidth={2}
              dot={points.length < 3 ? { r: 3 } : false}
              connectNulls
              isAnimationActive={false}
            />
          ))}
        </LineChart>
      )}
    </ResponsiveContainer>
  );
}
