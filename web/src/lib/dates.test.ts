import { describe, expect, it } from "vitest";
import {
  bucketsOf,
  bucketStarts,
  dayRange,
  defaultBucket,
  formatAgo,
  formatBucket,
  presetRange,
  previousRange,
} from "./dates";

const NOW = Date.parse("2026-11-21T02:30:00Z");

describe("ranges", () => {
  it("end with the hour that it is", () => {
    expect(presetRange("24h", NOW)).toEqual({ from: "2026-11-20T03:00:00Z", to: "2026-11-21T03:00:00Z" });
    expect(presetRange("7d", NOW)).toEqual({ from: "2026-11-15T00:00:00Z", to: "2026-11-21T03:00:00Z" });
  });

  it("hold both of their days", () => {
    expect(dayRange("2026-11-01", "2026-11-01")).toEqual({ from: "2026-11-01T00:00:00Z", to: "2026-11-02T00:00:00Z" });
    expect(dayRange("2026-11-02", "2026-11-01")).toBeNull();
    expect(dayRange("2026-02-xx", "2026-11-01")).toBeNull();
  });

  it("are cut into hours when they are short", () => {
    expect(bucketsOf(presetRange("7d", NOW))).toEqual(["hour", "day"]);
    expect(bucketsOf(presetRange("30d", NOW))).toEqual(["day"]);
  });

  it("are compared with as long a time before", () => {
    expect(previousRange({ from: "2026-11-10T00:00:00Z", to: "2026-11-12T00:00:00Z" })).toEqual({
      from: "2026-11-08T00:00:00Z",
      to: "2026-11-10T00:00:00Z",
    });
  });

  it("have hours when they are short", () => {
    expect(defaultBucket(presetRange("24h", NOW))).toBe("hour");
    expect(defaultBucket(presetRange("30d", NOW))).toBe("day");
  });

  it("are cut into buckets without a gap", () => {
    expect(bucketStarts(presetRange("24h", NOW), "hour")).toHaveLength(24);
    expect(bucketStarts(presetRange("7d", NOW), "day").at(-1)).toBe("2026-11-21T00:00:00Z");
    expect(bucketStarts({ from: "2020-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z" }, "hour")).toHaveLength(1000);
  });
});

describe("texts", () => {
  it("name buckets in UTC", () => {
    expect(formatBucket("2026-11-21T00:00:00Z", "day")).toBe("Nov 21");
    expect(formatBucket("2026-11-21T14:00:00Z", "hour", true)).toBe("Nov 21, 14:00 UTC");
  });

  it("say how long ago", () => {
    expect(formatAgo("2026-11-21T02:29:30Z", NOW)).toBe("just now");
    expect(formatAgo("2026-11-21T02:00:00Z", NOW)).toBe("30 min ago");
    expect(formatAgo("2026-11-20T02:00:00Z", NOW)).toBe("1 d ago");
    expect(formatAgo("2026-11-21T02:31:00Z", NOW)).toBe("just now");
  });
});
