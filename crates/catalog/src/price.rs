//! Prices and their history. Units: pico-USD (10⁻¹² USD) per token, or per the unit that the field names.

use std::sync::Arc;

use domain::{PicoUsdPerUnit, UnixMicros};
use serde::{Deserialize, Serialize};

/// Pico-USD per token, by class of token.
///
/// A class without a price of its own falls back along a fixed rule, which the methods below apply:
/// cached input → input; cache write for 5 minutes → input; cache write for 1 hour → cache write for 5 minutes → input;
/// audio input → input; reasoning, audio output and image output → output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Input tokens that no other class covers.
    pub input: PicoUsdPerUnit,
    /// Output tokens that no other class covers.
    pub output: PicoUsdPerUnit,
    /// Input read from the provider's prompt cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<PicoUsdPerUnit>,
    /// Input written to the prompt cache for 5 minutes, or for the provider's only lifetime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<PicoUsdPerUnit>,
    /// Input written to the prompt cache for 1 hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<PicoUsdPerUnit>,
    /// Reasoning tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<PicoUsdPerUnit>,
    /// Audio input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<PicoUsdPerUnit>,
    /// Audio output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<PicoUsdPerUnit>,
    /// Image output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_output: Option<PicoUsdPerUnit>,
}

impl Rates {
    /// Input and output at these prices, every other class by the fallback rule.
    pub const fn flat(input: PicoUsdPerUnit, output: PicoUsdPerUnit) -> Self {
        Self {
            input,
            output,
            cached_input: None,
            cache_write_5m: None,
            cache_write_1h: None,
            reasoning: None,
            audio_input: None,
            audio_output: None,
            image_output: None,
        }
    }

    /// The price of cached input.
    pub fn cached_input(&self) -> PicoUsdPerUnit {
        self.cached_input.unwrap_or(self.input)
    }

    /// The price of input written to the cache for 5 minutes.
    pub fn cache_write_5m(&self) -> PicoUsdPerUnit {
        self.cache_write_5m.unwrap_or(self.input)
    }

    /// The price of input written to the cache for 1 hour.
    pub fn cache_write_1h(&self) -> PicoUsdPerUnit {
        self.cache_write_1h.unwrap_or_else(|| self.cache_write_5m())
    }

    /// The price of audio input.
    pub fn audio_input(&self) -> PicoUsdPerUnit {
        self.audio_input.unwrap_or(self.input)
    }

    /// The price of reasoning.
    pub fn reasoning(&self) -> PicoUsdPerUnit {
        self.reasoning.unwrap_or(self.output)
    }

    /// The price of audio output.
    pub fn audio_output(&self) -> PicoUsdPerUnit {
        self.audio_output.unwrap_or(self.output)
    }

    /// The price of image output tokens.
    pub fn image_output(&self) -> PicoUsdPerUnit {
        self.image_output.unwrap_or(self.output)
    }

    /// The dearest class that an input token can fall in.
    pub fn input_max(&self) -> PicoUsdPerUnit {
        self.input.max(self.cached_input()).max(self.cache_write_5m()).max(self.cache_write_1h()).max(self.audio_input())
    }

    /// The dearest class that an output token can fall in.
    pub fn output_max(&self) -> PicoUsdPerUnit {
        self.output.max(self.reasoning()).max(self.audio_output()).max(self.image_output())
    }

    /// Every price that is set, fallbacks not counted.
    pub fn each(&self) -> impl Iterator<Item = PicoUsdPerUnit> {
        let optional = [
            self.cached_input,
            self.cache_write_5m,
            self.cache_write_1h,
            self.reasoning,
            self.audio_input,
            self.audio_output,
            self.image_output,
        ];
        [self.input, self.output].into_iter().chain(optional.into_iter().flatten())
    }
}

/// Prices of a long call: when its input tokens (cached ones too) are **more** than `above_input_tokens`, the whole call
/// is priced at `rates`, not just the tokens beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The last number of input tokens that the tier below still covers.
    #[serde(rename = "above")]
    pub above_input_tokens: u64,
    /// The tier's prices.
    pub rates: Rates,
}

