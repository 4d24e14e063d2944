//! Requests: a client's body → call, and call → a provider's body.

use domain::Fault;
use serde_json::{Map, Value, json};

use crate::chat::{
    CacheControl, ChatCall, Effort, FunctionTool, JsonSchema, Message, PartKind, Reasoning, ReasoningMode, ResponseFormat, Role, Sampling,
    Tool, ToolChoice, ToolResult, WebSearch,
};
use crate::dialect::{CallPath, Dialect, Outgoing, Target};
use crate::facts::ReasoningStyle;
use crate::fields::{Fields, Path};
use crate::marks;
use crate::outgoing::{Dropped, output_cap, put_rest, seal};
use crate::restore::Restore;

use super::wire;

const HERE: Dialect = Dialect::OpenAiChat;

/// OpenAI's limit for names of functions.
const NAME_CHARS_MAX: usize = 64;

/// Fields of our own clients that OpenAI itself has: sent on even from other dialects.
const KNOWN: &[&str] = &["store", "prediction", "verbosity", "prompt_cache_key", "safety_identifier"];

pub(super) fn read(body: &[u8], path: &CallPath<'_>) -> Result<ChatCall, Fault> {
    let mut fields = Fields::body(body)?;
    let model = match path.model {
        Some(model) => {
            fields.take("model");
            model.to_owned()
        }
        None => fields.need_string("model")?,
    };
    let mut call = ChatCall::new(HERE, model);
    let messages = fields.need_list("messages")?;
    call.messages = read_messages(messages, &fields.at("messages"))?;
    call.stream = fields.boolean("stream")?.unwrap_or(false) || path.stream;
    if let Some(options) = fields.object("stream_options")? {
        call.include_usage = options.get("include_usage").and_then(Value::as_bool).unwrap_or(false);
    }
    let older = fields.whole("max_tokens")?;
    call.max_output = fields.whole("max_completion_tokens")?.or(older);
    call.sampling = Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        top_k: fields.number("top_k")?,
        frequency_penalty: fields.number("frequency_penalty")?,
        presence_penalty: fields.number("presence_penalty")?,
        seed: fields.number("seed")?,
        logit_bias: fields.take("logit_bias"),
    };
    call.stop = fields.strings("stop")?;
    call.n = fields.whole("n")?;
    call.logprobs = fields.boolean("logprobs")?;
    call.top_logprobs = fields.whole("top_logprobs")?;
    read_tools(&mut fields, &mut call)?;
    call.response_format = read_response_format(&mut fields)?;
    call.reasoning = read_reasoning(&mut fields)?;
    call.user = fields.string("user")?;
    call.metadata = fields.object("metadata")?;
    call.service_tier = fields.string("service_tier")?;
    call.modalities = fields.strings("modalities")?;
    call.audio = fields.object("audio")?.map(Value::Object);
    call.cache = fields.take("cache_control").map(|value| wire::cache_of(&value));
    call.rest = fields.rest();
    Ok(call)
}

fn read_messages(list: Vec<Value>, place: &Path<'_>) -> Result<Vec<Message>, Fault> {
    if list.is_empty() {
        return Err(place.wrong("is empty; at least one message is needed"));
    }
    list.into_iter().enumerate().map(|(index, value)| read_message(value, Path::Index(place, index), index)).collect()
}

fn read_message(value: Value, place: Path<'_>, index: usize) -> Result<Message, Fault> {
    let mut fields = Fields::of(value, place)?;
    let role = match fields.need_string("role")?.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        other => {
            return Err(fields
                .at("role")
                .wrong(format_args!("is `{other}`; it must be system, developer, user, assistant, tool or function")));
        }
    };
    let name = fields.string("name")?;
    let cache = fields.take("cache_control").map(|value| wire::cache_of(&value));
    let mut parts = Vec::new();
    if role == Role::Assistant {
        wire::read_thoughts(&mut fields, &mut parts)?;
    }
    let content = fields.take("content");
    match content {
        Some(content) => wire::read_content(content, &fields.at("content"), &mut parts)?,
        None if matches!(role, Role::Assistant | Role::Tool) => {}
        None => return Err(fields.at("content").wrong("is missing; it must be a string or a list of parts")),
    }
    let mut message = Message { role, name, parts, rest: Map::new() };
    match role {
        Role::Assistant => {
            if let Some(refusal) = fields.string("refusal")? {
                message.parts.push(PartKind::Refusal(refusal).into());
            }
            wire::read_tool_calls(&mut fields, index, &mut message.parts)?;
        }
        Role::Tool => {
            let call_id = match fields.string("tool_call_id")? {
                Some(id) => marks::split_id(&id).0.to_owned(),
                // The older `function` role has only the name.
                None if message.name.is_some() => String::new(),
                None => return Err(fields.at("tool_call_id").wrong("is missing; it must be the id of the tool call that this answers")),
            };
            let result = ToolResult { call_id, name: message.name.take(), parts: std::mem::take(&mut message.parts), is_error: false };
            message.parts.push(PartKind::ToolResult(result).into());
        }
        Role::System | Role::Developer | Role::User => {}
    }
    if let Some(last) = message.parts.last_mut().filter(|_| cache.is_some()) {
        last.cache = cache;
    }
    message.rest = fields.rest();
    Ok(message)
}

