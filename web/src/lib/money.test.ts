import { describe, expect, it } from "vitest";
import { formatPerMillion, formatUsd, formatUsdColumn, formatUsdExact, parseUsd } from "./money";

describe("money", () => {
  it.each([
    ["0", 0n],
    ["25.00", 25_000_000_000n],
    ["-1.5", -1_500_000_000n],
    ["0.000000001", 1n],
    [" 3 ", 3_000_000_000n],
  ])("reads %s", (text, nano) => expect(parseUsd(text)).toBe(nano));

  it.each(["", "1e3", "1,5", ".5", "1.0000000001", "12345678901", "$1"])("does not read %s", (text) =>
    expect(parseUsd(text)).toBeNull(),
  );

  it.each([
    [0, "$0.00"],
    [1_234_567_890_000, "$1,234.57"],
    [999_999_999_999, "$1,000.00"],
    [1_000_000_000, "$1.00"],
    [999_999_999, "$1.00"],
    [616_400_000, "$0.62"],
    [12_500_000, "$0.0125"],
    [49_000, "$0.000049"],
    [1, "$0.000000001"],
    [-12_500_000, "−$0.0125"],
    [-2_000_000_000, "−$2.00"],
  ])("shows %d nano-USD as %s", (nano, text) => expect(formatUsd(nano)).toBe(text));

  it("rounds half to even", () => {
    expect(formatUsd(1_005_000_000)).toBe("$1.00");
    expect(formatUsd(1_015_000_000)).toBe("$1.02");
    expect(formatUsd(1_015_000_001)).toBe("$1.02");
  });

  it("keeps amounts beyond what a number can hold", () => {
    expect(formatUsdExact(9_007_199_254_740_993_000_000_001n)).toBe("$9,007,199,254,740,993.000000001");
  });

  it("leaves out only zeros of an exact amount", () => {
    expect(formatUsdExact(13_221_000)).toBe("$0.013221");
    expect(formatUsdExact(61_482_907_310)).toBe("$61.48290731");
    expect(formatUsdExact(0)).toBe("$0.00");
  });

  it("aligns columns", () => {
    expect(formatUsdColumn(9_800_000)).toBe("$0.009800");
    expect(formatUsdColumn(499)).toBe("<$0.000001");
    expect(formatUsdColumn(0)).toBe("$0.000000");
  });

  it("turns pico-USD a token into USD a million", () => {
    expect(formatPerMillion(2_500_000)).toBe("$2.50");
    expect(formatPerMillion(125_000)).toBe("$0.125");
    expect(formatPerMillion(20_000)).toBe("$0.02");
    expect(formatPerMillion(0)).toBe("$0.00");
  });
});
