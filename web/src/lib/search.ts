// What may stand behind the `?` of pages. Anything else in a URL is ignored, never trusted.
import { PRESETS, type Bucket, type Preset } from "./dates";

export const GROUPS = ["model", "provider", "api_key", "project", "used_mode", "none"] as const;
export type Group = (typeof GROUPS)[number];
export const METRICS = ["spend", "calls", "tokens", "latency", "cache"] as const;
export type Metric = (typeof METRICS)[number];

type Raw = Record<string, unknown>;

function oneOf<T extends string>(value: unknown, options: readonly T[]): T | undefined {
  return options.find((option) => option === value);
}

function text(value: unknown): string | undefined {
  const string = typeof value === "number" ? String(value) : value;
  return typeof string === "string" && string !== "" && string.length <= 200 ? string : undefined;
}

function day(value: unknown): string | undefined {
  const string = text(value);
  return string !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(string) ? string : undefined;
}

export interface RangeSearch {
  range?: Preset;
  from?: string;
  to?: string;
}

function rangeSearch(raw: Raw): RangeSearch {
  const [from, to] = [day(raw.from), day(raw.to)];
  return from !== undefined && to !== undefined ? { from, to } : { range: oneOf(raw.range, PRESETS) };
}

export interface UsageSearch extends RangeSearch {
  bucket?: Bucket;
  group?: Group;
  metric?: Metric;
}

export function usageSearch(raw: Raw): UsageSearch {
  return {
    ...rangeSearch(raw),
    bucket: oneOf(raw.bucket, ["hour", "day"]),
    group: oneOf(raw.group, GROUPS),
    metric: oneOf(raw.metric, METRICS),
  };
}

export interface CallsSearch extends RangeSearch {
  model?: string;
  provider?: string;
  api_key_id?: string;
  project_id?: string;
  used_mode?: "credits" | "api-keys";
  status?: "ok" | "failed";
  cache?: "hit" | "miss";
}

export function callsSearch(raw: Raw): CallsSearch {
  return {
    ...rangeSearch(raw),
    model: text(raw.model),
    provider: text(raw.provider),
    api_key_id: text(raw.api_key_id),
    project_id: text(raw.project_id),
    used_mode: oneOf(raw.used_mode, ["credits", "api-keys"]),
    status: oneOf(raw.status, ["ok", "failed"]),
    cache: oneOf(raw.cache, ["hit", "miss"]),
  };
}

export interface CatalogSearch {
  q?: string;
  mode?: string;
  provider?: string;
  can?: string;
}

export function catalogSearch(raw: Raw): CatalogSearch {
  return { q: text(raw.q), mode: text(raw.mode), provider: text(raw.provider), can: text(raw.can) };
}

/** Where to go after the log-in: only ever a page of this dashboard. */
export function nextSearch(raw: Raw): { next?: string } {
  const next = text(raw.next);
  return next !== undefined && /^\/dashboard(\/|\?|$)/.test(next) ? { next } : {};
}

export function playgroundSearch(raw: Raw): { model?: string } {
  return { model: text(raw.model) };
}

export interface AuditSearch extends RangeSearch {
  actor?: string;
  action?: string;
  text?: string;
}

export function auditSearch(raw: Raw): AuditSearch {
  return { ...rangeSearch(raw), actor: text(raw.actor), action: text(raw.action), text: text(raw.text) };
}
