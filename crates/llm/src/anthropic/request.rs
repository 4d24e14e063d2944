//! Requests: a client's body → call, and call → a provider's body.

use domain::Fault;
use serde_json::{Map, Value, json};

use crate::chat::{
    ChatCall, Effort, FunctionTool, JsonSchema, Message, Reasoning, ReasoningMode, ResponseFormat, Role, Sampling, Tool, ToolChoice,
    WebSearch,
};
use crate::dialect::{CallPath, Dialect, Outgoing, Target};
use crate::facts::ReasoningStyle;
use crate::fields::{Fields, Path, whole_number};
use crate::marks;
use crate::outgoing::{Dropped, output_cap, put_rest, seal};
use crate::restore::Restore;
use crate::schema;

use super::turns::{self, Turns};
use super::wire;

const HERE: Dialect = Dialect::Anthropic;

/// The version that the types here follow.
const VERSION: &str = "2023-06-01";

/// Anthropic's limit for names of tools.
const NAME_CHARS_MAX: usize = 128;

/// `max_tokens` is mandatory; this is sent when neither the caller nor the catalog knows one.
const MAX_TOKENS_DEFAULT: u64 = 4_096;

/// The smallest thinking budget that is taken.
const BUDGET_MIN: u64 = 1_024;

/// Anthropic's own fields that a client of another dialect may send under the same name.
const KNOWN: &[&str] = &["container", "mcp_servers", "context_management", "speed", "inference_geo", "diagnostics"];

/// The tool that stands for a schema on models without structured output.
const JSON_TOOL: &str = "json_answer";

pub(super) fn read(body: &[u8], path: &CallPath<'_>) -> Result<ChatCall, Fault> {
    let mut fields = Fields::body(body)?;
    let model = fields.string("model")?;
    let model = path.model.map(str::to_owned).or(model);
    let mut call = ChatCall::new(HERE, model.ok_or_else(|| fields.at("model").wrong("is missing; it must be a string"))?);
    if let Some(system) = fields.take("system") {
        let parts = wire::read_content(system, &fields.at("system"))?;
        call.messages.push(Message::new(Role::System, parts));
    }
    let messages = fields.need_list("messages")?;
    let place = fields.at("messages");
    if messages.is_empty() {
        return Err(place.wrong("is empty; at least one message is needed"));
    }
    for (index, value) in messages.into_iter().enumerate() {
        call.messages.push(read_message(value, Path::Index(&place, index))?);
    }
    call.stream = fields.boolean("stream")?.unwrap_or(false) || path.stream;
    call.include_usage = true;
    // Anthropic demands it; we do not, because counting tokens uses the same body without it.
    call.max_output = fields.whole("max_tokens")?;
    call.sampling = Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        top_k: fields.number("top_k")?,
        ..Sampling::default()
    };
    call.stop = fields.strings("stop_sequences")?;
    for (index, value) in fields.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        let place = fields.at("tools");
        call.tools.push(read_tool(value, Path::Index(&place, index))?);
    }
    if let Some(choice) = fields.object("tool_choice")? {
        read_choice(choice, &fields.at("tool_choice"), &mut call)?;
    }
    read_thinking(&mut fields, &mut call)?;
    if let Some(mut metadata) = fields.object("metadata")? {
        call.user = metadata.shift_remove("user_id").and_then(|id| id.as_str().map(str::to_owned));
        call.metadata = Some(metadata).filter(|rest| !rest.is_empty());
    }
    call.service_tier = fields.string("service_tier")?.map(|tier| if tier == "standard_only" { "default".to_owned() } else { tier });
    call.cache = fields.take("cache_control").map(|value| wire::cache_of(&value));
    call.rest = fields.rest();
    Ok(call)
}

fn read_message(value: Value, place: Path<'_>) -> Result<Message, Fault> {
    let mut fields = Fields::of(value, place)?;
    let role = match fields.need_string("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        other => return Err(fields.at("role").wrong(format_args!("is `{other}`; it must be user, assistant or system"))),
    };
    let content = fields.take("content");
    let place = fields.at("content");
    let content = content.ok_or_else(|| place.wrong("is missing; it must be a string or a list of content blocks"))?;
    let mut message = Message::new(role, wire::read_content(content, &place)?);
    message.rest = fields.rest();
    Ok(message)
}

