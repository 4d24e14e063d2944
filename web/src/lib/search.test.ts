import { expect, it } from "vitest";
import { callsSearch, nextSearch, usageSearch } from "./search";

it("only goes on to a page of the dashboard", () => {
  expect(nextSearch({ next: "/dashboard/calls?model=a" })).toEqual({ next: "/dashboard/calls?model=a" });
  expect(nextSearch({ next: "https://example.com" })).toEqual({});
  expect(nextSearch({ next: "//example.com/dashboard" })).toEqual({});
  expect(nextSearch({ next: "/dashboard.example.com" })).toEqual({});
});

it("ignores what it does not know", () => {
  expect(usageSearch({ range: "1y", metric: "spend", from: "2026-11-01" })).toEqual({ metric: "spend" });
  expect(usageSearch({ from: "2026-11-01", to: "2026-11-02", range: "7d" })).toEqual({
    from: "2026-11-01",
    to: "2026-11-02",
  });
  expect(callsSearch({ status: "odd", model: 4, provider: "" })).toEqual({ model: "4" });
});
