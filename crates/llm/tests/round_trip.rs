//! A call keeps its meaning through every dialect, and faults name the field that is wrong.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use domain::{Code, Quirks};
use llm::chat::{
    ChatCall, Effort, FunctionTool, Media, Message, Part, PartKind, Reasoning, Role, Sampling, Signature, Source, Thinking, Tool, ToolCall,
    ToolChoice, ToolResult,
};
use llm::{CallPath, ChatDelta, Dialect, Facts, Restore, Target};
use serde_json::{Number, json};

fn call() -> ChatCall {
    let mut call = ChatCall::new(Dialect::OpenAiChat, "m");
    let image =
        Media { source: Source::Inline("iVBORw0KGgo=".to_owned()), media_type: Some("image/png".to_owned()), name: None, detail: None };
    let answer = ToolResult { call_id: "call_1".to_owned(), name: None, parts: vec![Part::text("cold")], is_error: false };
    let called = ToolCall { id: "call_1".to_owned(), name: "w".to_owned(), arguments: "{\"b\":1,\"a\":2}".to_owned(), signature: None };
    call.messages = vec![
        Message::new(Role::System, vec![Part::text("Be brief")]),
        Message::new(Role::User, vec![Part::text("Hi"), PartKind::Image(image).into()]),
        Message::new(Role::Assistant, vec![Part::text("Look"), PartKind::ToolCall(called).into()]),
        Message::new(Role::Tool, vec![PartKind::ToolResult(answer).into()]),
    ];
    call.tools = vec![Tool::Function(FunctionTool {
        name: "w".to_owned(),
        description: Some("Weather".to_owned()),
        parameters: Some(json!({"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}}})),
        ..FunctionTool::default()
    })];
    call.tool_choice = Some(ToolChoice::Named("w".to_owned()));
    call.max_output = Some(100);
    call.stop = vec!["END".to_owned(), "FIN".to_owned()];
    call.sampling = Sampling { temperature: Number::from_f64(0.5), ..Sampling::default() };
    call
}

fn through(call: &ChatCall, dialect: Dialect, model: &str) -> ChatCall {
    let quirks = Quirks::default();
    let facts = Facts::guess(dialect, model);
    let target = Target { model, stream: false, output_cap: None, max_output: None, quirks: &quirks, facts, strict: true };
    let out = dialect.codec().request_write(call, &target).unwrap();
    assert_eq!(out.dropped, Vec::<String>::new(), "{dialect}");
    dialect.codec().request_read(&out.body, &CallPath { model: Some(model), stream: false }).unwrap()
}

/// What a call means, without the forms in which dialects differ: who answers tools, and names that only some carry.
fn meaning(call: &ChatCall) -> (Vec<(bool, Vec<String>)>, String) {
    let turns = call.messages.iter().map(|message| {
        let parts = message.parts.iter().map(|part| match &part.kind {
            PartKind::ToolResult(result) => format!("{} {:?}", result.call_id, result.parts),
            PartKind::ToolCall(call) => format!("{} {} {}", call.id, call.name, call.arguments),
            kind => format!("{kind:?}"),
        });
        (message.role == Role::Assistant, parts.collect())
    });
    let rest = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        call.tools,
        call.tool_choice,
        call.max_output,
        call.stop,
        call.sampling,
        call.reasoning.as_effort()
    );
    (turns.collect(), rest)
}

#[test]
fn a_call_keeps_its_meaning() {
    let call = call();
    for (dialect, model) in
        [(Dialect::OpenAiChat, "gpt-4o"), (Dialect::Anthropic, "claude-3-5-sonnet-20241022"), (Dialect::Gemini, "gemini-3-pro-preview")]
    {
        let mut back = through(&call, dialect, model);
        // Gemini demands a proof on calls; a stand-in is no meaning.
        for part in back.messages.iter_mut().flat_map(|message| &mut message.parts) {
            if let PartKind::ToolCall(call) = &mut part.kind {
                call.signature = None;
            }
        }
        assert_eq!(meaning(&back), meaning(&call), "{dialect}");
    }
}

#[test]
fn effort_survives_each_style() {
    for (dialect, model) in [
        (Dialect::OpenAiChat, "gpt-5.1"),
        (Dialect::Anthropic, "claude-opus-4-7"),
        (Dialect::Anthropic, "claude-sonnet-4-5"),
        (Dialect::Gemini, "gemini-3-pro-preview"),
        (Dialect::Gemini, "gemini-2.5-pro"),
    ] {
        let mut call = call();
        call.sampling = Sampling::default();
        call.max_output = Some(50_000);
        call.tool_choice = None;
        call.messages.truncate(2);
        for effort in [Effort::Low, Effort::Medium, Effort::High] {
            call.reasoning = Reasoning { effort: Some(effort), ..Reasoning::default() };
            assert_eq!(through(&call, dialect, model).reasoning.as_effort(), Some(effort), "{model}");
        }
    }
}

/// A proof made by one provider comes back to it unchanged through a client of any dialect.
#[test]
fn proofs_survive_every_client() {
    for maker in [Dialect::Anthropic, Dialect::Gemini] {
        for client in Dialect::ALL {
            let proof = Signature { dialect: Some(maker), text: "CpcBAdHtim9+/w==".to_owned() };
            let mut reply = Dialect::OpenAiChat.codec().response_read(br#"{"choices":[{"message":{"content":"Hi"}}]}"#).unwrap();
            let thinking = Thinking { text: "hm".to_owned(), signature: Some(proof.clone()) };
            reply.choices[0].parts.insert(0, PartKind::Thinking(thinking).into());
            let shown: serde_json::Value = serde_json::from_slice(&client.codec().response_write(&reply, None)).unwrap();
            let body = match client {
                Dialect::OpenAiChat => json!({"model": "m", "messages": [shown["choices"][0]["message"]]}),
                Dialect::Anthropic => {
                    json!({"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": shown["content"]}]})
                }
                Dialect::Gemini => json!({"contents": [shown["candidates"][0]["content"]]}),
            };
            let back = client.codec().request_read(body.to_string().as_bytes(), &CallPath { model: Some("m"), stream: false }).unwrap();
            let found = back.messages[0].parts.iter().find_map(|part| match &part.kind {
                PartKind::Thinking(thinking) => thinking.signature.clone(),
                _ => None,
            });
            assert_eq!(found, Some(proof), "{maker} through {client}");
        }
    }
}

#[test]
fn faults_name_the_field() {
    let cases = [
        (Dialect::OpenAiChat, "{", Code::InvalidJson, None),
        (Dialect::OpenAiChat, "[]", Code::InvalidRequest, None),
        (Dialect::OpenAiChat, "{\"messages\":[]}", Code::InvalidRequest, Some("model")),
        (Dialect::OpenAiChat, r#"{"model":"m"}"#, Code::InvalidRequest, Some("messages")),
        (Dialect::OpenAiChat, r#"{"model":"m","messages":[]}"#, Code::InvalidRequest, Some("messages")),
        (
            Dialect::OpenAiChat,
            r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
            Code::InvalidRequest,
            Some("messages[0].content"),
        ),
        (Dialect::OpenAiChat, r#"{"model":"m","messages":[{"role":"u","content":""}]}"#, Code::InvalidRequest, Some("messages[0].role")),
        (
            Dialect::OpenAiChat,
            r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#,
            Code::InvalidRequest,
            Some("messages[0].tool_call_id"),
        ),
        (
            Dialect::OpenAiChat,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            Code::InvalidRequest,
            Some("messages[0].content[0].text"),
        ),
        (
            Dialect::OpenAiChat,
            r#"{"model":"m","messages":[{"role":"user","content":""}],"temperature":"hot"}"#,
            Code::InvalidRequest,
            Some("temperature"),
        ),
        (
            Dialect::OpenAiChat,
            r#"{"model":"m","messages":[{"role":"user","content":""}],"stop":[1]}"#,
            Code::InvalidRequest,
            Some("stop[0]"),
        ),
        (
            Dialect::OpenAiChat,
            r#"{"model":"m","messages":[{"role":"user","content":""}],"tools":[{"type":"function","function":{}}]}"#,
            Code::InvalidRequest,
            Some("tools[0].function.name"),
        ),
        (
            Dialect::Anthropic,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":"x"}}]}]}"#,
            Code::InvalidRequest,
            Some("messages[0].content[0].source.type"),
        ),
        (Dialect::Anthropic, r#"{"model":"m","messages":[{"role":"user"}]}"#, Code::InvalidRequest, Some("messages[0].content")),
        (
            Dialect::Gemini,
            r#"{"contents":[{"parts":[{"functionCall":{}}]}]}"#,
            Code::InvalidRequest,
            Some("contents[0].parts[0].functionCall.name"),
        ),
        (Dialect::Gemini, "{}", Code::InvalidRequest, Some("contents")),
    ];
    for (dialect, body, code, param) in cases {
        let path = CallPath { model: (dialect == Dialect::Gemini).then_some("m"), stream: false };
        let fault = dialect.codec().request_read(body.as_bytes(), &path).unwrap_err();
        assert_eq!((fault.code(), fault.wrong_param()), (code, param), "{body}: {}", fault.say());
    }
}

#[test]
fn strict_mode_names_what_cannot_be_said() {
    let mut call = call();
    call.sampling.seed = Some(Number::from(1));
    let quirks = Quirks::default();
    let facts = Facts::guess(Dialect::Anthropic, "claude-3-5-sonnet");
    let target = Target { model: "c", stream: false, output_cap: None, max_output: None, quirks: &quirks, facts, strict: true };
    let fault = Dialect::Anthropic.codec().request_write(&call, &target).unwrap_err();
    assert_eq!((fault.code(), fault.wrong_param()), (Code::UnsupportedParameter, Some("seed")));
}

#[test]
fn other_bodies_are_invalid_responses() {
    for dialect in Dialect::ALL {
        for body in ["", "<html>", "{}", "[]", "null", "{\"choices\":7}"] {
            let fault = dialect.codec().response_read(body.as_bytes()).unwrap_err();
            assert_eq!(fault.code(), Code::UpstreamInvalidResponse, "{dialect} {body}");
        }
    }
}

/// A schema that was sent as a tool comes back as text, whole or streamed.
#[test]
fn a_disguised_schema_comes_back_as_text() {
    let mut restore = Restore::default();
    restore.json_tool = Some("json_answer".to_owned());
    let start = ChatDelta::ToolStart { choice: 0, index: 0, id: "t".to_owned(), name: "json_answer".to_owned(), signature: None };
    assert_eq!(restore.delta(start), None);
    let args = ChatDelta::ToolArgs { choice: 0, index: 0, fragment: "{}".to_owned() };
    assert_eq!(restore.delta(args), Some(ChatDelta::Text { choice: 0, text: "{}".to_owned() }));
    let body = br#"{"content":[{"type":"tool_use","id":"t","name":"json_answer","input":{"a":1}}],"stop_reason":"tool_use","usage":{}}"#;
    let mut reply = Dialect::Anthropic.codec().response_read(body).unwrap();
    restore.reply(&mut reply);
    let out = String::from_utf8(Dialect::OpenAiChat.codec().response_write(&reply, None)).unwrap();
    assert!(out.contains(r#""content":"{\"a\":1}""#) && out.contains(r#""finish_reason":"stop""#), "{out}");
}

/// What only its own dialect understands comes out again when source and target are the same.
#[test]
fn same_dialect_calls_lose_nothing() {
    let anthropic = json!({"model": "claude-3-5-sonnet-20241022", "max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "url", "url": "https://a.example/a.pdf"}, "citations": {"enabled": true}, "context": "c"},
        {"type": "search_result", "source": "s", "title": "t", "content": []}]}], "made_up": {"a": 1}});
    let gemini = json!({"contents": [{"role": "user", "parts": [
        {"fileData": {"fileUri": "https://a.example/v.mp4", "mimeType": "video/mp4"}, "videoMetadata": {"fps": 2}},
        {"executableCode": {"language": "PYTHON", "code": "1"}}]}], "cachedContent": "c/1"});
    for (dialect, body) in [(Dialect::Anthropic, anthropic), (Dialect::Gemini, gemini)] {
        let path = CallPath { model: Some("claude-3-5-sonnet-20241022"), stream: false };
        let call = dialect.codec().request_read(body.to_string().as_bytes(), &path).unwrap();
        let quirks = Quirks::default();
        let facts = Facts::guess(dialect, "claude-3-5-sonnet-20241022");
        let model = "claude-3-5-sonnet-20241022";
        let target = Target { model, stream: false, output_cap: None, max_output: None, quirks: &quirks, facts, strict: true };
        let out = dialect.codec().request_write(&call, &target).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&out.body).unwrap(), body);
    }
    let message = json!({"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [
        {"type": "text", "text": "a", "citations": [{"type": "char_location", "cited_text": "x", "document_index": 0}]},
        {"type": "tool_use", "id": "t", "name": "w", "input": {}, "caller": {"type": "direct"}}],
        "container": {"id": "c1", "expires_at": "later"}, "stop_reason": "tool_use", "stop_sequence": null, "stop_details": null,
        "usage": {"input_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 2,
            "speed": "fast", "inference_geo": "us", "service_tier": "priority"}});
    let candidate = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "a", "partMetadata": {"k": 1}}]}, "finishReason": "STOP",
        "index": 0, "safetyRatings": [{"category": "c", "probability": "LOW"}], "groundingMetadata": {"groundingChunks": [], "searchEntryPoint": {}}}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3, "trafficType": "ON_DEMAND",
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1}]},
        "modelVersion": "g", "responseId": "r", "createTime": "now"});
    for (dialect, body) in [(Dialect::Anthropic, message), (Dialect::Gemini, candidate)] {
        let reply = dialect.codec().response_read(body.to_string().as_bytes()).unwrap();
        let out = dialect.codec().response_write(&reply, None);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), body);
    }
}
