//! A price as people write it: dollars in quotes, or whole pico-USD.

use std::fmt;

use domain::PicoUsdPerUnit;
use serde::{Deserialize, Deserializer};

use crate::decimal::{NotAPrice, pico_per_unit, pico_per_unit_of_million};
use crate::price::{Price, Rates, Tier, UnitPrices};

/// `"2.50"` dollars per million tokens, or `2500000` pico-USD per token.
#[derive(Clone, Copy)]
struct PerMillion(PicoUsdPerUnit);

/// `"0.01"` dollars each, or `10000000000` pico-USD each.
#[derive(Clone, Copy)]
struct Each(PicoUsdPerUnit);

struct Amount {
    unit: &'static str,
    read: fn(&str) -> Result<PicoUsdPerUnit, NotAPrice>,
}

impl serde::de::Visitor<'_> for Amount {
    type Value = PicoUsdPerUnit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dollars {} as a decimal number in quotes, or whole pico-USD without quotes", self.unit)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PicoUsdPerUnit, E> {
        (self.read)(text).map_err(|why| E::custom(format_args!("`{text}` is {why}, expected {}", ExpectedBy(&self))))
    }

    fn visit_i64<E: serde::de::Error>(self, pico: i64) -> Result<PicoUsdPerUnit, E> {
        if pico < 0 {
            Err(E::custom(format_args!("`{pico}` is below zero, expected {}", ExpectedBy(&self))))
        } else {
            Ok(PicoUsdPerUnit(pico))
        }
    }
}

struct ExpectedBy<'a>(&'a Amount);

impl fmt::Display for ExpectedBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        serde::de::Visitor::expecting(self.0, f)
    }
}

impl<'de> Deserialize<'de> for PerMillion {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Amount { unit: "per million", read: pico_per_unit_of_million }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Each {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Amount { unit: "each", read: pico_per_unit }).map(Self)
    }
}

/// `[models.price]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceIn {
    input: PerMillion,
    output: PerMillion,
    cached_input: Option<PerMillion>,
    cache_write_5m: Option<PerMillion>,
    cache_write_1h: Option<PerMillion>,
    reasoning: Option<PerMillion>,
    audio_input: Option<PerMillion>,
    audio_output: Option<PerMillion>,
    image_output: Option<PerMillion>,
    request: Option<Each>,
    search: Option<Each>,
    #[serde(default)]
    tiers: Vec<TierIn>,
}

/// `[[models.price.tiers]]`. What it does not say is as in the ordinary price.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierIn {
    above_input_tokens: u64,
    input: Option<PerMillion>,
    output: Option<PerMillion>,
    cached_input: Option<PerMillion>,
    cache_write_5m: Option<PerMillion>,
    cache_write_1h: Option<PerMillion>,
    reasoning: Option<PerMillion>,
    audio_input: Option<PerMillion>,
    audio_output: Option<PerMillion>,
    image_output: Option<PerMillion>,
}

impl PriceIn {
    pub(crate) fn build(&self) -> Price {
        let pico = |amount: Option<PerMillion>| amount.map(|PerMillion(pico)| pico);
        let rates = Rates {
            input: self.input.0,
            output: self.output.0,
            cached_input: pico(self.cached_input),
            cache_write_5m: pico(self.cache_write_5m),
            cache_write_1h: pico(self.cache_write_1h),
            reasoning: pico(self.reasoning),
            audio_input: pico(self.audio_input),
            audio_output: pico(self.audio_output),
            image_output: pico(self.image_output),
        };
        let each = |amount: Option<Each>| amount.map(|Each(pico)| pico);
        let units = UnitPrices { request: each(self.request), search: each(self.search), ..UnitPrices::default() };
        Price { rates, units, tiers: self.tiers.iter().map(|tier| tier.build(&rates)).collect() }
    }
}

impl TierIn {
    fn build(&self, base: &Rates) -> Tier {
        let or = |amount: Option<PerMillion>, base: Option<PicoUsdPerUnit>| amount.map(|PerMillion(pico)| pico).or(base);
        let rates = Rates {
            input: self.input.map_or(base.input, |PerMillion(pico)| pico),
            output: self.output.map_or(base.output, |PerMillion(pico)| pico),
            cached_input: or(self.cached_input, base.cached_input),
            cache_write_5m: or(self.cache_write_5m, base.cache_write_5m),
            cache_write_1h: or(self.cache_write_1h, base.cache_write_1h),
            reasoning: or(self.reasoning, base.reasoning),
            audio_input: or(self.audio_input, base.audio_input),
            audio_output: or(self.audio_output, base.audio_output),
            image_output: or(self.image_output, base.image_output),
        };
        Tier { above_input_tokens: self.above_input_tokens, rates }
    }
}
