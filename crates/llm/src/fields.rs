//! Reading a request field by field, so that a fault can name the field and say what would be right.
//!
//! Fields are taken out as they are read; what is left at the end is what we do not know.

use std::fmt;

use domain::{Code, Fault};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Where a value stands, as a chain up to the root; rendered only when something is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'a> {
    /// The body itself.
    Root,
    /// A field of an object.
    Key(&'a Path<'a>, &'a str),
    /// An element of a list.
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Path::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Path<'_> {
    /// A fault about this place.
    pub(crate) fn wrong(&self, what: impl fmt::Display) -> Fault {
        let place = self.to_string();
        if place.is_empty() {
            return Fault::new(Code::InvalidRequest, format!("the request body {what}"));
        }
        Fault::new(Code::InvalidRequest, format!("`{place}` {what}")).param(place)
    }

    fn expected(&self, expected: &str, got: &Value) -> Fault {
        self.wrong(format_args!("must be {expected}, but is {}", kind_of(got)))
    }
}

/// An object whose fields are taken out one by one.
#[derive(Debug)]
pub(crate) struct Fields<'p> {
    map: Map<String, Value>,
    path: Path<'p>,
}

impl<'p> Fields<'p> {
    /// The whole body: broken JSON is `InvalidJson`, anything but an object is `InvalidRequest`.
    pub(crate) fn body(bytes: &[u8]) -> Result<Fields<'static>, Fault> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| Fault::new(Code::InvalidJson, format!("the request body is not valid JSON: {error}")))?;
        Fields::of(value, Path::Root)
    }

    /// An object at a place.
    pub(crate) fn of(value: Value, path: Path<'p>) -> Result<Fields<'p>, Fault> {
        match value {
            Value::Object(map) => Ok(Fields { map, path }),
            other => Err(path.expected("an object", &other)),
        }
    }

    /// The place of a field.
    pub(crate) fn at<'k>(&'k self, key: &'k str) -> Path<'k> {
        Path::Key(&self.path, key)
    }

    /// The place of this object.
    pub(crate) fn path(&self) -> &Path<'p> {
        &self.path
    }

    /// The field as it is; `null` counts as absent.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.shift_remove(key).filter(|value| !value.is_null())
    }

    /// A look without taking.
    pub(crate) fn peek(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A string, if there.
    pub(crate) fn string(&mut self, key: &str) -> Result<Option<String>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.at(key).expected("a string", &other)),
        }
    }

    /// A string that must be there.
    pub(crate) fn need_string(&mut self, key: &str) -> Result<String, Fault> {
        let found = self.string(key)?;
        found.ok_or_else(|| self.at(key).wrong("is missing; it must be a string"))
    }

    /// A boolean, if there.
    pub(crate) fn boolean(&mut self, key: &str) -> Result<Option<bool>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(yes)) => Ok(Some(yes)),
            Some(other) => Err(self.at(key).expected("true or false", &other)),
        }
    }

    /// A whole number from 0, if there. `1.0` counts.
    pub(crate) fn whole(&mut self, key: &str) -> Result<Option<u64>, Fault> {
        let Some(value) = self.take(key) else { return Ok(None) };
        whole_number(&value).map(Some).ok_or_else(|| self.at(key).expected("a whole number from 0", &value))
    }

    /// A number, if there, in the caller's spelling.
    pub(crate) fn number(&mut self, key: &str) -> Result<Option<Number>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(other) => Err(self.at(key).expected("a number", &other)),
        }
    }

    /// A list, if there.
    pub(crate) fn list(&mut self, key: &str) -> Result<Option<Vec<Value>>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(self.at(key).expected("a list", &other)),
        }
    }

    /// A list that must be there.
    pub(crate) fn need_list(&mut self, key: &str) -> Result<Vec<Value>, Fault> {
        let found = self.list(key)?;
        found.ok_or_else(|| self.at(key).wrong("is missing; it must be a list"))
    }

    /// An object, if there.
    pub(crate) fn object(&mut self, key: &str) -> Result<Option<Map<String, Value>>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(self.at(key).expected("an object", &other)),
        }
    }

    /// An object that must be there, as a value.
    pub(crate) fn need_object(&mut self, key: &str) -> Result<Value, Fault> {
        let found = self.object(key)?;
        found.map(Value::Object).ok_or_else(|| self.at(key).wrong("is missing; it must be an object"))
    }

    /// A list of strings, if there; one string counts as a list of one.
    pub(crate) fn strings(&mut self, key: &str) -> Result<Vec<String>, Fault> {
        let list = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Value::String(text)) => return Ok(vec![text]),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(self.at(key).expected("a string or a list of strings", &other)),
        };
        let place = self.at(key);
        list.into_iter()
            .enumerate()
            .map(|(index, value)| match value {
                Value::String(text) => Ok(text),
                other => Err(Path::Index(&place, index).expected("a string", &other)),
            })
            .collect()
    }

    /// What nobody took so far.
    pub(crate) fn left(&mut self) -> &mut Map<String, Value> {
        &mut self.map
    }

    /// What nobody took.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.map
    }
}

/// A whole number from 0; `1.0` counts as 1.
pub(crate) fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let text = value.as_f64()?.to_string();
        text.parse().ok()
    })
}

/// Reads a count where it lies, without making a tree of it.
struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = Option<u64>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count")
    }
    fn visit_u64<E>(self, count: u64) -> Result<Option<u64>, E> {
        Ok(Some(count))
    }
    fn visit_i64<E>(self, count: i64) -> Result<Option<u64>, E> {
        Ok(u64::try_from(count).ok())
    }
    fn visit_f64<E>(self, count: f64) -> Result<Option<u64>, E> {
        Ok(count.to_string().parse().ok())
    }
    fn visit_bool<E>(self, _: bool) -> Result<Option<u64>, E> {
        Ok(None)
    }
    fn visit_str<E>(self, _: &str) -> Result<Option<u64>, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Option<u64>, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<u64>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<u64>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// A count that a provider reports: anything but a whole number counts as 0, so that no answer is lost over it.
pub(crate) fn count<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(maybe_count(from)?.unwrap_or(0))
}

/// The same where absence matters.
pub(crate) fn maybe_count<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    from.deserialize_any(Count)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number of another kind",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_the_place() {
        let root = Path::Root;
        let messages = Path::Key(&root, "messages");
        let second = Path::Index(&messages, 2);
        assert_eq!(Path::Key(&second, "content").to_string(), "messages[2].content");
    }

    #[test]
    fn whole_numbers_may_be_spelled_as_floats() {
        for (text, expected) in [("3", Some(3)), ("3.0", Some(3)), ("3.5", None), ("-1", None), ("\"3\"", None)] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(whole_number(&value), expected, "{text}");
        }
    }
}
