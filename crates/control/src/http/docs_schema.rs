//! Schemas of the OpenAPI document as HTML, and the escaping that all of the page needs.

use serde_json::Value;

/// A text of the document; empty when it is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A text that cannot become markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A text in which backticks mean code.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut code = false;
    for (at, part) in text.split('`').enumerate() {
        if at > 0 {
            code = !code;
            out.push_str(if code { "<code>" } else { "</code>" });
        }
        out.push_str(&escaped(part));
    }
    if code {
        out.push_str("</code>");
    }
    out
}

/// What a value may be, in a few words: `string or null`, `array of CallOut`, `"hour" | "day"`.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = text(&schema["$ref"]).rsplit('/').next().filter(|name| !name.is_empty()) {
        let name = escaped(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| format!("<code>{}</code>", escaped(text(word)))).collect();
        return words.join(" ");
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[several].as_array() {
            let parts: Vec<String> = parts.iter().map(kind).collect();
            return parts.join(if several == "allOf" { " and " } else { " or " });
        }
    }
    match &schema["type"] {
        Value::String(one) => one_kind(one, schema),
        Value::Array(several) => several.iter().map(|one| one_kind(text(one), schema)).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

fn one_kind(name: &str, schema: &Value) -> String {
    let bound = |key: &str| schema[key].as_i64();
    match (name, bound("minimum"), bound("maximum")) {
        ("array", _, _) => format!("array of {}", kind(&schema["items"])),
        ("integer", Some(least), Some(most)) => format!("integer, {least} to {most}"),
        (name, _, _) => escaped(name),
    }
}

/// A schema's description and properties.
pub(super) fn write(out: &mut String, schema: &Value) {
    let about = text(&schema["description"]);
    if !about.is_empty() {
        out.push_str(&format!("<p>{}</p>", prose(about)));
    }
    out.push_str("<table>");
    properties(out, schema);
    out.push_str("</table>");
}

fn properties(out: &mut String, schema: &Value) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if part["$ref"].is_string() {
            out.push_str(&format!("<tr><td class=\"soft\">all of</td><td>{}</td><td></td></tr>", kind(part)));
        } else {
            properties(out, part);
        }
    }
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let need = if required.iter().any(|its| its == name) { " <span class=\"need\">required</span>" } else { "" };
        let about = prose(text(&property["description"]));
        out.push_str(&format!("<tr><td><code>{}</code>{need}</td><td>{}</td><td>{about}</td></tr>", escaped(name), kind(property)));
    }
}
