//! The journal and the server's limits.

#[cfg(test)]
mod world;

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use sim::{End, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use world::{ANTHROPIC, OPENAI, World};

#[tokio::test]
async fn a_request_is_recorded_before_it_is_answered() {
    let world = World::start().await;
    let _socket = world.raw(OPENAI, false, "a b [[sim delay_ms=3600000]]").await;
    let summary = world.sim.until(|sum| sum.requests == 1).await;
    assert_eq!((summary.open, summary.output_tokens), (1, 0));
    let entry = world.last();
    assert_eq!((entry.status, entry.end, entry.ended_ms, entry.input_tokens), (0, End::Open, None, 4));
}

#[tokio::test]
async fn the_pages_print_it() {
    let world = World::start().await;
    let body = json!({"model": "m-1", "messages": [{"role": "user", "content": "a b c"}]}).to_string();
    for id in ["req_1/1", "req_1/2", "req_2/1"] {
        let headers = [("x-client-request-id", id), ("authorization", "Bearer sk-secret-9876")];
        world.send(Method::POST, OPENAI, &headers, &body).await.unwrap();
    }
    world.sim.until(|sum| sum.completed == 3).await;
    let lines = |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let all = world.get("/sim/journal").await;
    assert!(!all.text().contains("secret"));
    let all = lines(all.text());
    assert_eq!(all.iter().map(|entry| entry["order"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    let first = &all[0];
    assert_eq!((&first["client_request_id"], &first["dialect"], &first["model"]), (&json!("req_1/1"), &json!("openai"), &json!("m-1")));
    assert_eq!((&first["key_last4"], &first["end"], &first["output_tokens"]), (&json!("9876"), &json!("completed"), &json!(24)));
    assert_eq!(lines(world.get("/sim/journal?client_request_id=req_1/").await.text()).len(), 2);
    let summary = world.get("/sim/journal?summary=1").await.json();
    assert_eq!((&summary["requests"], &summary["input_tokens"], &summary["output_tokens"]), (&json!(3), &json!(9), &json!(72)));

    world.send(Method::DELETE, "/sim/journal", &[], "").await.unwrap();
    assert_eq!(world.get("/sim/journal").await.text(), "");
    world.ask(ANTHROPIC, false, "x").await;
    assert_eq!(world.sim.journal()[0].order, 4);
}

#[tokio::test]
async fn counts_the_bytes_that_the_client_gets() {
    let world = World::start().await;
    for (stream, text) in [(false, "x"), (true, "[[sim chunks=3]]"), (true, "[[sim split=7]]")] {
        let reply = world.ask(OPENAI, stream, text).await;
        assert_eq!(world.last().bytes_sent, reply.body.len() as u64);
    }
}

#[tokio::test]
async fn the_oldest_entries_are_dropped_and_counted() {
    let world = World::with(Options { journal_entries_max: 2, ..Options::default() }).await;
    for _ in 0..5 {
        world.ask(OPENAI, false, "x").await;
    }
    let orders: Vec<u64> = world.sim.journal().iter().map(|entry| entry.order).collect();
    assert_eq!((orders, world.sim.summary().dropped), (vec![4, 5], 3));
}

#[tokio::test]
async fn keeps_requests_only_if_told_to() {
    let world = World::with(Options { kept_requests_max: 1, ..Options::default() }).await;
    for body in ["{\"model\": \"m\",\n \"messages\": []}", "not json"] {
        world.send(Method::POST, OPENAI, &[("authorization", "Bearer sk-secret"), ("x-extra", "1")], body).await.unwrap();
        let kept = world.sim.kept();
        assert_eq!(kept.len(), 1);
        assert!(kept[0].headers.contains(&("x-extra".to_owned(), "1".to_owned())));
        let page = world.get("/sim/requests").await;
        assert!(!page.text().contains("secret"));
        assert_eq!(page.text().lines().count(), 1);
    }
    assert_eq!(world.sim.kept()[0].body.get(), "\"not json\"");

    let world = World::start().await;
    world.ask(OPENAI, false, "x").await;
    assert!(world.sim.kept().is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let world = World::start().await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    let head = format!("POST {ANTHROPIC} HTTP/1.1\r\nhost: sim\r\ncontent-length: {}\r\n\r\n", (32 << 20) + 1);
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 413") && text.contains("request_too_large"), "{text}");

    let world = World::with(Options { body_bytes_max: 100, ..Options::default() }).await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    let head = format!("POST {OPENAI} HTTP/1.1\r\nhost: sim\r\ntransfer-encoding: chunked\r\n\r\nc8\r\n{}\r\n", "x".repeat(200));
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    socket.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
}

#[tokio::test]
async fn serves_many_connections_at_once() {
    let world = Arc::new(World::start().await);
    let mut sockets = Vec::new();
    for _ in 0..300 {
        sockets.push(world.raw(OPENAI, true, "[[sim fault=stall_after:1]]").await);
    }
    world.sim.until(|sum| sum.open == 300 && sum.output_tokens == 300).await;
    assert_eq!(world.ask(OPENAI, false, "x").await.status, 200);
    drop(sockets);
    world.sim.until(|sum| sum.cancelled == 300).await;
}

#[tokio::test]
async fn a_shutdown_lets_answers_end_and_stops_the_rest() {
    let mut world = World::with(Options { drain_ms: 50, ..Options::default() }).await;
    let _socket = world.raw(OPENAI, true, "[[sim fault=stall_after:2]]").await;
    world.sim.until(|sum| sum.output_tokens == 2).await;
    world.stop().await;
    let summary = world.sim.summary();
    assert_eq!((summary.stopped, summary.open, summary.cancelled), (1, 0, 0));
}

#[tokio::test]
async fn its_pages_can_be_switched_off() {
    let world = World::with(Options { control: false, ..Options::default() }).await;
    assert_eq!(world.get("/sim/journal").await.status, 404);
    assert_eq!(world.get("/healthz").await.status, 200);
}
