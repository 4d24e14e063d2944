//! What a call costs, what is charged for it, and how much it can cost at most.
//!
//! Integers only: pico-USD in `i128` until one rounding, half to even, to nano-USD. Nothing here can say "free" by
//! mistake: a [`Price`] is complete by construction, and a model without one never gets here.

use catalog::{Price, Rates};
use domain::{NanoUsd, PicoUsd, PicoUsdPerUnit, Usage};

/// Basis points of the whole.
const BASIS_POINTS: i128 = 10_000;

/// Billed units that are not tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Units {
    /// Images sent.
    pub images_input: u64,
    /// Images made.
    pub images_output: u64,
    /// Pixels made.
    pub pixels_output: u64,
    /// Milliseconds of audio sent.
    pub audio_input_ms: u64,
    /// Milliseconds of audio made.
    pub audio_output_ms: u64,
    /// Characters sent.
    pub characters_input: u64,
}

/// The parts of a call's cost, each in pico-USD, before the rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Input tokens that no other part covers.
    pub input: PicoUsd,
    /// Input read from the prompt cache.
    pub cached_input: PicoUsd,
    /// Input written to the prompt cache, for any time.
    pub cache_write: PicoUsd,
    /// Audio input tokens.
    pub audio_input: PicoUsd,
    /// Output tokens that no other part covers.
    pub output: PicoUsd,
    /// Reasoning tokens.
    pub reasoning: PicoUsd,
    /// Audio output tokens.
    pub audio_output: PicoUsd,
    /// Image output tokens.
    pub image_output: PicoUsd,
    /// The price of the call itself.
    pub request: PicoUsd,
    /// Web searches at the provider.
    pub searches: PicoUsd,
    /// Images, pixels, seconds, characters.
    pub units: PicoUsd,
}

impl Cost {
    /// All parts together, not rounded.
    pub fn exact(&self) -> PicoUsd {
        [
            self.input,
            self.cached_input,
            self.cache_write,
            self.audio_input,
            self.output,
            self.reasoning,
            self.audio_output,
            self.image_output,
            self.request,
            self.searches,
            self.units,
        ]
        .into_iter()
        .fold(PicoUsd::ZERO, |sum, part| sum + part)
    }

    /// What the provider bills for the call: the one rounding.
    pub fn total(&self) -> NanoUsd {
        self.exact().round()
    }
}

/// The cost of a call that used tokens and searches.
///
/// Each token is counted once. Of the input: cached, then cache writes, then audio among what is left (so cached tokens
/// are taken to be text first), then plain input. Of the output: audio, then images, then reasoning among what is left,
/// then plain output. Counts that exceed their total are cut to it. The tier is chosen by all input tokens.
pub fn cost(price: &Price, usage: &Usage) -> Cost {
    cost_with_units(price, usage, &Units::default())
}

/// The cost of a call that also used other units.
pub fn cost_with_units(price: &Price, usage: &Usage, units: &Units) -> Cost {
    let used = usage.clamped();
    let rates = price.rates_for(used.input);
    let uncached = used.input - used.cached_input - used.cache_write_5m - used.cache_write_1h;
    let audio_input = used.audio_input.min(uncached);
    let text_output = used.output - used.audio_output - used.image_output;
    let reasoning = used.reasoning.min(text_output);
    Cost {
        input: rates.input.times(uncached - audio_input),
        cached_input: rates.cached_input().times(used.cached_input),
        cache_write: rates.cache_write_5m().times(used.cache_write_5m) + rates.cache_write_1h().times(used.cache_write_1h),
        audio_input: rates.audio_input().times(audio_input),
        output: rates.output.times(text_output - reasoning),
        reasoning: rates.reasoning().times(reasoning),
        audio_output: rates.audio_output().times(used.audio_output),
        image_output: rates.image_output().times(used.image_output),
        request: times(price.units.request, 1),
        searches: times(price.units.search, used.searches),
        units: unit_cost(price, units),
    }
}

