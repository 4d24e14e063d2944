//! The import from the source's text to our lines.

use std::collections::BTreeMap;

use catalog::row::{FORMAT, Header, ModelRow};
use catalog::{Catalog, Rates, date};
use domain::PicoUsdPerUnit;

use super::{gather, merge};

fn imported(text: &str, day: &str, before: &str) -> (String, BTreeMap<String, usize>) {
    let known = Catalog::builtin().expect("the committed data");
    let (offers, skipped) = gather::offers(&known, text).expect("rows");
    let released = date::parse(day).expect("a day");
    let header = Header { format: FORMAT, source: "test 1", licence: "MIT", released, sha256: "" };
    (merge::write(&header, &merge::models(&known, &offers), before).expect("lines"), skipped.reasons)
}

fn model<'a>(text: &'a str, id: &str) -> ModelRow<'a> {
    let rows = text.lines().skip(1).map(|line| serde_json::from_str::<ModelRow<'_>>(line).expect(line));
    rows.into_iter().find(|row| row.id == id).unwrap_or_else(|| panic!("{id} in {text}"))
}

fn row(provider: &str, input: &str, output: &str, more: &str) -> String {
    format!(
        r#"{{"litellm_provider":"{provider}","mode":"chat","input_cost_per_token":{input},"output_cost_per_token":{output},"max_input_tokens":200000,"max_output_tokens":"64000"{more}}}"#
    )
}

#[test]
fn offers_of_one_model_become_one_line() {
    let tiers = r#","input_cost_per_token_above_200k_tokens":6e-06,"cache_read_input_token_cost":3e-7,"cache_creation_input_token_cost":0.0,"input_cost_per_token_batches":1.5e-6,"output_cost_per_token_batches":7.5e-6,"input_cost_per_token_flex":1.5e-6"#;
    let text = format!(
        r#"{{"claude-x-9-1-20260101":{},"claude-x-9-1":{},"vertex_ai/claude-x-9-1@20260101":{},"eu.anthropic.claude-x-9-1-20260101-v1:0":{},"bedrock/us-east-1/anthropic.claude-x-9-1-20260101-v1:0":{},"replicate/anthropic/claude-x-9.1":{}}}"#,
        row("anthropic", "3e-06", "1.5e-05", tiers),
        row("anthropic", "3e-06", "1.5e-05", tiers),
        row("vertex_ai-anthropic_models", "3e-06", "1.5e-05", ""),
        row("bedrock_converse", "3.3e-06", "1.65e-05", ""),
        row("bedrock", "3e-06", "1.5e-05", ""),
        row("replicate", "3.0000000000000002e-06", "1.5e-05", ""),
    );
    let (written, skipped) = imported(&text, "2026-10-21", "");
    let found = model(&written, "claude-x-9-1");
    assert_eq!((found.owner, found.context_window, found.max_output), ("anthropic", Some(200_000), Some(64_000)));
    assert_eq!(found.aliases, ["claude-x-9-1-20260101", "claude-x-9.1", "claude-x-9.1-20260101"]);
    let places: Vec<_> = found.at.iter().map(|at| (at.on, at.region, at.prices.len())).collect();
    let expected = [
        ("anthropic", None, 1),
        ("aws-bedrock", None, 1),
        ("aws-bedrock", Some("eu"), 1),
        ("google-vertex", None, 1),
        ("replicate", None, 0),
    ];
    assert_eq!(places, expected);
    assert_eq!(found.at[0].upstream, Some("claude-x-9-1-20260101"));
    let version = &found.at[0].prices[0];
    let base = Rates { cached_input: Some(PicoUsdPerUnit(300_000)), ..Rates::flat(PicoUsdPerUnit(3_000_000), PicoUsdPerUnit(15_000_000)) };
    assert_eq!(version.price.rates, base, "a cache write at 0 is no price");
    assert_eq!(version.price.tiers[0].rates, Rates { input: PicoUsdPerUnit(6_000_000), ..base });
    assert!(version.services.is_empty(), "batches lack the tier, flex lacks the output");
    assert_eq!(skipped.get("taken without a price: a number is not a whole number of pico-USD"), Some(&1));
    assert_eq!(imported(&text, "2026-10-21", &written).0, written, "the same bytes again");
}