fn read_tool(value: Value, place: Path<'_>) -> Result<Tool, Fault> {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or("custom");
    if kind.starts_with("web_search_") {
        let location = value.get("user_location").and_then(Value::as_object).cloned();
        let max_uses = value.get("max_uses").and_then(whole_number);
        return Ok(Tool::WebSearch(WebSearch { context_size: None, max_uses, location, raw: Some((HERE, value)) }));
    }
    if kind != "custom" {
        return Ok(Tool::Hosted { dialect: HERE, value });
    }
    let mut fields = Fields::of(value, place)?;
    fields.take("type");
    Ok(Tool::Function(FunctionTool {
        name: fields.need_string("name")?,
        description: fields.string("description")?,
        parameters: Some(fields.need_object("input_schema")?),
        strict: fields.boolean("strict")?,
        cache: fields.take("cache_control").map(|value| wire::cache_of(&value)),
        rest: fields.rest(),
    }))
}

fn read_choice(choice: Map<String, Value>, place: &Path<'_>, call: &mut ChatCall) -> Result<(), Fault> {
    let mut choice = Fields::of(Value::Object(choice), *place)?;
    call.tool_choice = Some(match choice.need_string("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.need_string("name")?),
        other => return Err(choice.at("type").wrong(format_args!("is `{other}`; it must be auto, any, tool or none"))),
    });
    call.parallel_tool_calls = choice.boolean("disable_parallel_tool_use")?.map(|disabled| !disabled);
    Ok(())
}

fn read_thinking(fields: &mut Fields<'_>, call: &mut ChatCall) -> Result<(), Fault> {
    let mut reasoning = Reasoning::default();
    if let Some(thinking) = fields.object("thinking")? {
        let place = fields.at("thinking");
        let mut thinking = Fields::of(Value::Object(thinking), place)?;
        reasoning.mode = match thinking.need_string("type")?.as_str() {
            "disabled" => Some(ReasoningMode::Off),
            "enabled" => Some(ReasoningMode::On),
            "adaptive" | "between_tools" => Some(ReasoningMode::Adaptive),
            other => {
                return Err(thinking
                    .at("type")
                    .wrong(format_args!("is `{other}`; it must be enabled, adaptive, between_tools or disabled")));
            }
        };
        reasoning.budget = thinking.whole("budget_tokens")?;
        reasoning.show = thinking.string("display")?.map(|display| display != "omitted");
    }
    let mut format = fields.object("output_format")?;
    if let Some(output) = fields.object("output_config")? {
        let place = fields.at("output_config");
        let mut output = Fields::of(Value::Object(output), place)?;
        if let Some(word) = output.string("effort")? {
            let effort = Effort::parse(&word);
            reasoning.effort = Some(effort.ok_or_else(|| output.at("effort").wrong("must be low, medium, high, xhigh or max"))?);
        }
        format = output.object("format")?.or(format);
    }
    if let Some(schema) = format.and_then(|mut format| format.shift_remove("schema")) {
        let wish = JsonSchema { name: "answer".to_owned(), description: None, schema, strict: Some(true) };
        call.response_format = Some(ResponseFormat::JsonSchema(wish));
    }
    call.reasoning = reasoning;
    Ok(())
}

