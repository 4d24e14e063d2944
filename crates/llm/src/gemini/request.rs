//! Requests: a client's body → call, and call → a provider's body.

use domain::{Code, Fault};
use serde_json::{Map, Value, json};

use crate::chat::{
    ChatCall, Effort, FunctionTool, JsonSchema, Message, Part, PartKind, Reasoning, ReasoningMode, ResponseFormat, Rest, Role, Sampling,
    Thinking, Tool, ToolCall, ToolChoice, ToolResult, WebSearch,
};
use crate::dialect::{CallPath, Dialect, Outgoing, Target};
use crate::fields::{Fields, Path};
use crate::outgoing::{Dropped, put_rest, seal};
use crate::restore::Restore;
use crate::{marks, media, schema};

use super::{config, turns, wire};

pub(super) const HERE: Dialect = Dialect::Gemini;

/// Google's limit for names of functions.
const NAME_CHARS_MAX: usize = 64;

/// Google's own fields that a client of another dialect may send under the same name.
const KNOWN: &[&str] = &["safetySettings", "cachedContent", "labels", "safety_settings", "cached_content"];

pub(super) fn read(body: &[u8], path: &CallPath<'_>) -> Result<ChatCall, Fault> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Fault::new(Code::InvalidJson, format!("the request body is not valid JSON: {error}")))?;
    let mut fields = Fields::of(wire::camel(value), Path::Root)?;
    let named = fields.string("model")?;
    let model = path.model.map(str::to_owned).or(named);
    let model = model.ok_or_else(|| fields.at("model").wrong("is missing; it stands in the address: models/{model}:generateContent"))?;
    let mut call = ChatCall::new(HERE, model.strip_prefix("models/").unwrap_or(&model));
    call.stream = path.stream;
    call.include_usage = true;
    match fields.take("systemInstruction") {
        None => {}
        Some(Value::String(text)) => call.messages.push(Message::new(Role::System, vec![Part::text(text)])),
        Some(value) => {
            let mut message = Reader::default().content(value, fields.at("systemInstruction"))?;
            message.role = Role::System;
            call.messages.push(message);
        }
    }
    let contents = match fields.take("contents") {
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => vec![one],
        Some(_) => return Err(fields.at("contents").wrong("must be a list of contents")),
        None => return Err(fields.at("contents").wrong("is missing; it must be a list of contents")),
    };
    let place = fields.at("contents");
    if contents.is_empty() {
        return Err(place.wrong("is empty; at least one content is needed"));
    }
    let mut reader = Reader::default();
    for (index, value) in contents.into_iter().enumerate() {
        call.messages.push(reader.content(value, Path::Index(&place, index))?);
    }
    read_tools(&mut fields, &mut call)?;
    if let Some(generation) = fields.object("generationConfig")? {
        read_config(Fields::of(Value::Object(generation), fields.at("generationConfig"))?, &mut call)?;
    }
    call.service_tier = fields.string("serviceTier")?.map(|tier| if tier == "standard" { "default".to_owned() } else { tier });
    let left = call.rest.shift_remove("generationConfig");
    call.rest = fields.rest();
    if let Some(left) = left {
        call.rest.insert("generationConfig".to_owned(), left);
    }
    Ok(call)
}

/// Reads contents in order. Calls without an id get one from their place, and answers without one get their call's.
#[derive(Default)]
struct Reader {
    turn: usize,
    open: Vec<(String, String)>,
}

