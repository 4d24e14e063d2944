//! JSON Schema as the providers take it.

use serde_json::{Map, Value, json};

/// Keywords that Anthropic's structured output takes as they are. Source: the schema transformation in the official
/// SDK.
const KEPT: &[&str] = &["$ref", "type", "enum", "const", "description", "title", "required", "default"];

/// String formats that it takes.
const FORMATS: &[&str] = &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// A schema for Anthropic's structured output: objects are closed, `oneOf` becomes `anyOf`, and what cannot be
/// enforced is said in the description instead. The input came through a JSON reader, so its depth is bounded.
pub(crate) fn anthropic_output(schema: &Value) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    let mut out = Map::new();
    let mut notes = Vec::new();
    for (key, value) in map {
        match (key.as_str(), value) {
            ("$defs" | "definitions" | "properties", Value::Object(inner)) => {
                let inner: Map<String, Value> = inner.iter().map(|(name, schema)| (name.clone(), anthropic_output(schema))).collect();
                out.insert(key.clone(), Value::Object(inner));
            }
            ("anyOf" | "oneOf", Value::Array(list)) => {
                out.insert("anyOf".to_owned(), list.iter().map(anthropic_output).collect());
            }
            ("allOf", Value::Array(list)) => {
                out.insert(key.clone(), list.iter().map(anthropic_output).collect());
            }
            ("items", Value::Object(_)) => {
                out.insert(key.clone(), anthropic_output(value));
            }
            ("format", Value::String(format)) if FORMATS.contains(&format.as_str()) => {
                out.insert(key.clone(), value.clone());
            }
            ("minItems", value) if matches!(value.as_u64(), Some(0 | 1)) => {
                out.insert(key.clone(), value.clone());
            }
            ("additionalProperties" | "$schema" | "$id", _) => {}
            (known, value) if KEPT.contains(&known) => {
                out.insert(key.clone(), value.clone());
            }
            (other, value) => notes.push(format!("{other}: {value}")),
        }
    }
    if out.get("type").and_then(Value::as_str) == Some("object") || out.contains_key("properties") {
        out.insert("additionalProperties".to_owned(), json!(false));
    }
    if !notes.is_empty() {
        let before = out.get("description").and_then(Value::as_str).map(|text| format!("{text}\n\n")).unwrap_or_default();
        out.insert("description".to_owned(), json!(format!("{before}{{{}}}", notes.join(", "))));
    }
    Value::Object(out)
}

/// Gemini's older schema (OpenAPI 3.0 with upper-case types) → JSON Schema.
pub(crate) fn from_gemini(schema: Value) -> Value {
    let Value::Object(map) = schema else { return schema };
    let nullable = map.get("nullable").and_then(Value::as_bool) == Some(true);
    let mut out = Map::new();
    for (key, value) in map {
        let value = match (key.as_str(), value) {
            ("type", Value::String(kind)) if nullable => json!([kind.to_ascii_lowercase(), "null"]),
            ("type", Value::String(kind)) => json!(kind.to_ascii_lowercase()),
            ("properties" | "defs", Value::Object(inner)) => {
                Value::Object(inner.into_iter().map(|(name, schema)| (name, from_gemini(schema))).collect())
            }
            ("items", value @ Value::Object(_)) => from_gemini(value),
            ("anyOf", Value::Array(list)) => list.into_iter().map(from_gemini).collect(),
            ("nullable" | "propertyOrdering" | "example", _) => continue,
            // Counts are written as strings there.
            (count, Value::String(text)) if count.starts_with("min") || count.starts_with("max") => {
                text.parse::<u64>().map_or(Value::String(text), Value::from)
            }
            (_, value) => value,
        };
        out.insert(key, value);
    }
    Value::Object(out)
}

/// The schema of a function's arguments: an object, even if the caller said nothing.
pub(crate) fn arguments(parameters: Option<&Value>) -> Value {
    let mut map = parameters.and_then(Value::as_object).cloned().unwrap_or_default();
    map.shift_remove("$schema");
    if !map.contains_key("type") {
        map.shift_insert(0, "type".to_owned(), json!("object"));
    }
    if map.get("type").and_then(Value::as_str) == Some("object") && !map.contains_key("properties") {
        map.insert("properties".to_owned(), json!({}));
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_enforced_is_said() {
        let schema = json!({"type": "object", "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "A count"},
            "u": {"oneOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
        }, "required": ["n"], "additionalProperties": true});
        assert_eq!(
            anthropic_output(&schema),
            json!({"type": "object", "properties": {
                "n": {"type": "integer", "description": "A count\n\n{minimum: 1}"},
                "u": {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
            }, "required": ["n"], "additionalProperties": false})
        );
    }

    #[test]
    fn no_parameters_are_an_empty_object() {
        assert_eq!(arguments(None), json!({"type": "object", "properties": {}}));
    }
}
