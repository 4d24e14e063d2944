//! A value that fits a simple JSON Schema: arguments of tool calls and structured answers.

use serde_json::{Map, Number, Value, json};

/// Limit: schema nodes visited for one value, so that a schema that refers to itself twice per level ends.
const NODES_MAX: u32 = 10_000;

/// From this depth on, only required members are made.
const DEPTH_LEAN: u32 = 6;

/// Limit: depth of the value.
const DEPTH_MAX: u32 = 32;

/// Limit: elements or characters made to satisfy a minimum.
const FILL_MAX: u64 = 1_000;

/// A value for `schema`, whose free strings are `word`. The same schema and word always give the same value.
pub(crate) fn example(schema: &Value, word: &str) -> Value {
    Maker { root: schema, word, nodes: 0 }.value(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
    word: &'a str,
    nodes: u32,
}

impl Maker<'_> {
    fn value(&mut self, schema: &Value, depth: u32) -> Value {
        self.nodes += 1;
        if self.nodes > NODES_MAX || depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(target) = schema["$ref"].as_str().and_then(|path| self.root.pointer(path.strip_prefix('#')?)) {
            let target = target.clone();
            return self.value(&target, depth + 1);
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
            return first.clone();
        }
        for key in ["anyOf", "oneOf", "any_of"] {
            if let Some(one) = schema[key].as_array().and_then(|all| all.iter().find(|one| kind(one) != "null").or(all.first())) {
                return self.value(one, depth + 1);
            }
        }
        match kind(schema).as_str() {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => Value::String(self.string(schema)),
            "integer" => Value::Number(integer(schema)),
            "number" => decimal(schema),
            "boolean" => Value::Bool(true),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &Value, depth: u32) -> Value {
        let mut members = Map::new();
        for part in std::iter::once(schema).chain(schema["allOf"].as_array().into_iter().flatten()) {
            let part = match part["$ref"].as_str().and_then(|path| self.root.pointer(path.strip_prefix('#')?)) {
                Some(target) => target.clone(),
                None => part.clone(),
            };
            let required = |name: &str| part["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
            for (name, member) in part["properties"].as_object().into_iter().flatten() {
                if depth < DEPTH_LEAN || required(name) {
                    members.insert(name.clone(), self.value(member, depth + 1));
                }
            }
        }
        Value::Object(members)
    }

    fn array(&mut self, schema: &Value, depth: u32) -> Value {
        if let Some(each) = schema["prefixItems"].as_array() {
            return each.iter().map(|item| self.value(item, depth + 1)).collect();
        }
        let most = schema["maxItems"].as_u64().unwrap_or(FILL_MAX);
        let least = schema["minItems"].as_u64().unwrap_or(u64::from(depth < DEPTH_LEAN));
        (0..least.min(most).min(FILL_MAX)).map(|_| self.value(&schema["items"], depth + 1)).collect()
    }

    fn string(&self, schema: &Value) -> String {
        let mut text = match schema["format"].as_str() {
            Some("date") => "2025-01-01".to_owned(),
            Some("time") => "12:00:00Z".to_owned(),
            Some("date-time") => "2025-01-01T12:00:00Z".to_owned(),
            Some("email") => "simulated@example.com".to_owned(),
            Some("uri" | "url") => "https://example.com/simulated".to_owned(),
            Some("uuid") => "00000000-0000-4000-8000-000000000000".to_owned(),
            _ => self.word.to_owned(),
        };
        let chars = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let least = schema["minLength"].as_u64().unwrap_or(0).min(FILL_MAX);
        text.extend((chars..least).map(|_| 'x'));
        if let Some(most) = schema["maxLength"].as_u64() {
            text = text.chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        }
        text
    }
}

/// The schema's type in lower case; a list's first that is not `null`; guessed from its other members if absent.
fn kind(schema: &Value) -> String {
    let named = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|one| *one != "null").or(Some("null")),
        one => one.as_str(),
    };
    match named {
        Some(name) => name.to_ascii_lowercase(),
        None if schema.get("properties").is_some() || schema.get("allOf").is_some() => "object".to_owned(),
        None if schema.get("items").is_some() => "array".to_owned(),
        None => "string".to_owned(),
    }
}

fn integer(schema: &Value) -> Number {
    let least = schema["minimum"].as_i64().or_else(|| schema["exclusiveMinimum"].as_i64().map(|min| min.saturating_add(1)));
    let most = schema["maximum"].as_i64().or_else(|| schema["exclusiveMaximum"].as_i64().map(|max| max.saturating_sub(1)));
    let number = 1.max(least.unwrap_or(i64::MIN)).min(most.unwrap_or(i64::MAX));
    Number::from(number)
}

fn decimal(schema: &Value) -> Value {
    let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
    let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
    json!(1.5_f64.max(least).min(most))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::example;

    #[test]
    fn makes_values_that_fit() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"enum": ["c", "f"]},
                "days": {"type": ["null", "integer"], "minimum": 3},
                "hot": {"type": "BOOLEAN"},
                "near": {"type": "array", "items": {"$ref": "#/$defs/place"}, "minItems": 2},
                "code": {"type": "string", "minLength": 6, "maxLength": 6},
                "either": {"anyOf": [{"type": "null"}, {"type": "number", "maximum": 1}]}
            },
            "$defs": {"place": {"type": "object", "properties": {"name": {"type": "string"}}}}
        });
        let value = example(&schema, "word");
        let expected = json!({
            "city": "word", "unit": "c", "days": 3, "hot": true,
            "near": [{"name": "word"}, {"name": "word"}], "code": "wordxx", "either": 1.0
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"$ref": "#/$defs/t", "$defs": {"t": {"type": "object", "properties": {
            "a": {"$ref": "#/$defs/t"}, "b": {"$ref": "#/$defs/t"}}}}});
        assert!(example(&schema, "w").is_object());
        assert_eq!(example(&json!({"$ref": "#"}), "w"), json!(null));
    }
}
