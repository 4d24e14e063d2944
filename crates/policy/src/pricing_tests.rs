//! Worked examples, and the two laws: nothing is counted twice, and no bill exceeds its bound.

use catalog::{Price, Rates, Tier, UnitPrices};
use domain::{NanoUsd, PicoUsd, PicoUsdPerUnit, Usage};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::Config;

use super::{Units, bound, bound_with_units, charged, charged_bound, cost, cost_with_units};

const fn per_million(cents: i64) -> PicoUsdPerUnit {
    PicoUsdPerUnit(cents * 10_000)
}

/// Every class has a price that names it: 1, 10, 100 … pico-USD per token.
fn telling() -> Price {
    let rates = Rates {
        input: PicoUsdPerUnit(1),
        cached_input: Some(PicoUsdPerUnit(10)),
        cache_write_5m: Some(PicoUsdPerUnit(100)),
        cache_write_1h: Some(PicoUsdPerUnit(1_000)),
        audio_input: Some(PicoUsdPerUnit(10_000)),
        output: PicoUsdPerUnit(100_000),
        reasoning: Some(PicoUsdPerUnit(1_000_000)),
        audio_output: Some(PicoUsdPerUnit(10_000_000)),
        image_output: Some(PicoUsdPerUnit(100_000_000)),
    };
    let units = UnitPrices { request: Some(PicoUsdPerUnit(7)), search: Some(PicoUsdPerUnit(1_000_000_000)), ..UnitPrices::default() };
    Price { rates, units, tiers: Vec::new() }
}

#[test]
fn ten_million_in_and_one_million_out() {
    let price = Price::flat(per_million(250), per_million(1_000));
    let usage = Usage { input: 10_000_000, output: 1_000_000, ..Usage::default() };
    let cost = cost(&price, &usage);
    assert_eq!(cost.total(), NanoUsd::from_usd(35));
    assert_eq!(charged(cost.exact(), 0), NanoUsd::from_usd(35));
    assert_eq!(charged(cost.exact(), 1_000), NanoUsd(38_500_000_000));
    assert_eq!(bound(&price, 10_000_000, 1_000_000), cost.exact());
}

#[test]
fn each_token_is_counted_once_in_its_class() {
    let usage = Usage {
        input: 15,
        cached_input: 2,
        cache_write_5m: 3,
        cache_write_1h: 4,
        audio_input: 5,
        output: 14,
        reasoning: 2,
        audio_output: 3,
        image_output: 4,
        searches: 6,
        ..Usage::default()
    };
    let cost = cost(&telling(), &usage);
    let shown = [cost.input, cost.cached_input, cost.cache_write, cost.audio_input].map(|part| part.0);
    assert_eq!(shown, [1, 20, 4_300, 50_000]);
    let shown = [cost.output, cost.reasoning, cost.audio_output, cost.image_output].map(|part| part.0);
    assert_eq!(shown, [500_000, 2_000_000, 30_000_000, 400_000_000]);
    assert_eq!([cost.request, cost.searches].map(|part| part.0), [7, 6_000_000_000]);
}

#[test]
fn a_class_without_a_price_falls_back() {
    let price = Price::flat(PicoUsdPerUnit(3), PicoUsdPerUnit(5));
    let usage = Usage {
        input: 10,
        cached_input: 1,
        cache_write_5m: 2,
        cache_write_1h: 3,
        output: 20,
        reasoning: 9,
        audio_output: 1,
        ..Usage::default()
    };
    assert_eq!(cost(&price, &usage).exact(), PicoUsd(10 * 3 + 20 * 5));
    let mut price = price;
    price.rates.cache_write_5m = Some(PicoUsdPerUnit(4));
    assert_eq!(cost(&price, &usage).cache_write, PicoUsd(5 * 4), "1 hour falls back to 5 minutes");
}

#[test]
fn parts_beyond_their_total_are_cut() {
    let usage = Usage { input: 3, cached_input: 9, cache_write_5m: 9, audio_input: 9, output: 2, reasoning: 9, ..Usage::default() };
    assert_eq!(cost(&telling(), &usage).exact(), PicoUsd(3 * 10 + 2 * 1_000_000 + 7));
}

#[test]
fn a_tier_prices_the_whole_call_from_one_token_above_its_threshold() {
    let mut price = Price::flat(PicoUsdPerUnit(1), PicoUsdPerUnit(2));
    price.tiers = vec![
        Tier { above_input_tokens: 100, rates: Rates::flat(PicoUsdPerUnit(10), PicoUsdPerUnit(20)) },
        Tier { above_input_tokens: 200, rates: Rates::flat(PicoUsdPerUnit(5), PicoUsdPerUnit(6)) },
    ];
    let at = |input| cost(&price, &Usage { input, output: 1, ..Usage::default() }).exact();
    assert_eq!([at(100), at(101), at(200), at(201)], [PicoUsd(102), PicoUsd(1_030), PicoUsd(2_020), PicoUsd(1_011)]);
    assert_eq!(bound(&price, 100, 1), PicoUsd(102));
    assert_eq!(bound(&price, 201, 1), PicoUsd(2_030), "the middle tier is dearer than the last");
}

