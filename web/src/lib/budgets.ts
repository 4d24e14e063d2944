import type { Budget } from "@/api/queries";
import type { Tone } from "@/ui/badge";

export const WINDOWS: { id: Budget["window"]; name: string }[] = [
  { id: "hour", name: "Every hour" },
  { id: "day", name: "Every day" },
  { id: "week", name: "Every week" },
  { id: "month", name: "Every month" },
  { id: "total", name: "Never" },
];

/** `50, 80, 100` as numbers; null when it is something else. */
export function alertsOf(text: string): number[] | null {
  const parts = text
    .split(/[\s,]+/)
    .map((part) => part.replace(/%$/, ""))
    .filter((part) => part !== "");
  const fine = parts.length <= 10 && parts.every((part) => /^\d{1,4}$/.test(part) && +part >= 1 && +part <= 1000);
  return fine ? parts.map(Number) : null;
}

/** How far a window is spent, in whole percent, held room included; more than 100 after an overshoot. */
export function percentSpent({ amount_nano_usd: amount, spent_nano_usd: spent, held_nano_usd: held }: Budget): number {
  const used = spent + held;
  if (amount === 0) return 100;
  return Math.floor((used / amount) * 100);
}

export function standing(budget: Budget): { text: string; tone: Tone } {
  if (budget.status === "disabled") return { text: "off", tone: "neutral" };
  const percent = percentSpent(budget);
  if (budget.remaining_nano_usd === 0) return { text: budget.enforcement === "hard" ? "spent" : "over", tone: "bad" };
  return percent >= 80 ? { text: "nearly spent", tone: "warn" } : { text: "within", tone: "good" };
}