impl Reader {
    fn content(&mut self, value: Value, place: Path<'_>) -> Result<Message, Fault> {
        let mut fields = Fields::of(value, place)?;
        let role = match fields.string("role")?.as_deref() {
            None | Some("user") => Role::User,
            Some("model" | "assistant") => Role::Assistant,
            Some("function" | "tool") => Role::Tool,
            Some("system") => Role::System,
            Some(other) => return Err(fields.at("role").wrong(format_args!("is `{other}`; it must be user or model"))),
        };
        let list = match fields.take("parts") {
            Some(Value::Array(list)) => list,
            Some(one @ Value::Object(_)) => vec![one],
            Some(_) => return Err(fields.at("parts").wrong("must be a list of parts")),
            None => Vec::new(),
        };
        self.turn += 1;
        let mut parts = Vec::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            let place = fields.at("parts");
            self.part(value, Path::Index(&place, index), index, &mut parts)?;
        }
        Ok(Message::new(role, parts))
    }

    fn part(&mut self, value: Value, place: Path<'_>, index: usize, out: &mut Vec<Part>) -> Result<(), Fault> {
        let mut fields = Fields::of(value, place)?;
        let signature = fields.string("thoughtSignature")?;
        let text = fields.string("text")?;
        if fields.boolean("thought")? == Some(true) {
            out.push(wire::thought(text.unwrap_or_default(), signature.map(media::standard)).into());
            return Ok(());
        }
        if let Some(value) = fields.object("functionCall")? {
            let call = Fields::of(Value::Object(value), fields.at("functionCall"))?;
            out.push(PartKind::ToolCall(self.call(call, signature.map(media::standard), index)?).into());
            return Ok(());
        }
        if let Some(signature) = signature {
            out.push(PartKind::Thinking(Thinking { text: String::new(), signature: Some(wire::read_signature(signature)) }).into());
        }
        let before = out.len();
        if let Some(text) = text {
            out.push(Part::text(text));
        } else if let Some(value) = fields.object("inlineData")? {
            let place = fields.at("inlineData");
            let mut blob = Fields::of(Value::Object(value), place)?;
            out.push(wire::blob(blob.string("mimeType")?, blob.need_string("data")?).into());
        } else if let Some(value) = fields.object("fileData")? {
            let place = fields.at("fileData");
            let mut file = Fields::of(Value::Object(value), place)?;
            let mut address = media::from_url(file.need_string("fileUri")?);
            address.media_type = file.string("mimeType")?;
            out.push(wire::by_type(address).into());
        } else if let Some(value) = fields.object("functionResponse")? {
            let response = Fields::of(Value::Object(value), fields.at("functionResponse"))?;
            out.push(PartKind::ToolResult(self.response(response)?).into());
        } else {
            let rest = std::mem::take(fields.left());
            if !rest.is_empty() {
                out.push(PartKind::Raw { dialect: HERE, value: Value::Object(rest) }.into());
            }
        }
        if let [.., part] = &mut out[before..] {
            part.rest = Rest::of(HERE, fields.rest());
        }
        Ok(())
    }

    fn call(&mut self, mut fields: Fields<'_>, signature: Option<String>, index: usize) -> Result<ToolCall, Fault> {
        let name = fields.need_string("name")?;
        let arguments = fields.object("args")?.map_or_else(|| "{}".to_owned(), |args| Value::Object(args).to_string());
        let id = fields.string("id")?.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{}_{index}", self.turn));
        self.open.push((name.clone(), id.clone()));
        Ok(ToolCall { id, name, arguments, signature })
    }

    fn response(&mut self, mut fields: Fields<'_>) -> Result<ToolResult, Fault> {
        let name = fields.need_string("name")?;
        let id = fields.string("id")?.filter(|id| !id.is_empty());
        let open = self.open.iter().position(|(called, open)| id.as_ref().map_or(*called == name, |id| id == open));
        let found = open.map(|place| self.open.remove(place).1);
        let call_id = id.or(found).unwrap_or_else(|| format!("call_{name}"));
        let response = fields.object("response")?.unwrap_or_default();
        let is_error = response.len() == 1 && response.contains_key("error");
        let only = ["output", "result", "content", "error"].into_iter().find_map(|key| response.get(key)).filter(|_| response.len() == 1);
        let text = match only {
            Some(Value::String(text)) => text.clone(),
            _ => Value::Object(response).to_string(),
        };
        let mut parts = vec![Part::text(text)];
        for (index, value) in fields.list("parts")?.unwrap_or_default().into_iter().enumerate() {
            let place = fields.at("parts");
            Self::default().part(value, Path::Index(&place, index), index, &mut parts)?;
        }
        Ok(ToolResult { call_id, name: Some(name), parts, is_error })
    }
}

