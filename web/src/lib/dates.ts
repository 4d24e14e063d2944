// Ranges and buckets are in UTC, as the API counts them; single moments are shown in the reader's own zone.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export const PRESETS = ["24h", "7d", "30d", "90d"] as const;
export type Preset = (typeof PRESETS)[number];
export type Bucket = "hour" | "day";
export interface Range {
  from: string;
  to: string;
}

const LENGTH: Record<Preset, number> = { "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY };

export const PRESET_NAMES: Record<Preset, string> = {
  "24h": "24 hours",
  "7d": "7 days",
  "30d": "30 days",
  "90d": "90 days",
};

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

/** A preset ends with the hour that `now` is in, and is whole days for more than a day, so that its bars are comparable. */
export function presetRange(preset: Preset, now: number): Range {
  const to = Math.floor(now / HOUR) * HOUR + HOUR;
  if (preset === "24h") return { from: iso(to - DAY), to: iso(to) };
  const today = Math.floor(now / DAY) * DAY;
  return { from: iso(today - LENGTH[preset] + DAY), to: iso(to) };
}

/** Both days belong to it. Null when they are no days, or in the wrong order. */
export function dayRange(first: string, last: string): Range | null {
  const from = Date.parse(`${first}T00:00:00Z`);
  const to = Date.parse(`${last}T00:00:00Z`) + DAY;
  return Number.isNaN(from) || Number.isNaN(to) || to <= from ? null : { from: iso(from), to: iso(to) };
}

/** The range of the same length that ends where this one begins. */
export function previousRange(range: Range): Range {
  const from = Date.parse(range.from);
  return { from: iso(from - (Date.parse(range.to) - from)), to: range.from };
}

export function defaultBucket(range: Range): Bucket {
  return Date.parse(range.to) - Date.parse(range.from) <= 3 * DAY ? "hour" : "day";
}

/** Hours of a longer range, by model, would be more than the API answers with, and more bars than a chart can show. */
export function bucketsOf(range: Range): readonly Bucket[] {
  return Date.parse(range.to) - Date.parse(range.from) <= 8 * DAY ? ["hour", "day"] : ["day"];
}

/** The beginnings of all buckets of a range. At most a thousand. */
export function bucketStarts(range: Range, bucket: Bucket): string[] {
  const step = bucket === "hour" ? HOUR : DAY;
  const end = Date.parse(range.to);
  const starts: string[] = [];
  for (let at = Math.floor(Date.parse(range.from) / step) * step; at < end && starts.length < 1000; at += step) {
    starts.push(iso(at));
  }
  return starts;
}

const utcDay = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", timeZone: "UTC" });
const utcHour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const localMoment = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const localFull = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
const localDay = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

export function formatBucket(start: string, bucket: Bucket, long = false): string {
  const date = new Date(start);
  if (bucket === "day") return utcDay.format(date);
  return long ? `${utcDay.format(date)}, ${utcHour.format(date)} UTC` : utcHour.format(date);
}

export function formatMoment(text: string): string {
  return localMoment.format(new Date(text));
}

export function formatMomentFull(text: string): string {
  return localFull.format(new Date(text));
}

export function formatDay(text: string): string {
  return localDay.format(new Date(text));
}

/** "3 min ago", for what happened; days and more become a date. */
export function formatAgo(text: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(text)) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 7 * 86_400) return `${Math.floor(seconds / 86_400)} d ago`;
  return formatDay(text);
}
