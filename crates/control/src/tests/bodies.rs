//! Bodies, by the schemas of the document: a field that is not in them is refused by name, in every body of every route.

use axum::http::Method;
use serde_json::{Value, json};

use crate::tests::browser::Browser;
use crate::tests::world::World;

/// Fields that a program might hope to set.
const EXTRA: &[&str] = &["zzz", "organization_id_", "is_operator_", "created_by_", "status_", "__proto__"];

/// A value of a schema, with nothing in it that is not needed.
fn least(document: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return least(document, &document["components"]["schemas"][name.rsplit('/').next().unwrap()]);
    }
    if let Some(first) = schema["oneOf"].get(0).or_else(|| schema["anyOf"].get(0)) {
        return least(document, first);
    }
    if let Some(word) = schema["enum"].get(0) {
        return word.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match kind {
        "string" => schema.get("example").filter(|example| example.is_string()).cloned().unwrap_or_else(|| json!("x")),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(true),
        "array" => json!([]),
        _ => {
            let needed = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
            needed.map(|name| (name.to_owned(), least(document, &schema["properties"][name]))).collect()
        }
    }
}

#[tokio::test]
async fn no_body_takes_a_field_that_its_schema_lacks() {
    let world = World::deserted(|_| {}).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    let document = serde_json::to_value(crate::http::document()).unwrap();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if schema.is_null() {
                continue;
            }
            for extra in EXTRA {
                let mut body = least(&document, schema);
                assert!(body[extra].is_null());
                body[extra] = json!("mine");
                let verb: Method = method.to_uppercase().parse().unwrap();
                let reply = ada.send(&world, verb, &path.replace("{id}", &format!("key_{:032x}", 1)), Some(body)).await;
                let status = reply.status.as_u16();
                // An id of another kind is looked at before the body.
                assert!(status == 400 || (status == 404 && path.contains('{')), "{method} {path} with `{extra}`: {status} {}", reply.text);
                if status == 400 {
                    assert!(reply.body["param"].as_str().is_some(), "{method} {path} names no field: {}", reply.text);
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "{tried}");
}

#[tokio::test]
async fn requests_are_limited_per_caller_and_the_headers_say_so() {
    let world = World::deserted(|settings| settings.requests_per_minute = 3).await;
    let mut ada = Browser::default();
    ada.sign_up(&world, "ada@example.com").await;
    for left in ["2", "1", "0"] {
        let reply = ada.get(&world, "/api/v1/projects").await;
        assert_eq!(
            (&reply.headers["ratelimit-limit"], &reply.headers["ratelimit-remaining"]),
            (&"3".parse().unwrap(), &left.parse().unwrap())
        );
        reply.ok(200);
    }
    let reply = ada.get(&world, "/api/v1/projects").await;
    reply.refused(429, "rate_limit_exceeded");
    let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    // Somebody without a session has their own count, of their address.
    ada.cookie = None;
    ada.get(&world, "/api/v1/projects").await.refused(401, "missing_api_key");
}
