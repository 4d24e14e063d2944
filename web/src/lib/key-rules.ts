import type { components } from "@/api/schema";
import { z } from "@/lib/forms";
import { formatUsdPlain, parseUsd } from "@/lib/money";

type KeyRules = components["schemas"]["KeyRulesBody"];

const price = z.string().refine((text) => text.trim() === "" || nano(text) !== null, "USD such as 2.50, or nothing.");

export const RULE_FIELDS = {
  allowed_ips: z.string(),
  denied_models: z.string(),
  allowed_providers: z.string(),
  denied_providers: z.string(),
  input_price_max: price,
  output_price_max: price,
  tags: z.string(),
  metadata: z
    .string()
    .refine((text) => pairs(text).every((pair) => pair.indexOf("=") > 0), "Pairs such as team=search, or nothing."),
};

export interface RuleValues {
  allowed_ips: string;
  denied_models: string;
  allowed_providers: string;
  denied_providers: string;
  input_price_max: string;
  output_price_max: string;
  tags: string;
  metadata: string;
}

export const NO_RULES: RuleValues = {
  allowed_ips: "",
  denied_models: "",
  allowed_providers: "",
  denied_providers: "",
  input_price_max: "",
  output_price_max: "",
  tags: "",
  metadata: "",
};

const words = (text: string) => text.split(/[\s,]+/).filter((word) => word !== "");

const pairs = (text: string) =>
  text
    .split(",")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "");

/** Nano-USD of a text in USD; null when it is none, or more than a number can hold exactly. */
function nano(text: string): number | null {
  const value = parseUsd(text);
  return value === null || value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(value);
}

function pair(text: string): [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** As the API takes them; what is left blank is no rule. */
export function rules(values: RuleValues): KeyRules {
  return {
    allowed_ips: words(values.allowed_ips),
    denied_models: words(values.denied_models),
    allowed_providers: words(values.allowed_providers),
    denied_providers: words(values.denied_providers),
    input_price_max_nano_usd_per_million: nano(values.input_price_max),
    output_price_max_nano_usd_per_million: nano(values.output_price_max),
    tags: pairs(values.tags),
    metadata: Object.fromEntries(pairs(values.metadata).map(pair)),
  };
}

/** As a form shows them. */
export function ruleValues(of: KeyRules): RuleValues {
  const dollars = (price: number | null | undefined) => (price == null ? "" : formatUsdPlain(price));
  return {
    allowed_ips: of.allowed_ips.join(", "),
    denied_models: of.denied_models.join(", "),
    allowed_providers: of.allowed_providers.join(", "),
    denied_providers: of.denied_providers.join(", "),
    input_price_max: dollars(of.input_price_max_nano_usd_per_million),
    output_price_max: dollars(of.output_price_max_nano_usd_per_million),
    tags: of.tags.join(", "),
    metadata: Object.entries(of.metadata)
      .map(([name, value]) => `${name}=${value}`)
      .join(", "),
  };
}

/** Whether a form can show them and give them back unchanged: a comma within a value would become two. */
export function isShown(of: KeyRules): boolean {
  const plain = ({ metadata, ...rest }: KeyRules) =>
    JSON.stringify([Object.entries(rest).sort(), Object.entries(metadata).sort()]);
  return plain(rules(ruleValues(of))) === plain(of);
}

/** How many there are. */
export function ruleCount(of: KeyRules): number {
  const lists = [of.allowed_ips, of.denied_models, of.allowed_providers, of.denied_providers, of.tags];
  const prices = [of.input_price_max_nano_usd_per_million, of.output_price_max_nano_usd_per_million];
  const metadata = Object.keys(of.metadata).length > 0 ? 1 : 0;
  return lists.filter((list) => list.length > 0).length + prices.filter((price) => price != null).length + metadata;
}
