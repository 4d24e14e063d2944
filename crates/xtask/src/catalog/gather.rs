//! Which rows of the source are offers of a model, and what each says.

use std::collections::BTreeMap;

use anyhow::Result;
use catalog::{Capabilities, Capability, Catalog, Modalities, Modality, Mode};

use super::naming::{self, Name};
use super::prices::{self, Prices, Unknown};
use super::source::{self, Row};

/// A model at a provider, as one row of the source says.
pub struct Offer {
    /// Who, where, what.
    pub name: Name,
    /// The key after the provider, as callers of the source's package write it.
    pub spelled: String,
    /// Endpoint family.
    pub mode: Mode,
    /// Media in.
    pub input: Modalities,
    /// Media out.
    pub output: Modalities,
    /// Said to be possible.
    pub can: Capabilities,
    /// Said to be impossible.
    pub cannot: Capabilities,
    /// Tokens.
    pub context_window: Option<u64>,
    /// Tokens.
    pub max_output: Option<u64>,
    /// Known and complete, or why not.
    pub prices: Result<Prices, Unknown>,
    /// The page that the row names.
    pub page: Option<String>,
}

/// Counts of what was left out, and of prices that stay unknown.
#[derive(Default)]
pub struct Skipped {
    /// Rows in the file.
    pub rows: usize,
    /// By reason.
    pub reasons: BTreeMap<String, usize>,
}

impl Skipped {
    fn count(&mut self, reason: impl Into<String>) {
        *self.reasons.entry(reason.into()).or_default() += 1;
    }
}

/// Every offer in the source, in the order of its keys.
pub fn offers(catalog: &Catalog, text: &str) -> Result<(Vec<Offer>, Skipped)> {
    let rows = source::rows(text)?;
    let mut skipped = Skipped { rows: rows.len(), ..Skipped::default() };
    let mut offers = Vec::new();
    for (key, row) in &rows {
        match offer(catalog, key, row) {
            Ok(offer) => {
                match &offer.prices {
                    Ok(_) => {}
                    Err(Unknown::Incomplete) => skipped.count("taken without a price: the source says too little"),
                    Err(Unknown::Inexact(why)) => skipped.count(format!("taken without a price: a number is {why}")),
                    Err(Unknown::Absurd) => skipped.count("taken without a price: dearer than any provider asks"),
                    Err(Unknown::Zero) => skipped.count("taken without a price: a zero that stands for nothing known"),
                }
                offers.push(offer);
            }
            Err(reason) => skipped.count(format!("skipped: {reason}")),
        }
    }
    Ok((offers, skipped))
}

/// Providers that serve one maker's models by that maker's dialect at a path of its own, which a row cannot say yet.
const OTHER_DIALECT: &[(&str, &str)] = &[("azure-ai-foundry", "claude"), ("aws-bedrock-mantle", "claude")];