pub(super) fn write(call: &ChatCall, target: &Target<'_>) -> Result<Outgoing, Fault> {
    let (mut body, mut dropped, mut restore) = (Map::new(), Dropped::default(), Restore::default());
    if call.from != HERE {
        rename_tools(call, &mut restore);
    }
    body.insert("model".to_owned(), json!(target.model));
    let mut turns = Turns::write(call, target.facts.late_system, &restore, &mut dropped);
    write_length(call, target, &turns, &mut body, &mut dropped);
    if !turns.system.is_empty() {
        body.insert("system".to_owned(), Value::Array(std::mem::take(&mut turns.system)));
    }
    let messages = turns.messages();
    body.insert("messages".to_owned(), messages);
    write_tools(call, &turns, &mut body, (&mut dropped, &mut restore));
    write_format(call, target, &mut body, (&mut dropped, &mut restore));
    relax_choice(&mut body, &mut dropped);
    write_sampling(call, target, &mut body, &mut dropped);
    write_labels(call, &mut body, &mut dropped);
    if let Some(cache) = &call.cache {
        body.insert("cache_control".to_owned(), wire::cache_value(cache));
    }
    if target.stream {
        body.insert("stream".to_owned(), json!(true));
    }
    put_rest(call, HERE, KNOWN, &mut body, &mut dropped);
    let headers = headers(&body);
    seal(target, "/v1/messages".to_owned(), headers, body, (dropped, restore))
}

fn headers(body: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let betas: Vec<&str> = [
        ("mcp_servers", "mcp-client-2025-04-04"),
        ("context_management", "context-management-2025-06-27"),
        ("speed", "fast-mode-2026-02-01"),
    ]
    .into_iter()
    .filter(|(field, _)| body.contains_key(*field))
    .map(|(_, beta)| beta)
    .collect();
    let mut headers = vec![("anthropic-version", VERSION.to_owned())];
    if !betas.is_empty() {
        headers.push(("anthropic-beta", betas.join(",")));
    }
    headers
}

fn rename_tools(call: &ChatCall, restore: &mut Restore) {
    for tool in &call.tools {
        if let Tool::Function(function) = tool
            && let Some(safe) = marks::safe_name(&function.name, NAME_CHARS_MAX, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        {
            restore.tools.push((safe, function.name.clone()));
        }
    }
}

/// `max_tokens`, `thinking` and `output_config.effort`: the budget must stay below the cap.
fn write_length(call: &ChatCall, target: &Target<'_>, turns: &Turns, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    let cap = output_cap(call, target);
    let wish = &call.reasoning;
    let budget = match target.facts.reasoning {
        ReasoningStyle::Budget if !wish.is_unset() && !wish.is_off() => wish.as_budget(),
        _ => None,
    };
    let thinking = budget.map(|budget| budget.max(BUDGET_MIN));
    let fallback = thinking.map_or(MAX_TOKENS_DEFAULT, |budget| budget.saturating_add(MAX_TOKENS_DEFAULT));
    let max_tokens = cap.or(target.max_output).unwrap_or(fallback).max(1);
    body.insert("max_tokens".to_owned(), json!(max_tokens));
    if wish.is_unset() {
        return;
    }
    let shown = wish.show.map(|show| if show { "summarized" } else { "omitted" });
    match (target.facts.reasoning, wish.is_off()) {
        (ReasoningStyle::Adaptive, true) => drop(body.insert("thinking".to_owned(), json!({"type": "disabled"}))),
        (_, true) => {}
        (ReasoningStyle::Adaptive, false) => {
            let display = shown.or((call.from != HERE).then_some("summarized"));
            let mut thinking = json!({"type": "adaptive"});
            if let Some(display) = display {
                thinking["display"] = json!(display);
            }
            // Effort alone, from a client of this dialect, leaves thinking as the model has it.
            if wish.mode.is_some() || wish.budget.is_some() || call.from != HERE {
                body.insert("thinking".to_owned(), thinking);
            }
            if let Some(effort) = wish.effort.or_else(|| wish.budget.and_then(|_| wish.as_effort())) {
                body.insert("output_config".to_owned(), json!({"effort": effort_word(effort)}));
            }
        }
        (ReasoningStyle::Budget, false) => {
            let room = thinking.map(|budget| budget.min(max_tokens.saturating_sub(1))).filter(|budget| *budget >= BUDGET_MIN);
            match room {
                // The API refuses a turn that called tools without the thoughts that led to them.
                Some(_) if turns.calls_without_thoughts => dropped.add("reasoning_effort"),
                Some(budget) => {
                    let mut thinking = json!({"type": "enabled", "budget_tokens": budget});
                    if let Some(display) = shown {
                        thinking["display"] = json!(display);
                    }
                    body.insert("thinking".to_owned(), thinking);
                }
                None => dropped.add("reasoning_effort"),
            }
        }
        _ => dropped.add("reasoning_effort"),
    }
}

/// Anthropic's words begin at `low`.
fn effort_word(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        other => other.as_str(),
    }
}