fn read_tools(fields: &mut Fields<'_>, call: &mut ChatCall) -> Result<(), Fault> {
    for (index, value) in fields.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        call.tools.push(read_tool(value, Path::Index(&fields.at("tools"), index))?);
    }
    for (index, value) in fields.list("functions")?.unwrap_or_default().into_iter().enumerate() {
        let place = fields.at("functions");
        call.tools.push(Tool::Function(read_function(Fields::of(value, Path::Index(&place, index))?)?));
    }
    if let Some(options) = fields.object("web_search_options")? {
        let location = options.get("user_location").and_then(|place| place.get("approximate").unwrap_or(place).as_object()).cloned();
        let context_size = options.get("search_context_size").and_then(Value::as_str).map(str::to_owned);
        call.tools.push(Tool::WebSearch(WebSearch { context_size, max_uses: None, location, raw: None }));
    }
    let choice = fields.take("tool_choice").or_else(|| fields.take("function_call"));
    call.tool_choice = choice.map(|choice| read_choice(&choice, &fields.at("tool_choice"))).transpose()?;
    call.parallel_tool_calls = fields.boolean("parallel_tool_calls")?;
    Ok(())
}

fn read_tool(value: Value, place: Path<'_>) -> Result<Tool, Fault> {
    let mut fields = Fields::of(value, place)?;
    let kind = fields.string("type")?.unwrap_or_else(|| "function".to_owned());
    if kind != "function" {
        let mut map = fields.rest();
        map.insert("type".to_owned(), Value::String(kind));
        return Ok(Tool::Hosted { dialect: HERE, value: Value::Object(map) });
    }
    let cache = fields.take("cache_control").map(|value| wire::cache_of(&value));
    let function = fields.need_object("function")?;
    let mut tool = read_function(Fields::of(function, fields.at("function"))?)?;
    tool.cache = tool.cache.or(cache);
    Ok(Tool::Function(tool))
}

fn read_function(mut fields: Fields<'_>) -> Result<FunctionTool, Fault> {
    Ok(FunctionTool {
        name: fields.need_string("name")?,
        description: fields.string("description")?,
        parameters: fields.object("parameters")?.map(Value::Object),
        strict: fields.boolean("strict")?,
        cache: fields.take("cache_control").map(|value| wire::cache_of(&value)),
        rest: fields.rest(),
    })
}

fn read_choice(choice: &Value, place: &Path<'_>) -> Result<ToolChoice, Fault> {
    let named = |at: &str| choice.pointer(at).and_then(Value::as_str).map(str::to_owned);
    match choice.as_str() {
        Some("auto") => return Ok(ToolChoice::Auto),
        Some("none") => return Ok(ToolChoice::None),
        Some("required" | "any") => return Ok(ToolChoice::Required),
        _ => {}
    }
    if let Some(allowed) = choice.get("allowed_tools") {
        let names = allowed.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let names = names.iter().filter_map(|tool| tool.pointer("/function/name").and_then(Value::as_str)).map(str::to_owned).collect();
        return Ok(ToolChoice::Allowed { required: allowed.get("mode").and_then(Value::as_str) == Some("required"), names });
    }
    named("/function/name")
        .or_else(|| named("/custom/name"))
        .or_else(|| named("/name"))
        .map(ToolChoice::Named)
        .ok_or_else(|| place.wrong("must be `auto`, `none`, `required`, or an object that names a function"))
}

