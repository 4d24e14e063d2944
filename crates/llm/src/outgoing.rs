//! The last steps of every request's writer: quirks, strictness, bytes.

use domain::{Code, Fault, Quirks};
use serde_json::{Map, Number, Value};

use crate::chat::ChatCall;
use crate::dialect::{Dialect, Outgoing, Target};
use crate::restore::Restore;

/// Parameters that the target cannot express, each once.
#[derive(Debug, Default)]
pub(crate) struct Dropped(Vec<String>);

impl Dropped {
    /// Names one.
    pub(crate) fn add(&mut self, name: impl Into<String>) {
        let name = name.into();
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    /// Names one if the caller sent it.
    pub(crate) fn add_if(&mut self, sent: bool, name: &str) {
        if sent {
            self.add(name);
        }
    }
}

/// Puts the caller's unknown fields into the body: all of them toward their own dialect, else those that the target
/// knows by that name; the others are dropped.
pub(crate) fn put_rest(call: &ChatCall, target: Dialect, known: &[&str], body: &mut Map<String, Value>, dropped: &mut Dropped) {
    for (name, value) in &call.rest {
        if call.from == target || known.contains(&name.as_str()) {
            body.entry(name.as_str()).or_insert_with(|| value.clone());
        } else {
            dropped.add(name.as_str());
        }
    }
}

/// The smaller of the caller's cap and the funds' cap.
pub(crate) fn output_cap(call: &ChatCall, target: &Target<'_>) -> Option<u64> {
    match (call.max_output, target.output_cap) {
        (Some(asked), Some(cap)) => Some(asked.min(cap)),
        (asked, cap) => asked.or(cap),
    }
}

/// Applies the quirks, refuses in strict mode, and writes the bytes.
pub(crate) fn seal(
    target: &Target<'_>,
    path: String,
    headers: Vec<(&'static str, String)>,
    mut body: Map<String, Value>,
    (mut dropped, restore): (Dropped, Restore),
) -> Result<Outgoing, Fault> {
    apply(target.quirks, &mut body, &mut dropped);
    if let Some(first) = dropped.0.first().filter(|_| target.strict) {
        let say = format!("`{first}` cannot be expressed for this model; leave it out, or send `x-llmg-strict: false` to have it dropped");
        return Err(Fault::new(Code::UnsupportedParameter, say).param(first.as_str()));
    }
    let body = serde_json::to_vec(&body).map_err(|error| Fault::internal("write a request", error))?;
    Ok(Outgoing { path, body, headers, dropped: dropped.0, restore })
}

/// Rename, drop, clamp, require: in this order, on top-level fields.
fn apply(quirks: &Quirks, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    for (from, to) in &quirks.rename {
        if let Some(value) = body.shift_remove(from) {
            body.insert(to.clone(), value);
        }
    }
    for name in &quirks.drop {
        if body.shift_remove(name).is_some() {
            dropped.add(name.as_str());
        }
    }
    for (name, (low, high)) in &quirks.clamp_milli {
        if let Some(number) = body.get(name).and_then(|value| clamped(value, *low, *high)) {
            body.insert(name.clone(), Value::Number(number));
        }
    }
    for (name, text) in &quirks.require {
        if !body.contains_key(name)
            && let Ok(value) = serde_json::from_str(text)
        {
            body.insert(name.clone(), value);
        }
    }
}

/// The nearest allowed number, if the value is outside; bounds are in thousandths.
fn clamped(value: &Value, low: i64, high: i64) -> Option<Number> {
    let asked = value.as_f64()? * 1000.0;
    let bound = if asked < as_f64(low) {
        low
    } else if asked > as_f64(high) {
        high
    } else {
        return None;
    };
    if bound % 1000 == 0 { Some(Number::from(bound / 1000)) } else { Number::from_f64(as_f64(bound) / 1000.0) }
}

/// Bounds are small numbers of thousandths, which an `f64` holds exactly.
fn as_f64(thousandths: i64) -> f64 {
    i32::try_from(thousandths).map_or(if thousandths < 0 { f64::MIN } else { f64::MAX }, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirks_apply_in_order() {
        let quirks: Quirks = serde_json::from_str(
            r#"{"rename":{"seed":"random_seed"},"drop":["user"],"clamp_milli":{"temperature":[10,1000]},"require":{"safe":"true"}}"#,
        )
        .unwrap();
        let Value::Object(mut body) = serde_json::json!({"seed": 1, "user": "u", "temperature": 1.7}) else { unreachable!() };
        let mut dropped = Dropped::default();
        apply(&quirks, &mut body, &mut dropped);
        assert_eq!(Value::Object(body), serde_json::json!({"temperature": 1, "random_seed": 1, "safe": true}));
        assert_eq!(dropped.0, ["user"]);
    }
}
