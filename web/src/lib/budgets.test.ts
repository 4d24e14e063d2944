import { describe, expect, it } from "vitest";
import type { Budget } from "@/api/queries";
import { alertsOf, percentSpent, standing } from "./budgets";

const budget = (more: Partial<Budget>): Budget => ({
  id: "bud_1",
  name: "b",
  scope: "organization",
  scope_value: "org_1",
  amount_nano_usd: 100,
  amount_usd: "0.000000100",
  window: "month",
  time_zone: "UTC",
  enforcement: "hard",
  counts: "cost",
  alerts: [],
  status: "active",
  spent_nano_usd: 10,
  spent_usd: "",
  held_nano_usd: 0,
  held_usd: "",
  remaining_nano_usd: 90,
  remaining_usd: "",
  calls: 1,
  created_at: "",
  updated_at: "",
  ...more,
});

describe("alerts", () => {
  it("reads percents in the ways people write them", () => {
    expect(alertsOf("50, 80,100")).toEqual([50, 80, 100]);
    expect(alertsOf(" 50% 90% ")).toEqual([50, 90]);
    expect(alertsOf("")).toEqual([]);
  });

  it("refuses what is none", () => {
    for (const text of ["0", "1001", "a", "1.5", "-5", "1 2 3 4 5 6 7 8 9 10 11"]) expect(alertsOf(text)).toBeNull();
  });
});

describe("standing", () => {
  it("counts what is held, and an empty budget as spent", () => {
    expect(percentSpent(budget({ held_nano_usd: 25 }))).toBe(35);
    expect(percentSpent(budget({ amount_nano_usd: 0, spent_nano_usd: 0 }))).toBe(100);
  });

  it("says how a window does", () => {
    expect(standing(budget({})).text).toBe("within");
    expect(standing(budget({ spent_nano_usd: 80, remaining_nano_usd: 20 })).tone).toBe("warn");
    expect(standing(budget({ spent_nano_usd: 120, remaining_nano_usd: 0 })).text).toBe("spent");
    expect(standing(budget({ remaining_nano_usd: 0, enforcement: "soft" })).text).toBe("over");
    expect(standing(budget({ remaining_nano_usd: 0, status: "disabled" })).tone).toBe("neutral");
  });
});