fn read_response_format(fields: &mut Fields<'_>) -> Result<Option<ResponseFormat>, Fault> {
    let Some(format) = fields.object("response_format")? else { return Ok(None) };
    let place = fields.at("response_format");
    let mut format = Fields::of(Value::Object(format), place)?;
    match format.need_string("type")?.as_str() {
        "text" => Ok(Some(ResponseFormat::Text)),
        "json_object" => Ok(Some(ResponseFormat::JsonObject)),
        "json_schema" => {
            let inner = format.need_object("json_schema")?;
            let mut inner = Fields::of(inner, format.at("json_schema"))?;
            let schema = inner.object("schema")?.map_or_else(|| json!({"type": "object"}), Value::Object);
            Ok(Some(ResponseFormat::JsonSchema(JsonSchema {
                name: inner.string("name")?.unwrap_or_else(|| "answer".to_owned()),
                description: inner.string("description")?,
                schema,
                strict: inner.boolean("strict")?,
            })))
        }
        other => Err(format.at("type").wrong(format_args!("is `{other}`; it must be text, json_object or json_schema"))),
    }
}

/// `reasoning_effort`; OpenRouter's `reasoning`; Anthropic's `thinking`: whichever the client knows.
fn read_reasoning(fields: &mut Fields<'_>) -> Result<Reasoning, Fault> {
    let mut reasoning = Reasoning::default();
    if let Some(thinking) = fields.object("thinking")? {
        reasoning.budget = thinking.get("budget_tokens").and_then(crate::fields::whole_number);
        reasoning.mode = thinking.get("type").and_then(Value::as_str).and_then(|kind| match kind {
            "disabled" => Some(ReasoningMode::Off),
            "enabled" => Some(ReasoningMode::On),
            "adaptive" => Some(ReasoningMode::Adaptive),
            _ => None,
        });
    }
    if let Some(wish) = fields.object("reasoning")? {
        reasoning.effort = wish.get("effort").and_then(Value::as_str).and_then(Effort::parse);
        reasoning.budget = wish.get("max_tokens").and_then(crate::fields::whole_number).or(reasoning.budget);
        reasoning.show = wish.get("exclude").and_then(Value::as_bool).map(|hidden| !hidden);
        match wish.get("enabled").and_then(Value::as_bool) {
            Some(true) => reasoning.mode = Some(ReasoningMode::On),
            Some(false) => reasoning.mode = Some(ReasoningMode::Off),
            None => {}
        }
    }
    if let Some(word) = fields.string("reasoning_effort")? {
        let effort = Effort::parse(&word);
        reasoning.effort = Some(effort.ok_or_else(|| {
            fields.at("reasoning_effort").wrong(format_args!("is `{word}`; it must be none, minimal, low, medium, high, xhigh or max"))
        })?);
    }
    Ok(reasoning)
}