fn write_tools(call: &ChatCall, turns: &Turns, body: &mut Map<String, Value>, (dropped, restore): (&mut Dropped, &mut Restore)) {
    let mut choice = call.tool_choice.clone();
    let allowed = match &choice {
        Some(ToolChoice::Allowed { required, names }) => {
            let names = names.clone();
            choice = Some(if *required { ToolChoice::Required } else { ToolChoice::Auto });
            Some(names)
        }
        _ => None,
    };
    let mut tools = Vec::new();
    for (index, tool) in call.tools.iter().enumerate() {
        match tool {
            Tool::Function(function) => {
                if allowed.as_ref().is_none_or(|names| names.contains(&function.name)) {
                    let name = turns::sent_name(restore, &function.name);
                    tools.push(wire::function_tool(function, name, call.from == HERE));
                }
            }
            Tool::WebSearch(search) => tools.push(wire::web_search(search)),
            Tool::Hosted { dialect: Dialect::Anthropic, value } => tools.push(value.clone()),
            Tool::Hosted { .. } => dropped.add(format!("tools[{index}]")),
        }
    }
    if tools.is_empty() {
        if turns.called.is_empty() {
            return;
        }
        // A history with tool calls needs `tools`: the names are declared and calling them is forbidden.
        let declare = |name: &String| json!({"name": name, "input_schema": {"type": "object", "properties": {}}});
        tools = turns.called.iter().map(declare).collect();
        choice = Some(ToolChoice::None);
    }
    body.insert("tools".to_owned(), Value::Array(tools));
    let mut value = match &choice {
        Some(ToolChoice::Auto) => Some(json!({"type": "auto"})),
        Some(ToolChoice::Required) => Some(json!({"type": "any"})),
        Some(ToolChoice::None) => Some(json!({"type": "none"})),
        Some(ToolChoice::Named(name)) => Some(json!({"type": "tool", "name": turns::sent_name(restore, name)})),
        Some(ToolChoice::Allowed { .. }) | None => None,
    };
    if call.parallel_tool_calls == Some(false) && choice != Some(ToolChoice::None) {
        value.get_or_insert_with(|| json!({"type": "auto"}))["disable_parallel_tool_use"] = json!(true);
    }
    if let Some(value) = value {
        body.insert("tool_choice".to_owned(), value);
    }
}

fn write_format(call: &ChatCall, target: &Target<'_>, body: &mut Map<String, Value>, (dropped, restore): (&mut Dropped, &mut Restore)) {
    let wish = match &call.response_format {
        None | Some(ResponseFormat::Text) => return,
        Some(ResponseFormat::JsonObject) => return dropped.add("response_format"),
        Some(ResponseFormat::JsonSchema(wish)) => wish,
    };
    if target.facts.json_schema {
        let schema = if call.from == HERE { wish.schema.clone() } else { schema::anthropic_output(&wish.schema) };
        let config = body.entry("output_config").or_insert_with(|| json!({}));
        config["format"] = json!({"type": "json_schema", "schema": schema});
        return;
    }
    if body.contains_key("tools") {
        // Forcing the stand-in tool would forbid the caller's own.
        return dropped.add("response_format");
    }
    let description = wish.description.clone().unwrap_or_else(|| "Give the answer by calling this tool.".to_owned());
    let schema = schema::arguments(Some(&wish.schema));
    body.insert("tools".to_owned(), json!([{"name": JSON_TOOL, "description": description, "input_schema": schema}]));
    body.insert("tool_choice".to_owned(), json!({"type": "tool", "name": JSON_TOOL, "disable_parallel_tool_use": true}));
    restore.json_tool = Some(JSON_TOOL.to_owned());
}