fn offer(catalog: &Catalog, key: &str, row: &Row<'_>) -> Result<Offer, String> {
    let mode = row.text("mode").ok_or("no mode")?;
    let mode = mode_of(&mode).ok_or_else(|| format!("mode {mode}"))?;
    let label = row.text("litellm_provider").ok_or("no provider")?;
    let provider = naming::provider(catalog, &label).ok_or_else(|| format!("provider {label} is not listed"))?;
    let name = naming::parse(catalog, &provider, key)?;
    if OTHER_DIALECT.contains(&(&*provider, name.model.split('-').next().unwrap_or_default())) {
        return Err("another dialect there than its provider's row says".to_owned());
    }
    let prices = prices::of(row, mode, &provider);
    let (can, cannot) = capabilities(row, mode);
    let (input, output) = modalities(row, mode, can);
    let limit = row.count("max_tokens");
    let max_input = row.count("max_input_tokens");
    let page = row.text("source").and_then(|page| page.split(['?', '#', ' ']).next().map(str::to_owned));
    Ok(Offer {
        spelled: key.split_once('/').map_or(key, |(_, rest)| rest).to_owned(),
        mode,
        input,
        output,
        can,
        cannot,
        context_window: max_input.or(limit.filter(|_| row.count("max_output_tokens").is_none())),
        max_output: row.count("max_output_tokens").or(limit.filter(|limit| max_input.is_some_and(|input| *limit < input))),
        prices,
        page: page.filter(|page| page.starts_with("https://") && page.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')),
        name,
    })
}

fn mode_of(text: &str) -> Option<Mode> {
    Some(match text {
        "chat" => Mode::Chat,
        "responses" => Mode::Responses,
        "completion" => Mode::Completion,
        "embedding" => Mode::Embedding,
        "image_generation" => Mode::Image,
        "image_edit" => Mode::ImageEdit,
        "audio_speech" => Mode::Speech,
        "audio_transcription" => Mode::Transcription,
        "rerank" => Mode::Rerank,
        "moderation" => Mode::Moderation,
        _ => return None,
    })
}

const FLAGS: &[(&str, Capability)] = &[
    ("supports_function_calling", Capability::Tools),
    ("supports_parallel_function_calling", Capability::ParallelTools),
    ("supports_tool_choice", Capability::ToolChoice),
    ("supports_vision", Capability::Vision),
    ("supports_pdf_input", Capability::Pdf),
    ("supports_response_schema", Capability::JsonSchema),
    ("supports_reasoning", Capability::Reasoning),
    ("supports_audio_input", Capability::AudioInput),
    ("supports_audio_output", Capability::AudioOutput),
    ("supports_video_input", Capability::VideoInput),
    ("supports_native_streaming", Capability::Streaming),
    ("supports_system_messages", Capability::SystemMessages),
    ("supports_prompt_caching", Capability::PromptCache),
    ("supports_web_search", Capability::WebSearch),
    ("supports_computer_use", Capability::ComputerUse),
    ("supports_assistant_prefill", Capability::AssistantPrefill),
];

/// What the row says is and is not possible. Text models stream and take system messages unless it says otherwise.
fn capabilities(row: &Row<'_>, mode: Mode) -> (Capabilities, Capabilities) {
    let said = |wanted: bool| FLAGS.iter().filter(move |(flag, _)| row.flag(flag) == Some(wanted)).map(|&(_, capability)| capability);
    let (mut can, cannot): (Capabilities, Capabilities) = (said(true).collect(), said(false).collect());
    if mode.is_text() {
        let usual = Capabilities::NONE.with(Capability::Streaming).with(Capability::SystemMessages);
        can = can.union(usual.without(cannot));
    }
    if row.texts("supported_output_modalities").iter().any(|medium| medium == "image") {
        can = can.with(Capability::ImageOutput);
    }
    (can, cannot)
}

fn modalities(row: &Row<'_>, mode: Mode, can: Capabilities) -> (Modalities, Modalities) {
    let named = |field: &str| -> Modalities {
        let by_name = |text: &String| Modality::ALL.iter().copied().find(|medium| medium.as_str() == text);
        row.texts(field).iter().filter_map(by_name).collect()
    };
    let (mut input, mut output) = (named("supported_modalities"), named("supported_output_modalities"));
    if mode != Mode::Transcription && mode != Mode::ImageEdit {
        input = input.with(Modality::Text);
    }
    for (capability, medium) in [
        (Capability::Vision, Modality::Image),
        (Capability::Pdf, Modality::File),
        (Capability::AudioInput, Modality::Audio),
        (Capability::VideoInput, Modality::Video),
    ] {
        if can.has(capability) {
            input = input.with(medium);
        }
    }
    match mode {
        Mode::Chat | Mode::Responses | Mode::Completion | Mode::Moderation | Mode::Rerank => output = output.with(Modality::Text),
        Mode::Embedding => output = Modalities::NONE.with(Modality::Embedding),
        Mode::Image => output = output.with(Modality::Image),
        Mode::ImageEdit => {
            input = input.with(Modality::Text).with(Modality::Image);
            output = output.with(Modality::Image);
        }
        Mode::Speech => output = output.with(Modality::Audio),
        Mode::Transcription => {
            input = input.with(Modality::Audio);
            output = output.with(Modality::Text);
        }
    }
    if can.has(Capability::AudioOutput) {
        output = output.with(Modality::Audio);
    }
    (input, output)
}
