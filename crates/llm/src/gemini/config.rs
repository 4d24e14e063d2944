//! `tools`, `toolConfig` and `generationConfig` of a request toward Google.

use serde_json::{Map, Value, json};

use crate::chat::{ChatCall, Effort, FunctionTool, ReasoningMode, ResponseFormat, Tool, ToolChoice};
use crate::dialect::{Dialect, Target};
use crate::facts::ReasoningStyle;
use crate::outgoing::{Dropped, output_cap};
use crate::restore::Restore;

use super::request::HERE;
use super::turns::sent_name;

pub(super) fn write_tools(call: &ChatCall, target: &Target<'_>, restore: &Restore, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    let (mut functions, mut others, mut settings) = (Vec::new(), Vec::new(), Map::new());
    let only = match &call.tool_choice {
        // Google takes names only together with the duty to call.
        Some(ToolChoice::Allowed { required: false, names }) => Some(names),
        _ => None,
    };
    let has_functions = call.tools.iter().any(|tool| matches!(tool, Tool::Function(_)));
    for (index, tool) in call.tools.iter().enumerate() {
        match tool {
            Tool::Function(function) => {
                if only.is_none_or(|names| names.contains(&function.name)) {
                    functions.push(declaration(function, sent_name(restore, &function.name)));
                }
                dropped.add_if(function.cache.is_some(), "cache_control");
            }
            // Older models refuse search beside functions.
            Tool::WebSearch(_) if has_functions && !target.facts.tool_ids => {
                dropped.add(if call.from == Dialect::OpenAiChat { "web_search_options".to_owned() } else { format!("tools[{index}]") });
            }
            Tool::WebSearch(search) => {
                others.push(match &search.raw {
                    Some((Dialect::Gemini, value)) => value.clone(),
                    _ => json!({"googleSearch": {}}),
                });
                if has_functions {
                    settings.insert("includeServerSideToolInvocations".to_owned(), json!(true));
                }
            }
            Tool::Hosted { dialect: Dialect::Gemini, value } => match value.get("toolConfig") {
                Some(Value::Object(more)) => settings.extend(more.clone()),
                _ => others.push(value.clone()),
            },
            Tool::Hosted { .. } => dropped.add(format!("tools[{index}]")),
        }
    }
    let calling = (!functions.is_empty()).then(|| calling_config(call.tool_choice.as_ref(), restore)).flatten();
    if !functions.is_empty() {
        others.insert(0, json!({"functionDeclarations": functions}));
        dropped.add_if(call.parallel_tool_calls == Some(false), "parallel_tool_calls");
    }
    if !others.is_empty() {
        body.insert("tools".to_owned(), Value::Array(others));
    }
    if let Some(calling) = calling {
        settings.insert("functionCallingConfig".to_owned(), calling);
    }
    if !settings.is_empty() {
        body.insert("toolConfig".to_owned(), Value::Object(settings));
    }
}

fn declaration(function: &FunctionTool, name: &str) -> Value {
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(name));
    if let Some(description) = &function.description {
        out.insert("description".to_owned(), json!(description));
    }
    // The field that takes plain JSON Schema; `parameters` takes only Google's older one.
    let empty = |schema: &&Value| schema.get("properties").and_then(Value::as_object).is_some_and(Map::is_empty);
    if let Some(schema) = function.parameters.as_ref().filter(|schema| !empty(schema)) {
        let mut schema = schema.clone();
        if let Value::Object(map) = &mut schema {
            map.shift_remove("$schema");
        }
        out.insert("parametersJsonSchema".to_owned(), schema);
    }
    for key in ["behavior", "response", "responseJsonSchema"] {
        if let Some(value) = function.rest.get(key) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(out)
}

fn calling_config(choice: Option<&ToolChoice>, restore: &Restore) -> Option<Value> {
    Some(match choice? {
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Named(name) => json!({"mode": "ANY", "allowedFunctionNames": [sent_name(restore, name)]}),
        ToolChoice::Allowed { required: false, .. } => json!({"mode": "AUTO"}),
        ToolChoice::Allowed { required: true, names } => {
            let names: Vec<&str> = names.iter().map(|name| sent_name(restore, name)).collect();
            json!({"mode": "ANY", "allowedFunctionNames": names})
        }
    })
}

