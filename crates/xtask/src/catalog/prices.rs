//! From a row's price fields to a complete price, exactly, or to the reason why there is none.

use catalog::decimal::NotAPrice;
use catalog::{Mode, Price, Rates, ServiceTier, Tier, UnitPrices};
use domain::PicoUsdPerUnit;

use super::source::Row;

/// Providers whose zero prices are meant: they run on the caller's machine or give these models away. Elsewhere a zero
/// is a place-holder, and what it stands for is unknown.
const GIVES_AWAY: &[&str] = &["ollama", "lemonade", "google-ai-studio", "publicai", "zai", "cloudflare"];

const SERVICES: &[(ServiceTier, &str)] =
    &[(ServiceTier::Batch, "_batches"), (ServiceTier::Flex, "_flex"), (ServiceTier::Priority, "_priority")];

/// Why a row has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// The source says too little for its mode.
    Incomplete,
    /// A number that is no exact price.
    Inexact(NotAPrice),
    /// Zero (or half a zero) where nothing is given away.
    Zero,
    /// Dearer than any provider asks: a slip of the source, mostly a price per thousand taken for one per token.
    Absurd,
}

/// $300 per million input tokens and $1,000 per million output tokens.
const INPUT_MAX: PicoUsdPerUnit = PicoUsdPerUnit(300_000_000);
const OUTPUT_MAX: PicoUsdPerUnit = PicoUsdPerUnit(1_000_000_000);

/// The ordinary price and those of other services.
pub type Prices = (Price, Vec<(ServiceTier, Price)>);

/// The prices of a row.
pub fn of(row: &Row<'_>, mode: Mode, provider: &str) -> Result<Prices, Unknown> {
    let price = match price(row, mode, "")? {
        Some(price) => price,
        None => by_range(row).map_err(Unknown::Inexact)?.ok_or(Unknown::Incomplete)?,
    };
    let rates = &price.rates;
    let half_zero = mode.is_text() && (rates.input.0 == 0 || rates.output.0 == 0);
    if (price.is_free() || half_zero) && !GIVES_AWAY.contains(&provider) {
        return Err(Unknown::Zero);
    }
    if rates.input > INPUT_MAX || rates.output > OUTPUT_MAX {
        return Err(Unknown::Absurd);
    }
    let mut services = Vec::new();
    for &(tier, suffix) in SERVICES {
        // A service whose price is incomplete (a tier is missing, too), inexact or zero is left out, hence unknown.
        if let Ok(Some(mut other)) = self::price(row, mode, suffix)
            && !other.is_free()
            && other.tiers.len() == price.tiers.len()
        {
            other.units.search = price.units.search;
            services.push((tier, other));
        }
    }
    Ok((price, services))
}

fn price(row: &Row<'_>, mode: Mode, service: &str) -> Result<Option<Price>, Unknown> {
    let units = units(row, mode).map_err(Unknown::Inexact)?;
    let Some(rates) = rates(row, mode, service, &units).map_err(Unknown::Inexact)? else {
        return Ok(None);
    };
    let mut tiers = Vec::new();
    for thousands in thresholds(row) {
        if let Some(rates) = tier(row, &rates, &format!("_above_{thousands}k_tokens{service}")).map_err(Unknown::Inexact)? {
            tiers.push(Tier { above_input_tokens: thousands * 1_000, rates });
        }
    }
    Ok(Some(Price { rates, units, tiers }))
}