fn read_tools(fields: &mut Fields<'_>, call: &mut ChatCall) -> Result<(), Fault> {
    let list = match fields.take("tools") {
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => vec![one],
        Some(_) => return Err(fields.at("tools").wrong("must be a list of tools")),
        None => Vec::new(),
    };
    for (index, value) in list.into_iter().enumerate() {
        let tools = fields.at("tools");
        let mut tool = Fields::of(value, Path::Index(&tools, index))?;
        for (at, value) in tool.list("functionDeclarations")?.unwrap_or_default().into_iter().enumerate() {
            let place = tool.at("functionDeclarations");
            let mut function = Fields::of(value, Path::Index(&place, at))?;
            let older = function.object("parameters")?.map(|older| schema::from_gemini(Value::Object(older)));
            call.tools.push(Tool::Function(FunctionTool {
                name: function.need_string("name")?,
                description: function.string("description")?,
                parameters: function.object("parametersJsonSchema")?.map(Value::Object).or(older),
                strict: None,
                cache: None,
                rest: function.rest(),
            }));
        }
        for (name, value) in tool.rest() {
            let value = json!({ name.as_str(): value });
            call.tools.push(match name.as_str() {
                "googleSearch" | "googleSearchRetrieval" => Tool::WebSearch(WebSearch { raw: Some((HERE, value)), ..WebSearch::default() }),
                _ => Tool::Hosted { dialect: HERE, value },
            });
        }
    }
    let Some(mut settings) = fields.object("toolConfig")? else { return Ok(()) };
    if let Some(Value::Object(calling)) = settings.shift_remove("functionCallingConfig") {
        let place = fields.at("toolConfig");
        let mut calling = Fields::of(Value::Object(calling), Path::Key(&place, "functionCallingConfig"))?;
        let names = calling.strings("allowedFunctionNames")?;
        let mode = calling.string("mode")?.unwrap_or_default().to_ascii_uppercase();
        call.tool_choice = match (mode.as_str(), names.as_slice()) {
            ("NONE", _) => Some(ToolChoice::None),
            ("ANY", [one]) => Some(ToolChoice::Named(one.clone())),
            ("ANY", []) => Some(ToolChoice::Required),
            (_, []) => Some(ToolChoice::Auto),
            (mode, _) => Some(ToolChoice::Allowed { required: mode == "ANY", names }),
        };
    }
    if !settings.is_empty() {
        call.tools.push(Tool::Hosted { dialect: HERE, value: json!({"toolConfig": settings}) });
    }
    Ok(())
}

fn read_config(mut fields: Fields<'_>, call: &mut ChatCall) -> Result<(), Fault> {
    call.sampling = Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("topP")?,
        top_k: fields.number("topK")?,
        frequency_penalty: fields.number("frequencyPenalty")?,
        presence_penalty: fields.number("presencePenalty")?,
        seed: fields.number("seed")?,
        logit_bias: None,
    };
    call.n = fields.whole("candidateCount")?;
    call.max_output = fields.whole("maxOutputTokens")?;
    call.stop = fields.strings("stopSequences")?;
    call.logprobs = fields.boolean("responseLogprobs")?;
    call.top_logprobs = fields.whole("logprobs")?;
    call.modalities = fields.strings("responseModalities")?.into_iter().map(|kind| kind.to_ascii_lowercase()).collect();
    let older = fields.take("responseSchema").map(schema::from_gemini);
    let schema = fields.take("responseJsonSchema").or(older);
    let json_wanted = fields.peek("responseMimeType").and_then(Value::as_str) == Some("application/json");
    if json_wanted || schema.is_some() {
        fields.take("responseMimeType");
        call.response_format = Some(match schema {
            Some(schema) => ResponseFormat::JsonSchema(JsonSchema { name: "answer".to_owned(), description: None, schema, strict: None }),
            None => ResponseFormat::JsonObject,
        });
    }
    if fields.peek("responseMimeType").and_then(Value::as_str) == Some("text/plain") {
        fields.take("responseMimeType");
    }
    if let Some(thinking) = fields.object("thinkingConfig")? {
        let place = fields.at("thinkingConfig");
        call.reasoning = read_thinking(Fields::of(Value::Object(thinking), place)?)?;
    }
    let left = fields.rest();
    if !left.is_empty() {
        call.rest.insert("generationConfig".to_owned(), Value::Object(left));
    }
    Ok(())
}

