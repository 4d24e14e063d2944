import { expect, it } from "vitest";
import { isShown, NO_RULES, ruleCount, rules, RULE_FIELDS, ruleValues } from "./key-rules";

const SOME = {
  allowed_ips: ["10.0.0.0/8", "2001:db8::/32"],
  denied_models: ["gpt-4o"],
  allowed_providers: ["openai"],
  denied_providers: [],
  input_price_max_nano_usd_per_million: 2_500_000_000,
  output_price_max_nano_usd_per_million: 1,
  tags: ["team search", "eu"],
  metadata: { team: "search", query: "a=b" },
};

it("gives back what it shows", () => {
  expect(ruleValues(SOME)).toMatchObject({
    allowed_ips: "10.0.0.0/8, 2001:db8::/32",
    input_price_max: "2.50",
    output_price_max: "0.000000001",
    metadata: "team=search, query=a=b",
  });
  expect(rules(ruleValues(SOME))).toEqual(SOME);
  expect(isShown(SOME)).toBe(true);
  expect(isShown({ ...SOME, metadata: { team: "a, b=c" } })).toBe(false);
});

it("takes blanks for no rules", () => {
  const none = rules(NO_RULES);
  expect(ruleCount(none)).toBe(0);
  expect(none.input_price_max_nano_usd_per_million).toBeNull();
  expect(ruleValues(none)).toEqual(NO_RULES);
  expect(ruleCount(SOME)).toBe(7);
});

it("refuses what is no price and no pair", () => {
  for (const text of ["", "2.5", "0"]) expect(RULE_FIELDS.input_price_max.safeParse(text).success).toBe(true);
  for (const text of ["$2", "-1", "1,5", "9999999999"])
    expect(RULE_FIELDS.input_price_max.safeParse(text).success).toBe(false);
  expect(RULE_FIELDS.metadata.safeParse("team=search, x=").success).toBe(true);
  for (const text of ["team", "=search"]) expect(RULE_FIELDS.metadata.safeParse(text).success).toBe(false);
});
