//! What the simulator answers: texts, counts, tools, formats, in the three dialects.

#[cfg(test)]
mod world;

use serde_json::{Value, json};
use sim::tokenizer::count;
use sim::{LABEL, OUTPUT_TOKENS, REASONING_TOKENS};
use world::{ANTHROPIC, GEMINI, GEMINI_STREAM, OPENAI, World};

const ALL: [&str; 3] = [OPENAI, ANTHROPIC, GEMINI];

#[tokio::test]
async fn plain_answers_and_streams_say_the_same() {
    let world = World::start().await;
    for path in ALL {
        for directive in
            ["", "[[sim output_tokens=100 chunks=7]]", "[[sim output_tokens=1]]", "[[sim output_tokens=0]]", "[[sim echo=žluťoučký]]"]
        {
            let plain = world.ask(path, false, directive).await;
            if !directive.contains("=0") {
                assert!(plain.said().starts_with(LABEL), "{path} {directive}");
                assert_eq!(plain.said(), world.ask(path, true, directive).await.said_in_events(), "{path} {directive}");
            }
            assert_eq!(plain.status, 200);
        }
    }
    assert!(world.ask(OPENAI, false, "[[sim echo=word]]").await.said().starts_with("[simulated] word "));
}

#[tokio::test]
async fn output_tokens_are_exact_and_at_most_max_tokens() {
    let world = World::start().await;
    let bodies = |max: u64| {
        let message = json!([{"role": "user", "content": "Hi"}]);
        [
            (OPENAI, json!({"model": "m", "messages": message, "max_tokens": max})),
            (ANTHROPIC, json!({"model": "m", "messages": message, "max_tokens": max})),
            (GEMINI, json!({"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": {"maxOutputTokens": max}})),
        ]
    };
    let tokens = ["/usage/completion_tokens", "/usage/output_tokens", "/usageMetadata/candidatesTokenCount"];
    let finish = ["/choices/0/finish_reason", "/stop_reason", "/candidates/0/finishReason"];
    for (max, expected, reasons) in [(5, 5, ["length", "max_tokens", "MAX_TOKENS"]), (24, OUTPUT_TOKENS, ["stop", "end_turn", "STOP"])] {
        for (at, (path, body)) in bodies(max).into_iter().enumerate() {
            let reply = world.post(path, &body).await;
            assert_eq!(count(&reply.said()), expected);
            assert_eq!(reply.json().pointer(tokens[at]), Some(&json!(expected)));
            assert_eq!(reply.json().pointer(finish[at]), Some(&json!(reasons[at])));
            assert_eq!(world.last().output_tokens, expected);
        }
    }
    let both =
        world.post(OPENAI, &json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 3})).await;
    assert_eq!(both.json()["usage"]["completion_tokens"], 3);
}

#[tokio::test]
async fn input_tokens_follow_the_tokenizers_page() {
    let world = World::start().await;
    let tool = json!({"type": "function", "function": {"name": "f", "description": "two words", "parameters": {"type": "object"}}});
    let openai = json!({"model": "m", "tools": [tool], "messages": [
        {"role": "system", "content": "be nice"},
        {"role": "user", "content": [{"type": "text", "text": "look at"}, {"type": "image_url", "image_url": {"url": "data:,"}},
            {"type": "file", "file": {"file_id": "x"}}]},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "it is\nso"}]});
    world.post(OPENAI, &openai).await;
    assert_eq!(world.last().input_tokens, 2 + 2 + (2 + 85 + 100) + (1 + 2) + 3);

    let anthropic = json!({"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "be nice"}],
        "tools": [{"name": "f", "description": "two words", "input_schema": {"type": "object"}}], "messages": [
        {"role": "user", "content": [{"type": "text", "text": "look at"}, {"type": "image", "source": {}}, {"type": "document", "source": {}}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "not counted", "signature": "s"},
            {"type": "tool_use", "id": "c", "name": "f", "input": {"a": "b c"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "it is\nso"}]}]}]});
    world.post(ANTHROPIC, &anthropic).await;
    assert_eq!(world.last().input_tokens, 2 + 2 + (2 + 85 + 100) + (1 + 2) + 3);
    let counted = world.post("/v1/messages/count_tokens", &anthropic).await;
    assert_eq!(counted.json(), json!({"input_tokens": 197}));

    let gemini = json!({"system_instruction": {"parts": [{"text": "be nice"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "description": "two words"}]}, {"googleSearch": {}}], "contents": [
        {"role": "user", "parts": [{"text": "look at"}, {"inlineData": {"mimeType": "image/png", "data": ""}},
            {"fileData": {"mimeType": "application/pdf", "fileUri": ""}}]},
        {"role": "model", "parts": [{"text": "not counted", "thought": true}, {"functionCall": {"name": "f", "args": {"a": "b c"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"content": "it is\nso"}}}]}]});
    world.post(GEMINI, &gemini).await;
    assert_eq!(world.last().input_tokens, 2 + (2 + 1) + (2 + 85 + 100) + (1 + 2) + 3);
    let counted = world.post("/v1beta/models/m:countTokens", &gemini).await;
    assert_eq!(counted.json(), json!({"totalTokens": 198}));

    world.ask(OPENAI, false, " ").await;
    assert_eq!(world.last().input_tokens, 1);
    world.ask(OPENAI, false, "Hi [[sim delay_ms=0 gap_ms=0]]").await;
    assert_eq!(world.last().input_tokens, 4);
}