#[test]
fn mark_up_comes_before_the_only_rounding() {
    assert_eq!(charged(PicoUsd(1_400), 1_000), NanoUsd(2), "1.54, not 1 × 1.1");
    assert_eq!(charged(PicoUsd(500), 0), NanoUsd(0));
    assert_eq!(charged(PicoUsd(1_500), 0), NanoUsd(2));
    assert_eq!(charged(PicoUsd(499), 100), NanoUsd(1), "503.99");
    assert_eq!(charged(PicoUsd(i128::MAX), 1), NanoUsd::MAX);
    assert_eq!(charged_bound(PicoUsd(1), 0), NanoUsd(1));
    assert_eq!(charged_bound(PicoUsd::ZERO, 1_000), NanoUsd(0));
}

#[test]
fn other_units_are_billed() {
    let mut price = Price::default();
    price.units.image_output = Some(PicoUsdPerUnit(40_000_000_000));
    price.units.second_input = Some(PicoUsdPerUnit(100_000_001));
    let units = Units { images_output: 2, audio_input_ms: 1_500, ..Units::default() };
    assert_eq!(cost_with_units(&price, &Usage::default(), &units).exact(), PicoUsd(80_000_000_000 + 150_000_002));
}

fn rates() -> impl Strategy<Value = Rates> {
    let required = || (0i64..200_000_000).prop_map(PicoUsdPerUnit);
    let optional = || proptest::option::of((0i64..400_000_000).prop_map(PicoUsdPerUnit));
    (required(), required(), [optional(), optional(), optional(), optional(), optional(), optional(), optional()].prop_map(|o| o)).prop_map(
        |(input, output, [cached_input, cache_write_5m, cache_write_1h, reasoning, audio_input, audio_output, image_output])| Rates {
            input,
            output,
            cached_input,
            cache_write_5m,
            cache_write_1h,
            reasoning,
            audio_input,
            audio_output,
            image_output,
        },
    )
}

fn prices() -> impl Strategy<Value = Price> {
    let units = (proptest::option::of(0i64..50_000_000_000), proptest::option::of(0i64..50_000_000_000)).prop_map(|(request, search)| {
        UnitPrices { request: request.map(PicoUsdPerUnit), search: search.map(PicoUsdPerUnit), ..UnitPrices::default() }
    });
    let tiers = proptest::collection::btree_map(0u64..400_000, rates(), 0..3)
        .prop_map(|tiers| tiers.into_iter().map(|(above_input_tokens, rates)| Tier { above_input_tokens, rates }).collect());
    (rates(), units, tiers).prop_map(|(rates, units, tiers)| Price { rates, units, tiers })
}

fn usages() -> impl Strategy<Value = Usage> {
    let part = || 0u64..600_000;
    ([part(), part(), part(), part(), part()], [part(), part(), part(), part()], 0u64..20).prop_map(
        |(
            [input, cached_input, cache_write_5m, cache_write_1h, audio_input],
            [output, reasoning, audio_output, image_output],
            searches,
        )| {
            let source = domain::UsageSource::Provider;
            Usage {
                input,
                cached_input,
                cache_write_5m,
                cache_write_1h,
                audio_input,
                output,
                reasoning,
                audio_output,
                image_output,
                searches,
                source,
            }
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 20_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_bill_exceeds_its_bound(price in prices(), usage in usages(), room in 0u64..300_000, markup in 0u32..5_000) {
        let exact = cost(&price, &usage).exact();
        let most = Usage { input: usage.input + room, output: usage.output + room, searches: usage.searches, ..Usage::default() };
        let bound_all = bound_with_units(&price, &most, &Units::default());
        prop_assert!(exact <= bound_all, "{exact:?} > {bound_all:?}");
        prop_assert!(charged(exact, markup) <= charged_bound(bound_all, markup));
        let silent = Usage { searches: 0, ..usage };
        prop_assert!(cost(&price, &silent).exact() <= bound(&price, most.input, most.output));
    }

    #[test]
    fn with_one_price_for_all_the_cost_is_the_total_times_it(usage in usages(), pico in 0i64..1_000_000_000) {
        let price = Price::flat(PicoUsdPerUnit(pico), PicoUsdPerUnit(pico));
        prop_assert_eq!(cost(&price, &usage).exact(), PicoUsdPerUnit(pico).times(usage.total()));
    }

    #[test]
    fn nothing_overflows(count in any::<u64>(), pico in 0..=i64::MAX) {
        let price = Price::flat(PicoUsdPerUnit(pico), PicoUsdPerUnit(pico));
        let usage = Usage { input: count, output: count, reasoning: count, ..Usage::default() };
        let exact = cost(&price, &usage).exact();
        prop_assert!(exact >= PicoUsd::ZERO && exact <= bound(&price, count, count));
        prop_assert!(charged(exact, 1_000) >= NanoUsd::ZERO);
    }
}