/// A budget of −1 lets the model decide, 0 is off.
fn read_thinking(mut fields: Fields<'_>) -> Result<Reasoning, Fault> {
    let mut reasoning = Reasoning { show: fields.boolean("includeThoughts")?, ..Reasoning::default() };
    match fields.number("thinkingBudget")? {
        Some(number) if number.as_i64() == Some(-1) => reasoning.mode = Some(ReasoningMode::Adaptive),
        Some(number) => {
            let budget = number.as_u64();
            reasoning.budget = Some(budget.ok_or_else(|| fields.at("thinkingBudget").wrong("must be a whole number from -1"))?);
        }
        None => {}
    }
    if let Some(word) = fields.string("thinkingLevel")? {
        reasoning.effort = Effort::parse(&word);
    }
    Ok(reasoning)
}

pub(super) fn write(call: &ChatCall, target: &Target<'_>) -> Result<Outgoing, Fault> {
    let (mut body, mut dropped, mut restore) = (Map::new(), Dropped::default(), Restore::default());
    rename_tools(call, &mut restore);
    let (system, contents) = turns::write(call, target, &restore, &mut dropped);
    body.insert("contents".to_owned(), Value::Array(contents));
    if !system.is_empty() {
        body.insert("systemInstruction".to_owned(), json!({"parts": system}));
    }
    config::write_tools(call, target, &restore, &mut body, &mut dropped);
    let generation = config::generation(call, target, &mut dropped);
    if !generation.is_empty() {
        body.insert("generationConfig".to_owned(), Value::Object(generation));
    }
    match call.service_tier.as_deref() {
        None | Some("auto") => {}
        Some("default" | "standard") => drop(body.insert("serviceTier".to_owned(), json!("standard"))),
        Some(tier @ ("flex" | "priority")) => drop(body.insert("serviceTier".to_owned(), json!(tier))),
        Some(_) => dropped.add("service_tier"),
    }
    dropped.add_if(call.user.is_some(), "user");
    dropped.add_if(call.metadata.is_some(), "metadata");
    dropped.add_if(call.cache.is_some(), "cache_control");
    put_rest(call, HERE, KNOWN, &mut body, &mut dropped);
    for (snake, camel) in [("safety_settings", "safetySettings"), ("cached_content", "cachedContent")] {
        if let Some(value) = body.shift_remove(snake) {
            body.insert(camel.to_owned(), value);
        }
    }
    seal(target, path_of(target), Vec::new(), body, (dropped, restore))
}

/// `/v1beta/models/{model}:…`; a name with its own folder (`tunedModels/x`) is taken as it is.
fn path_of(target: &Target<'_>) -> String {
    let model: String = target
        .model
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    let folder = if model.starts_with("models/") || model.starts_with("tunedModels/") { "" } else { "models/" };
    let act = if target.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    format!("/v1beta/{folder}{model}:{act}")
}

fn rename_tools(call: &ChatCall, restore: &mut Restore) {
    for tool in &call.tools {
        let Tool::Function(function) = tool else { continue };
        let head = function.name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
        let safe = marks::safe_name(&function.name, NAME_CHARS_MAX, fits);
        match (head, safe) {
            (true, None) => {}
            (true, Some(safe)) => restore.tools.push((safe, function.name.clone())),
            (false, safe) => {
                let tail: String = safe.unwrap_or_else(|| function.name.clone()).chars().take(NAME_CHARS_MAX - 1).collect();
                restore.tools.push((format!("_{tail}"), function.name.clone()));
            }
        }
    }
}