#[tokio::test]
async fn reasoning_and_cached_tokens_are_reported() {
    let world = World::start().await;
    let text = "a b c d e [[sim reasoning_tokens=3 cached_tokens=2 cache_write_tokens=1]]";
    let input = count(text);
    for stream in [false, true] {
        let reply = world.ask(OPENAI, stream, text).await;
        let usage = if stream { reply.events().pop().unwrap()["usage"].clone() } else { reply.json()["usage"].clone() };
        let expected = json!([input, 27, input + 27, 2, 1, 3]);
        let details = (&usage["prompt_tokens_details"], &usage["completion_tokens_details"]);
        let got = json!([
            usage["prompt_tokens"],
            usage["completion_tokens"],
            usage["total_tokens"],
            details.0["cached_tokens"],
            details.0["cache_write_tokens"],
            details.1["reasoning_tokens"]
        ]);
        assert_eq!(got, expected);
    }
    let usage = world.ask(ANTHROPIC, false, text).await.json()["usage"].clone();
    assert_eq!(
        json!([usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"], usage["output_tokens"]]),
        json!([input - 3, 2, 1, 27])
    );
    let usage = world.ask(GEMINI, true, text).await.events().pop().unwrap()["usageMetadata"].clone();
    assert_eq!(
        json!([usage["promptTokenCount"], usage["cachedContentTokenCount"], usage["thoughtsTokenCount"], usage["candidatesTokenCount"]]),
        json!([input, 2, 3, 24])
    );
    let entry = world.last();
    assert_eq!((entry.output_tokens, entry.reasoning_tokens, entry.cached_tokens, entry.cache_write_tokens), (27, 3, 2, 1));

    let asked = json!({"model": "m", "reasoning_effort": "low", "max_tokens": 10, "messages": [{"role": "user", "content": "x"}]});
    let usage = world.post(OPENAI, &asked).await.json()["usage"].clone();
    assert_eq!(json!([usage["completion_tokens"], usage["completion_tokens_details"]["reasoning_tokens"]]), json!([10, REASONING_TOKENS]));
}

#[tokio::test]
async fn choices_and_stop_sequences() {
    let world = World::start().await;
    let mut body = json!({"model": "m", "n": 3, "messages": [{"role": "user", "content": "x"}], "stop": ["zzz", "simulator"]});
    let plain = world.post(OPENAI, &body).await.json();
    assert_eq!(plain["choices"].as_array().unwrap().len(), 3);
    assert_eq!(plain["choices"][2]["message"]["content"], "[simulated] This answer comes from the ");
    assert_eq!((&plain["choices"][2]["finish_reason"], &plain["usage"]["completion_tokens"]), (&json!("stop"), &json!(18)));
    body["stream"] = json!(true);
    let events = world.post(OPENAI, &body).await.events();
    for choice in 0..3 {
        let deltas = events.iter().map(|event| &event["choices"][0]).filter(|delta| delta["index"] == choice);
        let said: String = deltas.filter_map(|delta| delta["delta"]["content"].as_str()).collect();
        assert_eq!(said, "[simulated] This answer comes from the ");
    }
}

fn tools() -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    json!([{"type": "function", "function": {"name": "weather", "parameters": schema}},
        {"type": "function", "function": {"name": "time", "parameters": schema}}])
}

#[tokio::test]
async fn tools_are_called_when_asked_or_forced() {
    let world = World::start().await;
    let ask = |text: &str, choice: Value| json!({"model": "m", "tools": tools(), "tool_choice": choice, "messages": [{"role": "user", "content": text}]});
    let names = |reply: &Value| -> Vec<String> {
        let calls = reply["choices"][0]["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
        calls.iter().map(|call| call["function"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let forced = json!({"type": "function", "function": {"name": "time"}});
    let table = [
        ("x", json!("auto"), vec![]),
        ("[[sim tool=time]]", json!("auto"), vec!["time"]),
        ("[[sim tools=3]]", json!("auto"), vec!["weather", "time", "weather"]),
        ("[[sim tools=3]]", json!("none"), vec![]),
        ("x", json!("required"), vec!["weather"]),
        ("x", forced, vec!["time"]),
    ];
    for (text, choice, expected) in table {
        let reply = world.post(OPENAI, &ask(text, choice.clone())).await.json();
        assert_eq!(names(&reply), expected, "{text} {choice}");
        assert_eq!(reply["choices"][0]["finish_reason"], if expected.is_empty() { "stop" } else { "tool_calls" });
    }
    assert_eq!(world.post(OPENAI, &ask("[[sim tool=none_such]]", json!("auto"))).await.status, 400);

    let mut answered = ask("[[sim tool=time]]", json!("auto"));
    let call =
        json!({"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "time", "arguments": "{}"}}]});
    answered["messages"].as_array_mut().unwrap().extend([call, json!({"role": "tool", "tool_call_id": "c", "content": "noon"})]);
    assert!(names(&world.post(OPENAI, &answered).await.json()).is_empty());

    let mut little = ask("[[sim tools=3]]", json!("auto"));
    little["max_tokens"] = json!(5);
    let reply = world.post(OPENAI, &little).await.json();
    assert_eq!(
        (names(&reply).len(), &reply["choices"][0]["finish_reason"], &reply["usage"]["completion_tokens"]),
        (2, &json!("length"), &json!(4))
    );
    let padded = world.post(OPENAI, &ask("[[sim tools=2 output_tokens=9]]", json!("auto"))).await.json();
    assert_eq!((names(&padded).len(), &padded["usage"]["completion_tokens"]), (2, &json!(9)));
    assert_eq!(count(padded["choices"][0]["message"]["content"].as_str().unwrap()), 5);
}

#[tokio::test]
async fn streams_send_tool_calls_in_pieces() {
    let world = World::start().await;
    let openai = json!({"model": "m", "stream": true, "tools": tools(), "messages": [{"role": "user", "content": "[[sim tools=2]]"}]});
    let events = world.post(OPENAI, &openai).await.events();
    let pieces: Vec<&Value> = events.iter().filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0")).collect();
    let joined = |index: u64| -> String {
        pieces.iter().filter(|piece| piece["index"] == index).filter_map(|piece| piece["function"]["arguments"].as_str()).collect()
    };
    assert_eq!((joined(0), joined(1)), (r#"{"city":"simulated-1"}"#.to_owned(), r#"{"city":"simulated-2"}"#.to_owned()));
    assert_eq!(world.last().output_tokens, 4);

    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let anthropic = json!({"model": "m", "stream": true, "max_tokens": 50, "tools": [{"name": "weather", "input_schema": schema}],
        "tool_choice": {"type": "any"}, "messages": [{"role": "user", "content": "x"}]});
    let reply = world.post(ANTHROPIC, &anthropic).await;
    let kinds: Vec<String> = reply.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let expected =
        "message_start ping content_block_start content_block_delta content_block_delta content_block_stop message_delta message_stop";
    assert_eq!(kinds.join(" "), expected);
    let partial: String = reply.events().iter().filter_map(|event| event["delta"]["partial_json"].as_str().map(str::to_owned)).collect();
    assert_eq!(partial, r#"{"city":"simulated-1"}"#);

    let gemini = json!({"tools": [{"functionDeclarations": [{"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}, "contents": [{"parts": [{"text": "x"}]}]});
    let events = world.post(GEMINI_STREAM, &gemini).await.events();
    assert_eq!(events[0]["candidates"][0]["content"]["parts"][0]["functionCall"]["args"], json!({"city": "simulated-1"}));
}

#[tokio::test]
async fn structured_answers_fit_their_schema() {
    let world = World::start().await;
    let schema =
        json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"]});
    let fits = json!({"name": LABEL, "age": 1});
    let messages = json!([{"role": "user", "content": "x"}]);
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let openai = world.post(OPENAI, &json!({"model": "m", "messages": messages, "response_format": format})).await;
    let anthropic = json!({"model": "m", "max_tokens": 9, "messages": messages, "output_config": {"format": {"type": "json_schema", "schema": schema}}});
    let anthropic = world.post(ANTHROPIC, &anthropic).await;
    let config = json!({"responseMimeType": "application/json", "responseJsonSchema": schema});
    let gemini = world.post(GEMINI, &json!({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": config})).await;
    for reply in [openai, anthropic, gemini] {
        assert_eq!(serde_json::from_str::<Value>(&reply.said()).unwrap(), fits);
    }
    let object = world.post(OPENAI, &json!({"model": "m", "messages": messages, "response_format": {"type": "json_object"}})).await;
    assert_eq!(serde_json::from_str::<Value>(&object.said()).unwrap()["simulated"], true);
}

#[tokio::test]
async fn a_stream_has_the_chunks_lines_and_pieces_asked_for() {
    let world = World::start().await;
    for (path, content) in
        [(OPENAI, "/choices/0/delta/content"), (ANTHROPIC, "/delta/text"), (GEMINI, "/candidates/0/content/parts/0/text")]
    {
        let events = world.ask(path, true, "[[sim chunks=5]]").await.events();
        let pieces = events.iter().filter_map(|event| event.pointer(content)).filter(|text| *text != "").count();
        assert_eq!(pieces, 5, "{path}");
    }
    let body = |newline: &str| format!("[[sim echo=č split=1 newline={newline}]]");
    let lf = world.ask(OPENAI, true, &body("lf")).await;
    assert!(lf.text().contains(r#"{"content":" č"}"#) && lf.text().ends_with("data: [DONE]\n\n") && !lf.text().contains('\r'));
    for (newline, end) in [("cr", "\r"), ("crlf", "\r\n")] {
        let other = world.ask(OPENAI, true, &body(newline)).await;
        assert_eq!(other.text().matches(end).count(), lf.text().matches('\n').count());
        assert!(other.text().ends_with(&format!("data: [DONE]{end}{end}")));
    }
}

#[tokio::test]
async fn refuses_what_it_cannot_read() {
    let world = World::start().await;
    let unknown = world.ask(OPENAI, false, "[[sim colour=red]]").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.json()["error"]["message"].as_str().unwrap().contains("colour"));
    let huge = json!({"model": "m", "n": 128, "messages": [{"role": "user", "content": "[[sim output_tokens=1000000]]"}]});
    assert_eq!(world.post(OPENAI, &huge).await.status, 400);
    let unread = world.post(ANTHROPIC, &json!({"model": "m", "messages": []})).await;
    assert_eq!((unread.status.as_u16(), &unread.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    let array = world.post("/v1beta/models/m:streamGenerateContent", &json!({"contents": [{"parts": []}]})).await;
    assert_eq!(array.json()["error"]["status"], "INVALID_ARGUMENT");
    assert_eq!(world.get("/nothing").await.status, 404);
    assert_eq!(world.get(OPENAI).await.status, 405);
    assert_eq!(world.sim.summary().refused, 4);
}

#[tokio::test]
async fn lists_its_models() {
    let world = World::start().await;
    assert_eq!(world.get("/v1/models").await.json()["data"][0]["id"], "sim");
    assert_eq!(world.get("/v1/models/other").await.json()["id"], "other");
    assert_eq!(world.get("/v1beta/models").await.json()["models"][0]["name"], "models/sim");
}