pub(super) fn write(call: &ChatCall, target: &Target<'_>) -> Result<Outgoing, Fault> {
    let (mut body, mut dropped, mut restore) = (Map::new(), Dropped::default(), Restore::default());
    body.insert("model".to_owned(), json!(target.model));
    if call.from != HERE {
        rename_tools(call, &mut restore);
    }
    let names = wire::Names { restore: &restore, thinks: target.facts.reasoning == ReasoningStyle::Effort, same: call.from == HERE };
    body.insert("messages".to_owned(), Value::Array(wire::write_messages(call, &names, &mut dropped)));
    write_tools(call, &names, &mut body, &mut dropped);
    write_sampling(call, target, &mut body, &mut dropped);
    write_reasoning(call, target, &mut body, &mut dropped);
    if let Some(cap) = output_cap(call, target) {
        let newer = target.facts.reasoning == ReasoningStyle::Effort && !target.facts.sampling;
        let name = target.quirks.max_tokens_name.as_deref().unwrap_or(if newer { "max_completion_tokens" } else { "max_tokens" });
        body.insert(name.to_owned(), json!(cap));
    }
    for (name, value) in [
        ("response_format", call.response_format.as_ref().map(wire::response_format)),
        ("user", call.user.as_ref().map(|user| json!(short_user(user, call.from)))),
        ("service_tier", call.service_tier.as_ref().map(|tier| json!(tier))),
        ("modalities", (!call.modalities.is_empty()).then(|| json!(call.modalities))),
        ("audio", call.audio.clone()),
    ] {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
    match (&call.metadata, call.from == HERE) {
        (Some(metadata), true) => drop(body.insert("metadata".to_owned(), Value::Object(metadata.clone()))),
        (sent, _) => dropped.add_if(sent.is_some(), "metadata"),
    }
    if let Some(cache) = &call.cache {
        write_cache(cache, call, &mut body, &mut dropped);
    }
    if target.stream {
        body.insert("stream".to_owned(), json!(true));
        if !target.quirks.no_stream_options {
            body.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
    }
    put_rest(call, HERE, KNOWN, &mut body, &mut dropped);
    seal(target, "/chat/completions".to_owned(), Vec::new(), body, (dropped, restore))
}

fn write_cache(cache: &CacheControl, call: &ChatCall, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    if call.from == HERE {
        body.insert("cache_control".to_owned(), wire::cache_value(cache));
    } else {
        dropped.add("cache_control");
    }
}

/// OpenAI refuses ids of end users beyond 64 characters; other dialects' ids are longer (Claude Code's is).
fn short_user(user: &str, from: Dialect) -> String {
    if from == HERE || user.chars().count() <= NAME_CHARS_MAX {
        return user.to_owned();
    }
    format!("user_{:016x}", marks::hash(user))
}

/// Names that OpenAI refuses get a stand-in, which is turned back in the answer.
fn rename_tools(call: &ChatCall, restore: &mut Restore) {
    for tool in &call.tools {
        if let Tool::Function(function) = tool
            && let Some(safe) = marks::safe_name(&function.name, NAME_CHARS_MAX, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        {
            restore.tools.push((safe, function.name.clone()));
        }
    }
}

fn write_tools(call: &ChatCall, names: &wire::Names<'_>, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    let mut tools = Vec::new();
    for (index, tool) in call.tools.iter().enumerate() {
        match tool {
            Tool::Function(function) => tools.push(wire::function_tool(function, names)),
            Tool::WebSearch(search) => {
                body.insert("web_search_options".to_owned(), wire::web_search(search));
                dropped.add_if(search.max_uses.is_some(), "max_uses");
            }
            Tool::Hosted { dialect: Dialect::OpenAiChat, value } => tools.push(value.clone()),
            Tool::Hosted { .. } => dropped.add(format!("tools[{index}]")),
        }
    }
    if tools.is_empty() {
        return;
    }
    body.insert("tools".to_owned(), Value::Array(tools));
    if let Some(choice) = &call.tool_choice {
        body.insert("tool_choice".to_owned(), wire::choice(choice, names));
    }
    if let Some(parallel) = call.parallel_tool_calls {
        body.insert("parallel_tool_calls".to_owned(), json!(parallel));
    }
}

fn write_sampling(call: &ChatCall, target: &Target<'_>, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    let sampling = &call.sampling;
    // Models that always reason refuse every temperature but 1 and the other draws; effort `none` lifts that.
    let free = target.facts.sampling || call.reasoning.is_off();
    let one = sampling.temperature.as_ref().and_then(serde_json::Number::as_f64) == Some(1.0);
    for (name, number, takes) in [
        ("temperature", &sampling.temperature, free || one),
        ("top_p", &sampling.top_p, free),
        ("top_k", &sampling.top_k, free && (call.from == HERE || target.facts.top_k)),
        ("frequency_penalty", &sampling.frequency_penalty, free),
        ("presence_penalty", &sampling.presence_penalty, free),
        ("seed", &sampling.seed, true),
    ] {
        match number {
            Some(number) if takes => drop(body.insert(name.to_owned(), Value::Number(number.clone()))),
            sent => dropped.add_if(sent.is_some(), name),
        }
    }
    for (name, value, takes) in [
        ("logit_bias", sampling.logit_bias.clone(), free),
        ("logprobs", call.logprobs.map(|wish| json!(wish)), free || call.logprobs == Some(false)),
        ("top_logprobs", call.top_logprobs.map(|count| json!(count)), free),
        ("stop", wire::stop(&call.stop), true),
        ("n", call.n.map(|n| json!(n)), true),
    ] {
        match value {
            Some(value) if takes => drop(body.insert(name.to_owned(), value)),
            sent => dropped.add_if(sent.is_some(), name),
        }
    }
}

fn write_reasoning(call: &ChatCall, target: &Target<'_>, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    let Some(effort) = call.reasoning.as_effort() else { return };
    let tells = target.facts.reasoning != ReasoningStyle::None || (call.from == HERE && call.reasoning.effort.is_some());
    if !tells {
        // A model that does not think obeys "do not think" by itself.
        dropped.add_if(!call.reasoning.is_off(), "reasoning_effort");
        return;
    }
    let effort = if effort == Effort::None && call.reasoning.effort.is_none() { least_effort(target.model) } else { effort };
    body.insert("reasoning_effort".to_owned(), json!(effort.as_str()));
}

/// The least that a model takes when another dialect said "do not think": the first GPT-5 takes `minimal`, the
/// o-series `low`.
fn least_effort(model: &str) -> Effort {
    let name = model.rsplit('/').next().unwrap_or(model);
    if name == "gpt-5" || name.starts_with("gpt-5-") {
        Effort::Minimal
    } else if name.starts_with('o') {
        Effort::Low
    } else {
        Effort::None
    }
}