#[test]
fn prices_keep_their_history() {
    let first = imported(&format!(r#"{{"gpt-x":{}}}"#, row("openai", "1e-06", "2e-06", "")), "2026-01-01", "").0;
    let same = imported(&format!(r#"{{"gpt-x":{}}}"#, row("openai", "1.0e-06", "2e-06", "")), "2026-02-01", &first).0;
    let versions = |text: &str| -> Vec<(u32, String, i64)> {
        let row = model(text, "gpt-x");
        row.at[0].prices.iter().map(|price| (price.v, date::show(price.from), price.price.rates.input.0)).collect()
    };
    assert_eq!(versions(&same), [(1, "2026-01-01".to_owned(), 1_000_000)]);
    let other = format!(r#"{{"gpt-x":{}}}"#, row("openai", "3e-06", "4e-06", ""));
    let next = imported(&other, "2026-03-01", &same).0;
    let both = [(1, "2026-01-01".to_owned(), 1_000_000), (2, "2026-03-01".to_owned(), 3_000_000)];
    assert_eq!(versions(&next), both);
    assert_eq!(versions(&imported(&other, "2026-03-01", &next).0), both);
    let unknown = r#"{"gpt-x":{"litellm_provider":"openai","mode":"chat"}}"#;
    assert_eq!(versions(&imported(unknown, "2026-04-01", &next).0), []);
}

#[test]
fn what_is_not_known_is_not_free() {
    let text = format!(
        r#"{{"gpt-zero":{},"gpt-half":{},"gpt-none":{{"litellm_provider":"openai","mode":"chat"}},"ollama/gpt-local":{},"gpt-absurd":{},"who/gpt-x":{},"dashscope/qwen-t":{{"litellm_provider":"dashscope","mode":"chat","tiered_pricing":[{{"range":[0,32000.0],"input_cost_per_token":1.2e-06,"output_cost_per_token":6e-06}},{{"range":[32000.0,128000.0],"input_cost_per_token":2.4e-06,"output_cost_per_token":1.2e-05}}]}},"tts-x":{{"litellm_provider":"openai","mode":"audio_speech","input_cost_per_character":1.5e-05}},"dall-x":{{"litellm_provider":"openai","mode":"image_generation","output_cost_per_image":0.04}},"sora-x":{{"litellm_provider":"openai","mode":"video_generation"}}}}"#,
        row("openai", "0.0", "0", ""),
        row("openai", "1e-6", "0", ""),
        row("ollama", "0.0", "0", ""),
        row("openai", "0.01", "0.02", ""),
        row("who", "1e-6", "1e-6", ""),
    );
    let (written, skipped) = imported(&text, "2026-10-21", "");
    for id in ["gpt-zero", "gpt-half", "gpt-none", "gpt-absurd"] {
        assert!(model(&written, id).at[0].prices.is_empty(), "{id}");
    }
    assert!(model(&written, "gpt-local").at[0].prices[0].price.is_free());
    let ranged = &model(&written, "qwen-t").at[0].prices[0].price;
    assert_eq!((ranged.rates_for(32_000).input.0, ranged.rates_for(32_001).input.0), (1_200_000, 2_400_000));
    let by_units = ["tts-x", "dall-x"].map(|id| model(&written, id).at[0].prices[0].price.is_by_units());
    assert_eq!(by_units, [true, true]);
    for reason in ["skipped: provider who is not listed", "skipped: mode video_generation"] {
        assert_eq!(skipped.get(reason), Some(&1), "{skipped:?}");
    }
}
