// Money comes as integers of nano-USD and as decimal text. It is counted in bigint and only becomes a number for a chart's pixels.

const NANO = 1_000_000_000n;

export type Nano = bigint | number;

/** Reads a decimal text in USD of at most nine decimals; null when it is not one. */
export function parseUsd(text: string): bigint | null {
  const match = /^(-)?(\d{1,10})(?:\.(\d{1,9}))?$/.exec(text.trim());
  if (!match) return null;
  const [, minus, whole = "0", part = ""] = match;
  const nano = BigInt(whole) * NANO + BigInt(part.padEnd(9, "0"));
  return minus ? -nano : nano;
}

/** `value / 10^digits`, rounded half to even. */
function shifted(value: bigint, digits: number): bigint {
  const unit = 10n ** BigInt(digits);
  const quotient = value / unit;
  const rest = value % unit;
  const half = unit / 2n;
  if (digits === 0 || rest < half || (rest === half && quotient % 2n === 0n)) return quotient;
  return quotient + 1n;
}

function grouped(whole: bigint): string {
  return whole.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

function written(nano: bigint, decimals: number): string {
  const scaled = shifted(nano, 9 - decimals);
  const unit = 10n ** BigInt(decimals);
  const part = decimals === 0 ? "" : `.${(scaled % unit).toString().padStart(decimals, "0")}`;
  return `${grouped(scaled / unit)}${part}`;
}

function signed(nano: Nano, write: (positive: bigint) => string): string {
  const value = BigInt(nano);
  return value < 0n ? `−$${write(-value)}` : `$${write(value)}`;
}

/** For reading: cents from ten cents on, below that about three digits that count. */
export function formatUsd(nano: Nano): string {
  return signed(nano, (value) => {
    if (value === 0n || value >= NANO / 10n) return written(value, 2);
    const leadingZeros = 9 - value.toString().length;
    const decimals = Math.min(9, Math.max(2, leadingZeros + 3));
    const text = written(value, decimals).replace(/0+$/, "");
    const [whole = "0", part = ""] = text.split(".");
    return `${whole}.${part.padEnd(2, "0")}`;
  });
}

/** For columns of single calls: always six decimals, so that they stand under each other. */
export function formatUsdColumn(nano: Nano): string {
  const value = BigInt(nano);
  return value > 0n && value < 500n ? "<$0.000001" : signed(value, (positive) => written(positive, 6));
}

/** For bills: every digit that there is. */
export function formatUsdExact(nano: Nano): string {
  return signed(nano, (value) => {
    const [whole = "0", part = ""] = written(value, 9).split(".");
    return `${whole}.${part.replace(/0+$/, "").padEnd(2, "0")}`;
  });
}

/** For fields that are edited: every digit that there is, and nothing that is not one. */
export function formatUsdPlain(nano: Nano): string {
  return formatUsdExact(nano).replace(/[$,]/g, "");
}

/** Pico-USD per token, as USD for a million tokens. One pico-USD a token is one micro-USD a million. */
export function formatPerMillion(pico: number): string {
  return formatUsdExact(BigInt(pico) * 1000n);
}

/** For axes, where only the length of a bar counts. */
export function usdForChart(nano: number): number {
  return nano / 1e9;
}