/// The `n` of every `…_above_{n}k_tokens…`, rising.
fn thresholds(row: &Row<'_>) -> Vec<u64> {
    let number = |field: &str| field.split("_above_").find_map(|part| part.split_once("k_tokens")?.0.parse().ok());
    let mut found: Vec<u64> = row.fields().filter_map(number).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What each class is called in the source, before its suffix.
struct Fields {
    input: Option<PicoUsdPerUnit>,
    output: Option<PicoUsdPerUnit>,
    rest: Rates,
}

fn fields(row: &Row<'_>, suffix: &str) -> Result<Fields, NotAPrice> {
    let get = |name: &str| row.price(&format!("{name}{suffix}"));
    let rest = Rates {
        cached_input: match get("cache_read_input_token_cost")? {
            Some(price) => Some(price),
            None => get("input_cost_per_token_cache_hit")?,
        },
        cache_write_5m: get("cache_creation_input_token_cost")?,
        cache_write_1h: get("cache_creation_input_token_cost_above_1hr")?,
        reasoning: get("output_cost_per_reasoning_token")?,
        audio_input: get("input_cost_per_audio_token")?,
        audio_output: get("output_cost_per_audio_token")?,
        image_output: get("output_cost_per_image_token")?,
        ..Rates::default()
    };
    Ok(Fields { input: get("input_cost_per_token")?, output: get("output_cost_per_token")?, rest })
}

/// Token prices, if they are complete for the mode (or other units are billed instead).
fn rates(row: &Row<'_>, mode: Mode, suffix: &str, units: &UnitPrices) -> Result<Option<Rates>, NotAPrice> {
    let Fields { input, output, rest } = fields(row, suffix)?;
    let zero = PicoUsdPerUnit::default();
    let billed_otherwise = suffix.is_empty() && !units.is_none();
    let pair = match mode {
        Mode::Chat | Mode::Responses | Mode::Completion => input.zip(output),
        // No output is billed.
        Mode::Embedding | Mode::Moderation => input.map(|input| (input, zero)),
        Mode::Rerank => input.or(billed_otherwise.then_some(zero)).map(|input| (input, zero)),
        Mode::Image | Mode::ImageEdit => match output.or(rest.image_output) {
            Some(output) => Some((input.unwrap_or(zero), output)),
            None => billed_otherwise.then(|| (input.unwrap_or(zero), zero)),
        },
        Mode::Speech | Mode::Transcription => match (input, output.or(rest.audio_output)) {
            (Some(input), Some(output)) if input.0 != 0 || output.0 != 0 => Some((input, output)),
            _ => billed_otherwise.then_some((zero, zero)),
        },
    };
    Ok(pair.map(|(input, output)| with_real_writes(Rates { input, output, ..rest })))
}

/// A cache write below the price of plain input (mostly 0) means "nothing on top of the input", so the class gets no
/// price of its own and falls back to input; billed at that price, written tokens would be free.
fn with_real_writes(rates: Rates) -> Rates {
    let real = |price: Option<PicoUsdPerUnit>| price.filter(|price| *price >= rates.input);
    Rates { cache_write_5m: real(rates.cache_write_5m), cache_write_1h: real(rates.cache_write_1h), ..rates }
}

/// A tier's prices: what it does not say is as below it.
fn tier(row: &Row<'_>, base: &Rates, suffix: &str) -> Result<Option<Rates>, NotAPrice> {
    let Fields { input, output, rest } = fields(row, suffix)?;
    if input.is_none() && output.is_none() {
        return Ok(None);
    }
    Ok(Some(with_real_writes(Rates {
        input: input.unwrap_or(base.input),
        output: output.unwrap_or(base.output),
        cached_input: rest.cached_input.or(base.cached_input),
        cache_write_5m: rest.cache_write_5m.or(base.cache_write_5m),
        cache_write_1h: rest.cache_write_1h.or(base.cache_write_1h),
        reasoning: rest.reasoning.or(base.reasoning.filter(|_| output.is_none())),
        audio_input: rest.audio_input.or(base.audio_input),
        audio_output: rest.audio_output.or(base.audio_output),
        image_output: rest.image_output.or(base.image_output),
    })))
}

/// Prices of what is not a token. Text models are billed by tokens, so that their prices per image or second, which say
/// the same in another unit, are left out; so are prices per image where image tokens have one.
fn units(row: &Row<'_>, mode: Mode) -> Result<UnitPrices, NotAPrice> {
    let search = match row.inner("search_context_cost_per_query") {
        // All providers but one bill one price; that one's callers get the middle size unless they ask otherwise.
        Some(sizes) => sizes.price("search_context_size_medium")?,
        None => None,
    };
    let billed = |price: Option<PicoUsdPerUnit>| price.filter(|price| price.0 != 0);
    let mut units = UnitPrices { request: billed(row.price("input_cost_per_request")?), search: billed(search), ..UnitPrices::default() };
    match mode {
        Mode::Rerank => units.search = billed(row.price("input_cost_per_query")?),
        Mode::Image | Mode::ImageEdit => {
            let by_tokens = row.price("output_cost_per_image_token")?.or(row.price("output_cost_per_token")?).is_some_and(|p| p.0 != 0);
            if !by_tokens {
                units.image_input = billed(row.price("input_cost_per_image")?).filter(|_| mode == Mode::ImageEdit);
                units.image_output = billed(row.price("output_cost_per_image")?.or(row.price("input_cost_per_image")?));
                units.pixel_output = billed(row.price("output_cost_per_pixel")?.or(row.price("input_cost_per_pixel")?));
                if units.image_output.is_some() {
                    units.pixel_output = None;
                    units.image_input = None;
                }
            }
        }
        Mode::Speech => {
            units.character_input = billed(row.price("input_cost_per_character")?);
            units.second_output = billed(row.price("output_cost_per_second")?);
        }
        Mode::Transcription => units.second_input = billed(row.price("input_cost_per_second")?),
        Mode::Chat | Mode::Responses | Mode::Completion | Mode::Embedding | Mode::Moderation => {}
    }
    Ok(units)
}

/// Prices given as a list of ranges of input tokens.
fn by_range(row: &Row<'_>) -> Result<Option<Price>, NotAPrice> {
    let mut price: Option<Price> = None;
    for range in row.list("tiered_pricing") {
        let Fields { input: Some(input), output: Some(output), rest } = fields(&range, "")? else {
            return Ok(None);
        };
        let rates = with_real_writes(Rates { input, output, ..rest });
        let Some(above_input_tokens) = range.range_start("range") else {
            return Ok(None);
        };
        match &mut price {
            None => price = Some(Price { rates, ..Price::default() }),
            Some(price) => price.tiers.push(Tier { above_input_tokens, rates }),
        }
    }
    Ok(price.filter(Price::is_sound))
}
