//! The scripted faults, each seen from a client, and what the journal says of it.

#[cfg(test)]
mod world;

use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use sim::End;
use tokio::io::AsyncReadExt;
use world::{ANTHROPIC, GEMINI, OPENAI, World};

const ALL: [&str; 3] = [OPENAI, ANTHROPIC, GEMINI];

/// More than `stall_after` needs, less than a test's patience.
const LONG: &str = "output_tokens=50 gap_ms=3600000";

#[tokio::test]
async fn status_faults_have_the_dialects_shape() {
    let world = World::start().await;
    let places = [
        ("/error/code", json!("rate_limit_exceeded")),
        ("/error/type", json!("rate_limit_error")),
        ("/error/status", json!("RESOURCE_EXHAUSTED")),
    ];
    for (path, (place, expected)) in ALL.into_iter().zip(places) {
        for stream in [false, true] {
            let reply = world.ask(path, stream, "[[sim fault=status:429 retry_after=Wed,_21_Oct_2015_07:28:00_GMT]]").await;
            assert_eq!(reply.status, 429);
            assert_eq!(reply.headers["retry-after"], "Wed, 21 Oct 2015 07:28:00 GMT");
            assert_eq!(reply.json().pointer(place), Some(&expected));
            let entry = world.last();
            assert_eq!((entry.status, entry.output_tokens, entry.end), (429, 0, End::Completed));
        }
    }
    let summary = world.sim.summary();
    assert_eq!((summary.refused, summary.completed, summary.input_tokens), (6, 0, 0));
}

#[tokio::test]
async fn status_once_fails_the_first_time_only() {
    let world = World::start().await;
    for expected in [503, 200, 200] {
        assert_eq!(world.ask(OPENAI, false, "[[sim fault=status_once:503:a]]").await.status, expected);
    }
    assert_eq!(world.ask(OPENAI, false, "[[sim fault=status_once:503:b]]").await.status, 503);
}

#[tokio::test]
async fn connect_reset_resets_without_an_answer() {
    let world = World::start().await;
    let mut socket = world.raw(OPENAI, false, "[[sim fault=connect_reset]]").await;
    let error = socket.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let entry = world.last();
    assert_eq!((entry.status, entry.bytes_sent, entry.end), (0, 0, End::Fault));
}

#[tokio::test]
async fn reset_after_sends_so_many_chunks_and_resets() {
    let world = World::start().await;
    for path in ALL {
        for chunks in [0, 1, 3, 24] {
            let mut socket = world.raw(path, true, &format!("[[sim fault=reset_after:{chunks}]]")).await;
            let mut bytes = Vec::new();
            let error = socket.read_to_end(&mut bytes).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
            let marks = text.matches("\"content\":\"").count() + text.matches("text_delta").count() + text.matches("\"parts\":[").count();
            let opening = usize::from(path == OPENAI);
            assert_eq!(marks, chunks + opening, "{path} {text}");
            let entry = world.last();
            assert_eq!((entry.output_tokens, entry.end), (chunks as u64, End::Fault));
        }
    }
}

#[tokio::test]
async fn a_plain_answer_is_reset_in_its_middle() {
    let world = World::start().await;
    let mut socket = world.raw(OPENAI, false, "[[sim fault=reset_after:1]]").await;
    let mut bytes = Vec::new();
    assert!(socket.read_to_end(&mut bytes).await.is_err());
    assert!(String::from_utf8(bytes).unwrap().contains("\r\n\r\n{"));
    assert_eq!((world.last().output_tokens, world.last().end), (24, End::Fault));
}