/// What credits pay for a cost: with the mark-up, rounded once, half to even.
///
/// The mark-up is applied to the cost before its rounding, so that `charged(cost, 0)` equals the rounded cost.
pub fn charged(cost: PicoUsd, markup_basis_points: u32) -> NanoUsd {
    let factor = BASIS_POINTS + i128::from(markup_basis_points);
    // Rounding in two steps could move a half; so the pico-USD are kept as a quotient and a sticky rest.
    let Some(scaled) = cost.0.checked_mul(factor) else {
        return if cost.0 < 0 { NanoUsd(i64::MIN) } else { NanoUsd::MAX };
    };
    let unit = BASIS_POINTS * 1_000;
    let (whole, rest) = (scaled.div_euclid(unit), scaled.rem_euclid(unit));
    let up = rest * 2 > unit || (rest * 2 == unit && whole % 2 != 0);
    NanoUsd(i64::try_from(whole + i128::from(up)).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX }))
}

/// The most that [`charged`] can be for any cost up to `bound`, rounded up: what a hold must cover.
pub fn charged_bound(bound: PicoUsd, markup_basis_points: u32) -> NanoUsd {
    let factor = BASIS_POINTS + i128::from(markup_basis_points);
    let Some(scaled) = bound.0.checked_mul(factor) else {
        return if bound.0 < 0 { NanoUsd(i64::MIN) } else { NanoUsd::MAX };
    };
    let unit = BASIS_POINTS * 1_000;
    let whole = scaled.div_euclid(unit) + i128::from(scaled.rem_euclid(unit) != 0);
    NanoUsd(i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX }))
}

/// The most that a call can cost which uses at most so many input and output tokens and no search or other unit.
pub fn bound(price: &Price, input_tokens_max: u64, output_tokens_max: u64) -> PicoUsd {
    let most = Usage { input: input_tokens_max, output: output_tokens_max, ..Usage::default() };
    bound_with_units(price, &most, &Units::default())
}

/// The most that a call can cost whose input, output, searches and other units are each at most these.
///
/// Takes the dearest class of token in the dearest tier that the input can reach, whatever `most` says of classes.
pub fn bound_with_units(price: &Price, most: &Usage, units: &Units) -> PicoUsd {
    let reachable = || {
        let tiers = price.tiers.iter().filter(|tier| tier.above_input_tokens < most.input);
        std::iter::once(&price.rates).chain(tiers.map(|tier| &tier.rates))
    };
    let dearest = |class: fn(&Rates) -> PicoUsdPerUnit| reachable().map(class).max().unwrap_or_default();
    let parts = [
        dearest(Rates::input_max).times(most.input),
        dearest(Rates::output_max).times(most.output),
        times(price.units.request, 1),
        times(price.units.search, most.searches),
        unit_cost(price, units),
    ];
    parts.into_iter().fold(PicoUsd::ZERO, |sum, part| sum + part)
}

fn times(price: Option<PicoUsdPerUnit>, count: u64) -> PicoUsd {
    price.unwrap_or_default().times(count)
}

/// Per second prices are applied to milliseconds, rounded up to whole pico-USD.
fn unit_cost(price: &Price, units: &Units) -> PicoUsd {
    let of_ms = |price: Option<PicoUsdPerUnit>, ms: u64| {
        let thousandfold = times(price, ms).0;
        PicoUsd(thousandfold / 1_000 + i128::from(thousandfold % 1_000 != 0))
    };
    let by = &price.units;
    times(by.image_input, units.images_input)
        + times(by.image_output, units.images_output)
        + times(by.pixel_output, units.pixels_output)
        + of_ms(by.second_input, units.audio_input_ms)
        + of_ms(by.second_output, units.audio_output_ms)
        + times(by.character_input, units.characters_input)
}

#[cfg(test)]
#[path = "pricing_tests.rs"]
mod tests;