/// `generationConfig`.
pub(super) fn generation(call: &ChatCall, target: &Target<'_>, dropped: &mut Dropped) -> Map<String, Value> {
    // What the client's own `generationConfig` holds beyond what we know.
    let left = call.rest.get("generationConfig").and_then(Value::as_object).filter(|_| call.from == HERE);
    let mut out = left.cloned().unwrap_or_default();
    let sampling = &call.sampling;
    let penalties = !target.facts.tool_ids;
    for (name, wire, number, takes) in [
        ("temperature", "temperature", &sampling.temperature, true),
        ("top_p", "topP", &sampling.top_p, true),
        ("top_k", "topK", &sampling.top_k, true),
        ("frequency_penalty", "frequencyPenalty", &sampling.frequency_penalty, penalties),
        ("presence_penalty", "presencePenalty", &sampling.presence_penalty, penalties),
        ("seed", "seed", &sampling.seed, true),
    ] {
        match number {
            Some(number) if takes && target.facts.sampling => drop(out.insert(wire.to_owned(), Value::Number(number.clone()))),
            sent => dropped.add_if(sent.is_some(), name),
        }
    }
    dropped.add_if(sampling.logit_bias.is_some(), "logit_bias");
    for (wire, value) in [
        ("maxOutputTokens", output_cap(call, target).map(|cap| json!(cap))),
        ("stopSequences", (!call.stop.is_empty()).then(|| json!(call.stop))),
        ("candidateCount", call.n.map(|n| json!(n))),
        ("responseLogprobs", call.logprobs.map(|wish| json!(wish))),
        ("logprobs", call.top_logprobs.map(|count| json!(count))),
    ] {
        if let Some(value) = value {
            out.insert(wire.to_owned(), value);
        }
    }
    match &call.response_format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => drop(out.insert("responseMimeType".to_owned(), json!("application/json"))),
        Some(ResponseFormat::JsonSchema(wish)) => {
            out.insert("responseMimeType".to_owned(), json!("application/json"));
            out.insert("responseJsonSchema".to_owned(), wish.schema.clone());
        }
    }
    if !call.modalities.is_empty() {
        let kinds: Vec<String> = call.modalities.iter().map(|kind| kind.to_ascii_uppercase()).collect();
        out.insert("responseModalities".to_owned(), json!(kinds));
    }
    if let Some(audio) = &call.audio {
        if let Some(voice) = audio.get("voice").and_then(Value::as_str) {
            out.insert("speechConfig".to_owned(), json!({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}));
        }
        // Google speaks only raw 16-bit samples.
        dropped.add_if(audio.get("format").and_then(Value::as_str) != Some("pcm16"), "audio.format");
    }
    if let Some(thinking) = thinking(call, target, dropped) {
        out.insert("thinkingConfig".to_owned(), thinking);
    }
    out
}

fn thinking(call: &ChatCall, target: &Target<'_>, dropped: &mut Dropped) -> Option<Value> {
    let wish = &call.reasoning;
    if wish.is_unset() {
        return None;
    }
    let name = target.model;
    let (pro, lite) = (name.contains("pro"), name.contains("lite"));
    let show = wish.show.unwrap_or(!wish.is_off());
    let only_show = wish.effort.is_none() && wish.budget.is_none() && wish.mode.is_none();
    match target.facts.reasoning {
        ReasoningStyle::Level | ReasoningStyle::Budget if only_show => Some(json!({"includeThoughts": show})),
        ReasoningStyle::Level => {
            // A decision left to the model is the model's default.
            if wish.mode == Some(ReasoningMode::Adaptive) && wish.effort.is_none() && wish.budget.is_none() {
                return Some(json!({"includeThoughts": show}));
            }
            let level = match wish.as_effort()? {
                // These models cannot be told not to think; the least that Pro knows is `LOW`.
                Effort::None | Effort::Minimal if pro => "LOW",
                Effort::None | Effort::Minimal => "MINIMAL",
                Effort::Low => "LOW",
                Effort::Medium => "MEDIUM",
                Effort::High | Effort::XHigh | Effort::Max => "HIGH",
            };
            Some(json!({"thinkingLevel": level, "includeThoughts": show}))
        }
        ReasoningStyle::Budget => {
            let budget = match (wish.is_off(), wish.effort, wish.budget) {
                // Pro cannot be told not to think.
                (true, _, _) => json!(if pro { 128 } else { 0 }),
                (false, _, Some(budget)) => json!(budget),
                (false, Some(Effort::Minimal), None) if pro => json!(128),
                (false, Some(Effort::Minimal), None) => json!(if lite { 512 } else { 1 }),
                (false, Some(_), None) => json!(wish.as_budget()),
                (false, None, None) => json!(-1),
            };
            Some(json!({"thinkingBudget": budget, "includeThoughts": show}))
        }
        _ => {
            dropped.add_if(!wish.is_off(), "reasoning_effort");
            None
        }
    }
}