#[tokio::test]
async fn stall_after_sends_nothing_more_until_the_client_leaves() {
    let world = World::start().await;
    for (number, path) in ALL.into_iter().enumerate() {
        let socket = world.raw(path, true, "[[sim fault=stall_after:5]]").await;
        world.sim.until(|sum| sum.output_tokens == 5 * (number as u64 + 1)).await;
        assert_eq!(world.last().end, End::Open);
        drop(socket);
        world.sim.until(|sum| sum.cancelled == number as u64 + 1).await;
        let entry = world.last();
        assert_eq!((entry.output_tokens, entry.status, entry.ended_ms.is_some()), (5, 200, true));
    }
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_stream_at_once() {
    let world = World::start().await;
    let socket = world.raw(OPENAI, true, &format!("[[sim {LONG}]]")).await;
    world.sim.until(|sum| sum.output_tokens == 1).await;
    drop(socket);
    world.sim.until(|sum| sum.cancelled == 1 && sum.open == 0).await;
    assert_eq!(world.last().output_tokens, 1);

    let mut sender = world.http2().await;
    let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": format!("[[sim {LONG}]]")}]});
    let request = Request::post(format!("http://sim{OPENAI}")).body(Full::<Bytes>::from(body.to_string())).unwrap();
    let response = sender.send_request(request).await.unwrap();
    world.sim.until(|sum| sum.output_tokens == 2).await;
    drop(response);
    world.sim.until(|sum| sum.cancelled == 2 && sum.open == 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_headers_is_recorded() {
    let world = World::start().await;
    let socket = world.raw(ANTHROPIC, false, "a b [[sim delay_ms=3600000]]").await;
    world.sim.until(|sum| sum.open == 1).await;
    drop(socket);
    world.sim.until(|sum| sum.cancelled == 1).await;
    let entry = world.last();
    assert_eq!((entry.status, entry.input_tokens, entry.output_tokens), (0, 4, 0));
}

#[tokio::test]
async fn leaving_right_after_the_last_chunk_counts_as_completed() {
    let world = World::start().await;
    let mut socket = world.raw(OPENAI, true, "x").await;
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"data: [DONE]\n\n\r\n0\r\n\r\n") {
        assert!(socket.read_buf(&mut bytes).await.unwrap() > 0);
    }
    drop(socket);
    let summary = world.sim.until(|sum| sum.open == 0).await;
    assert_eq!((summary.completed, summary.output_tokens), (1, 24));
}

#[tokio::test]
async fn error_events_end_a_stream() {
    let world = World::start().await;
    let places = ["/error/type", "/error/type", "/error/status"];
    let kinds = ["server_error", "overloaded_error", "UNAVAILABLE"];
    for (at, path) in ALL.into_iter().enumerate() {
        let reply = world.ask(path, true, "[[sim fault=error_event_after:2]]").await;
        let events = reply.events();
        assert_eq!(events.last().unwrap().pointer(places[at]), Some(&json!(kinds[at])));
        assert_eq!((reply.cut, world.last().output_tokens, world.last().end), (false, 2, End::Fault));
        assert_eq!(world.ask(path, false, "[[sim fault=error_event_after:2]]").await.status, 500);
    }
}

#[tokio::test]
async fn usage_is_absent_doubled_or_negative_as_scripted() {
    let world = World::start().await;
    let fields = ["\"completion_tokens\":", "\"output_tokens\":", "\"candidatesTokenCount\":"];
    for (at, path) in ALL.into_iter().enumerate() {
        for stream in [false, true] {
            let absent = world.ask(path, stream, "[[sim fault=no_usage]]").await;
            assert!(!absent.text().contains(fields[at]), "{path}");
            let negative = world.ask(path, stream, "[[sim fault=usage_negative]]").await;
            assert!(negative.text().contains(&format!("{}-24", fields[at])), "{path}");
        }
        let count = |text: &str| text.matches(&format!("{}24", fields[at])).count();
        let once = count(world.ask(path, true, "x").await.text());
        assert_eq!(count(world.ask(path, true, "[[sim fault=usage_twice]]").await.text()), once + 1, "{path}");
    }
    assert!(world.sim.journal().iter().all(|entry| entry.output_tokens == 24));
}

#[tokio::test]
async fn bad_json_is_not_json() {
    let world = World::start().await;
    for path in ALL {
        let plain = world.ask(path, false, "[[sim fault=bad_json]]").await;
        assert!(!plain.cut && serde_json::from_slice::<Value>(&plain.body).is_err());
        let stream = world.ask(path, true, "[[sim fault=bad_json]]").await;
        let bad = stream
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix("data: {"))
            .filter(|data| serde_json::from_str::<Value>(&format!("{{{data}")).is_err());
        assert_eq!(bad.count(), 1, "{path}");
    }
}

#[tokio::test]
async fn truncated_answers_announce_more_than_they_send() {
    let world = World::start().await;
    for path in ALL {
        let plain = world.ask(path, false, "[[sim fault=truncate]]").await;
        let announced: usize = plain.headers["content-length"].to_str().unwrap().parse().unwrap();
        assert!(plain.cut && announced > plain.body.len());
        assert_eq!((world.last().output_tokens, world.last().end), (24, End::Fault));
        let stream = world.ask(path, true, "[[sim fault=truncate]]").await;
        assert!(stream.cut);
        assert_eq!((world.last().output_tokens, world.last().end), (12, End::Fault));
    }
}

#[tokio::test]
async fn no_done_leaves_the_terminator_out() {
    let world = World::start().await;
    for (path, end) in ALL.into_iter().zip(["[DONE]", "message_stop", "finishReason"]) {
        assert!(world.ask(path, true, "x").await.text().contains(end));
        let reply = world.ask(path, true, "[[sim fault=no_done]]").await;
        assert!(!reply.cut && !reply.text().contains(end), "{path}");
    }
}

#[tokio::test]
async fn slow_headers_come_byte_by_byte() {
    let world = World::start().await;
    let began = Instant::now();
    let reply = world.ask(OPENAI, false, "[[sim fault=slow_headers gap_ms=1]]").await;
    assert_eq!(reply.status, 200);
    assert!(began.elapsed().as_millis() >= 80, "a head has more bytes than that");
    let mut socket = world.raw(OPENAI, false, "[[sim fault=slow_headers gap_ms=3600000]]").await;
    assert_eq!(socket.read(&mut [0; 64]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_big_event_is_one_event() {
    let world = World::start().await;
    for path in ALL {
        let reply = world.ask(path, true, "[[sim fault=big_event:5242880]]").await;
        let longest = reply.text().lines().map(str::len).max().unwrap();
        assert!(longest > 5 << 20 && longest < (5 << 20) + 1_000);
        assert_eq!(sim::tokenizer::count(&reply.said_in_events()), 24);
    }
}

#[tokio::test]
async fn delays_and_gaps_are_kept() {
    let world = World::start().await;
    let began = Instant::now();
    world.ask(GEMINI, true, "[[sim delay_ms=40 first_ms=40 gap_ms=10 chunks=5]]").await;
    assert!(began.elapsed().as_millis() >= 40 + 40 + 4 * 10);
    let response = world.raw(OPENAI, false, "[[sim first_ms=3600000]]").await;
    let mut head = Vec::new();
    let mut response = response;
    while !head.ends_with(b"\r\n\r\n") {
        assert!(response.read_buf(&mut head).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_fault_on_http2_leaves_the_other_requests_alone() {
    let world = World::start().await;
    let mut sender = world.http2().await;
    let request = |text: &str| {
        let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": text}]});
        Request::post(format!("http://sim{OPENAI}")).body(Full::<Bytes>::from(body.to_string())).unwrap()
    };
    assert!(sender.send_request(request("[[sim fault=connect_reset]]")).await.is_err());
    let cut = sender.send_request(request("[[sim fault=reset_after:2]]")).await.unwrap();
    assert!(cut.into_body().collect().await.is_err());
    let whole = sender.send_request(request("x")).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert!(whole.ends_with(b"data: [DONE]\n\n"));
}

#[tokio::test]
async fn defaults_reach_every_request_and_directives_win() {
    let world = World::start().await;
    let set = world.post("/sim/defaults", &json!({"output_tokens": 3, "fault": "status:500"})).await;
    assert_eq!(set.json(), json!({"output_tokens": 3, "fault": "status:500"}));
    assert_eq!(world.ask(OPENAI, false, "x").await.status, 500);
    assert_eq!(world.ask(OPENAI, false, "[[sim fault=none]]").await.json()["usage"]["completion_tokens"], 3);
    assert_eq!(world.post("/sim/defaults", &json!({"colour": 3})).await.status, 400);
    world.send(Method::DELETE, "/sim/defaults", &[], "").await.unwrap();
    assert_eq!(world.ask(OPENAI, false, "x").await.json()["usage"]["completion_tokens"], 24);
    assert_eq!(world.get("/sim/defaults").await.json(), json!({}));
}
