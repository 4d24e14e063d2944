const whole = new Intl.NumberFormat("en-US");
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export function formatCount(count: number): string {
  return whole.format(count);
}

/** 12,345 becomes 12.3K; below ten thousand every digit stays. */
export function formatCompact(count: number): string {
  return Math.abs(count) < 10_000 ? whole.format(count) : compact.format(count);
}

export function formatPercent(share: number): string {
  if (share > 0 && share < 0.001) return "<0.1%";
  const percent = share * 100;
  return `${percent.toFixed(percent >= 10 || percent === 0 ? 0 : 1)}%`;
}

export function formatMs(ms: number): string {
  if (ms < 1) return "<1 ms";
  if (ms < 1000) return `${whole.format(Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export function formatMicros(us: number): string {
  return us < 1000 ? `${us} µs` : formatMs(us / 1000);
}

/** Context windows: 128000 is 128K, 1048576 is 1M. */
export function formatWindow(tokens: number): string {
  if (tokens >= 1_000_000) return `${Number((tokens / 1_000_000).toFixed(1))}M`;
  return tokens >= 1000 ? `${Math.round(tokens / 1000)}K` : String(tokens);
}

/** The change against an earlier figure; null when there was none. */
export function change(now: number, before: number): number | null {
  return before === 0 ? null : (now - before) / before;
}