/// Prices of what is not a token, in pico-USD each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnitPrices {
    /// Each call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<PicoUsdPerUnit>,
    /// Each web search at the provider (or each query of a rerank).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<PicoUsdPerUnit>,
    /// Each image sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input: Option<PicoUsdPerUnit>,
    /// Each image made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_output: Option<PicoUsdPerUnit>,
    /// Each pixel made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_output: Option<PicoUsdPerUnit>,
    /// Each second of audio sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_input: Option<PicoUsdPerUnit>,
    /// Each second of audio made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_output: Option<PicoUsdPerUnit>,
    /// Each character sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_input: Option<PicoUsdPerUnit>,
}

impl UnitPrices {
    /// True when nothing but tokens is billed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Every price that is set.
    pub fn each(&self) -> impl Iterator<Item = PicoUsdPerUnit> {
        [
            self.request,
            self.search,
            self.image_input,
            self.image_output,
            self.pixel_output,
            self.second_input,
            self.second_output,
            self.character_input,
        ]
        .into_iter()
        .flatten()
    }
}

/// A complete price: every class has one, by itself or by its fallback. What is unknown has no `Price`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Tokens of an ordinary call.
    pub rates: Rates,
    /// What is not a token.
    #[serde(default, skip_serializing_if = "UnitPrices::is_none")]
    pub units: UnitPrices,
    /// Prices of longer calls, by rising threshold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
}

impl Price {
    /// Input and output at these prices and nothing else.
    pub const fn flat(input: PicoUsdPerUnit, output: PicoUsdPerUnit) -> Self {
        Self {
            rates: Rates::flat(input, output),
            units: UnitPrices {
                request: None,
                search: None,
                image_input: None,
                image_output: None,
                pixel_output: None,
                second_input: None,
                second_output: None,
                character_input: None,
            },
            tiers: Vec::new(),
        }
    }

    /// The token prices of a call with so many input tokens, cached ones included.
    pub fn rates_for(&self, input_tokens: u64) -> &Rates {
        self.tiers.iter().rev().find(|tier| input_tokens > tier.above_input_tokens).map_or(&self.rates, |tier| &tier.rates)
    }

    /// True when the call costs nothing whatever it uses.
    pub fn is_free(&self) -> bool {
        self.each().all(|price| price.0 == 0)
    }

    /// True when tokens cost nothing and something else does, so that usage in tokens alone does not tell the cost.
    pub fn is_by_units(&self) -> bool {
        self.rates.each().all(|price| price.0 == 0) && self.units.each().any(|price| price.0 != 0)
    }

    /// True when no price is negative and the tiers rise.
    pub fn is_sound(&self) -> bool {
        let rises = self.tiers.windows(2).all(|pair| matches!(pair, [a, b] if a.above_input_tokens < b.above_input_tokens));
        rises && self.each().all(|price| price.0 >= 0)
    }

    fn each(&self) -> impl Iterator<Item = PicoUsdPerUnit> {
        let tiers = self.tiers.iter().flat_map(|tier| tier.rates.each());
        self.rates.each().chain(tiers).chain(self.units.each())
    }
}

/// A faster or slower service at a price of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTier {
    /// Collected and answered within a day.
    Batch,
    /// Slower, cheaper.
    Flex,
    /// Faster, dearer.
    Priority,
}

/// A price from a day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceVersion {
    /// Counts up per deployment, from 1; events carry it.
    pub version: u32,
    /// From when on the price holds (a day's start in UTC). For imported prices the day on which the source published
    /// them; what held before is not known.
    pub effective_from: UnixMicros,
    /// Who said so.
    pub source: Arc<str>,
    /// The price of the ordinary service.
    pub price: Price,
    /// Prices of other services. One that is not listed is unknown.
    pub services: Vec<(ServiceTier, Price)>,
}

impl PriceVersion {
    /// The price of a service tier; `None` means unknown, never free.
    pub fn service(&self, tier: ServiceTier) -> Option<&Price> {
        self.services.iter().find(|(name, _)| *name == tier).map(|(_, price)| price)
    }
}