/// A forced tool and a thinking budget exclude each other; the budget gives way to the stand-in tool, the caller's
/// forced tool gives way to the budget.
fn relax_choice(body: &mut Map<String, Value>, dropped: &mut Dropped) {
    let thinks = body.get("thinking").and_then(|thinking| thinking.get("type")).and_then(Value::as_str) == Some("enabled");
    let forced = body.get("tool_choice").and_then(|choice| choice.get("type")).and_then(Value::as_str);
    if !thinks || !matches!(forced, Some("any" | "tool")) {
        return;
    }
    if body.get("tool_choice").and_then(|choice| choice.get("name")).and_then(Value::as_str) == Some(JSON_TOOL) {
        body.shift_remove("thinking");
        dropped.add("reasoning_effort");
    } else if let Some(Value::Object(choice)) = body.get_mut("tool_choice") {
        choice.shift_remove("name");
        choice.insert("type".to_owned(), json!("auto"));
        dropped.add("tool_choice");
    }
}

fn write_sampling(call: &ChatCall, target: &Target<'_>, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    let sampling = &call.sampling;
    let thinks = body.get("thinking").is_some_and(|thinking| thinking["type"] == "enabled");
    let free = target.facts.sampling;
    if let Some(temperature) = &sampling.temperature {
        // OpenAI's scale goes to 2, Anthropic's to 1.
        let value = temperature.as_f64().unwrap_or(1.0);
        let sent = if value > 1.0 { json!(1) } else { Value::Number(temperature.clone()) };
        if (free && !thinks) || value == 1.0 {
            body.insert("temperature".to_owned(), sent);
        } else {
            dropped.add("temperature");
        }
    }
    // Newer models refuse both at once; the temperature is the one that callers mean.
    let both = body.contains_key("temperature") && call.from != HERE;
    for (name, number, takes) in [("top_p", &sampling.top_p, free && !both && !thinks), ("top_k", &sampling.top_k, free && !thinks)] {
        match number {
            Some(number) if takes => drop(body.insert(name.to_owned(), Value::Number(number.clone()))),
            sent => dropped.add_if(sent.is_some(), name),
        }
    }
    // Sequences of white space alone are refused.
    let stop: Vec<&String> = call.stop.iter().filter(|text| !text.trim().is_empty()).collect();
    dropped.add_if(stop.len() < call.stop.len(), "stop");
    if !stop.is_empty() {
        body.insert("stop_sequences".to_owned(), json!(stop));
    }
    for (name, sent) in [
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
        ("logit_bias", sampling.logit_bias.is_some()),
        ("n", call.n.is_some_and(|n| n > 1)),
        ("logprobs", call.logprobs == Some(true)),
        ("top_logprobs", call.top_logprobs.is_some_and(|count| count > 0)),
        ("modalities", call.modalities.iter().any(|kind| kind != "text")),
        ("audio", call.audio.is_some()),
    ] {
        dropped.add_if(sent, name);
    }
}

fn write_labels(call: &ChatCall, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    let mut metadata = call.metadata.clone().filter(|_| call.from == HERE).unwrap_or_default();
    dropped.add_if(call.from != HERE && call.metadata.is_some(), "metadata");
    if let Some(user) = &call.user {
        // Anthropic asks for ids that name no person.
        if looks_personal(user) {
            dropped.add("user");
        } else {
            metadata.insert("user_id".to_owned(), json!(user));
        }
    }
    if !metadata.is_empty() {
        body.insert("metadata".to_owned(), Value::Object(metadata));
    }
    match call.service_tier.as_deref() {
        None => {}
        Some("auto" | "priority") => drop(body.insert("service_tier".to_owned(), json!("auto"))),
        Some("default" | "standard") => drop(body.insert("service_tier".to_owned(), json!("standard_only"))),
        Some(_) => dropped.add("service_tier"),
    }
}

/// An e-mail address or a telephone number.
fn looks_personal(user: &str) -> bool {
    let mail =
        user.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !user.contains(char::is_whitespace));
    let digits = user.chars().filter(char::is_ascii_digit).count();
    let phone = user.starts_with('+') && digits >= 7 && user.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    mail || phone
}
