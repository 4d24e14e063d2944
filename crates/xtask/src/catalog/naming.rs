//! From the source's keys to our names: provider, region, upstream name, and the spelling of the model behind it.

use catalog::Catalog;

/// What a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Our provider id.
    pub provider: String,
    /// Region or deployment type.
    pub region: Option<String>,
    /// The provider's name for the model.
    pub upstream: String,
    /// The model's name without the provider's decoration.
    pub model: String,
}

/// Labels of the source that are parts of a provider of ours.
const PARTS: &[(&str, &str)] = &[
    ("bedrock_converse", "aws-bedrock"),
    ("azure_text", "azure"),
    ("text-completion-openai", "openai"),
    ("fireworks_ai-embedding-models", "fireworks"),
];
const REGIONS: &[&str] = &["us", "eu", "apac", "au", "jp", "in", "ca", "sa", "global", "us-gov", "global-standard"];
/// First words of keys that stand for one size or quality of an image model, not for a model.
const QUALITIES: &[&str] = &["hd", "standard", "low", "medium", "high", "auto"];
/// Names that are no models: price classes by size, tools.
const NOT_MODELS: &[&str] = &["together-ai-", "fireworks-ai-", "container", "guardrails", "ft:", "preset/"];
const CLOUDS: &[&str] = &["aws-bedrock", "aws-bedrock-mantle", "oci"];

/// Our provider for a label of the source.
pub fn provider(catalog: &Catalog, label: &str) -> Option<String> {
    if label.starts_with("vertex_ai-") {
        return Some("google-vertex".to_owned());
    }
    if let Some((_, id)) = PARTS.iter().find(|(part, _)| *part == label) {
        return Some((*id).to_owned());
    }
    catalog.provider(label).map(|provider| provider.id.to_string())
}

/// Takes a key apart.
///
/// # Errors
/// Why the row is no model of its own.
pub fn parse(catalog: &Catalog, provider_id: &str, key: &str) -> Result<Name, &'static str> {
    let mut segments: Vec<&str> = key.split('/').collect();
    if segments.len() > 1 && provider(catalog, &segments[0].replace("amazon-nova", "amazon_nova")).as_deref() == Some(provider_id) {
        segments.remove(0);
    }
    if segments.iter().any(|segment| segment.contains("-commitment") || *segment == "*") {
        return Err("price of reserved capacity");
    }
    let (last, before) = segments.split_last().ok_or("empty key")?;
    if before.iter().any(|segment| is_size(segment) || QUALITIES.contains(segment)) || is_size(last) {
        return Err("one size or quality of an image model");
    }
    let mut region = None;
    if matches!(provider_id, "aws-bedrock" | "aws-bedrock-mantle" | "azure" | "azure-ai-foundry" | "google-vertex") && segments.len() > 1 {
        let first = segments[0];
        if REGIONS.contains(&first) || is_aws_region(first) {
            region = Some(first.to_owned());
            segments.remove(0);
        } else if first == "invoke" {
            segments.remove(0);
        }
    }
    let upstream = segments.join("/");
    if NOT_MODELS.iter().any(|prefix| upstream.starts_with(prefix)) {
        return Err("not a model");
    }
    let mut bare = upstream.as_str();
    if let Some((first, rest)) = upstream.split_once('.').filter(|(first, _)| CLOUDS.contains(&provider_id) && REGIONS.contains(first)) {
        region = region.or_else(|| Some(first.to_owned()));
        bare = rest;
    }
    let model = model_name(catalog, provider_id, bare);
    if !model.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'/'))
        || !upstream.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    {
        return Err("a name with unusual characters");
    }
    Ok(Name { provider: provider_id.to_owned(), region, upstream, model })
}

/// `1024-x-1536`, `max-x-max`, `50-steps`.
fn is_size(segment: &str) -> bool {
    segment.ends_with("-steps")
        || segment.split_once("-x-").is_some_and(|(width, _)| width == "max" || width.bytes().all(|b| b.is_ascii_digit()))
}

/// `us-east-1`, `us-gov-west-1`.
fn is_aws_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let ends = parts.last().is_some_and(|last| last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit()));
    parts.len() >= 3 && ends && parts[0].len() == 2
}

fn model_name(catalog: &Catalog, provider: &str, upstream: &str) -> String {
    let mut segments = upstream.rsplit('/');
    let mut name = segments.next().unwrap_or(upstream).to_ascii_lowercase();
    if let Some(before) = segments.next().filter(|_| matches!(name.as_str(), "community" | "turbo" | "fast")) {
        name = format!("{}-{name}", before.to_ascii_lowercase());
    }
    if provider == "fal" {
        // Here the path is the name: `fal-ai/flux/dev`.
        name = upstream.trim_start_matches("fal-ai/").replace('/', "-").to_ascii_lowercase();
    }
    name = name.replace(' ', "-");
    if CLOUDS.contains(&provider) {
        name = without_version(&without_dotted_maker(catalog, &name));
    }
    name = match provider {
        "databricks" => name.trim_start_matches("system.ai.").trim_start_matches("databricks-").to_owned(),
        "azure-ai-foundry" => name.trim_start_matches("fw-").to_owned(),
        "fireworks" => dots_for_p(&name),
        _ => name,
    };
    for (prefix, next) in [
        ("meta-", "llama"),
        ("nvidia-", "nemotron"),
        ("snowflake-", "llama"),
        ("openai-", "gpt"),
        ("openai-", "o"),
        ("alibaba-", "qwen"),
        ("anthropic-", "claude"),
    ] {
        if let Some(rest) = name.strip_prefix(prefix).filter(|rest| rest.starts_with(next)) {
            name = rest.to_owned();
        }
    }
    if let Some((before, version)) = name.split_once('@') {
        name = if matches!(version, "default" | "latest") { before.to_owned() } else { format!("{before}-{version}") };
    }
    name = name.trim_end_matches("-maas").replace(':', "-").replace("llama-v", "llama-");
    name = claude_in_order(&name);
    let plain = !name.bytes().any(|b| b.is_ascii_digit() || b == b'-');
    if plain && owner(catalog, &name).is_none() { format!("{provider}-{name}") } else { name }
}

/// `anthropic.claude-…` → `claude-…`, `deepseek.v3.2` → `deepseek-v3.2`.
fn without_dotted_maker(catalog: &Catalog, name: &str) -> String {
    let Some((maker, rest)) = name.split_once('.').filter(|(maker, _)| catalog.maker(maker).is_some()) else {
        return name.to_owned();
    };
    let is_version = rest.strip_prefix(['v', 'r']).is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
    if is_version { format!("{maker}-{rest}") } else { rest.to_owned() }
}

/// Without the cloud's own version of the model: `…-20241022-v2:0`, `gpt-oss-120b-1:0`, `claude-opus-4-6-v1`.
fn without_version(name: &str) -> String {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (base, minor) = match name.rsplit_once(':').filter(|(_, minor)| digits(minor)) {
        Some((base, _)) => (base, true),
        None => (name, false),
    };
    let Some((before, version)) = base.rsplit_once('-') else {
        return base.to_owned();
    };
    let is_version = version.strip_prefix('v').is_some_and(|v| digits(v) && v != "0") || (minor && version == "1");
    let says_enough = before.bytes().any(|b| b.is_ascii_digit()) && (minor || before.starts_with("claude-"));
    if is_version && says_enough {
        before.to_owned()
    } else if minor && is_version {
        name.to_owned()
    } else {
        base.to_owned()
    }
}

/// `llama-v3p1-8b` → `llama-v3.1-8b`.
fn dots_for_p(name: &str) -> String {
    let bytes = name.as_bytes();
    let digit = |index: Option<usize>| index.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    let dotted = |(i, c): (usize, char)| if c == 'p' && digit(i.checked_sub(1)) && digit(i.checked_add(1)) { '.' } else { c };
    name.char_indices().map(dotted).collect()
}

/// `claude-4.5-haiku` → `claude-haiku-4.5`, as their maker writes them since version 4.
fn claude_in_order(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('-').collect();
    let is_late = |version: &str| matches!(version.as_bytes(), [b'4'..=b'9', ..]) && version.len() <= 3;
    if parts.len() >= 3 && parts[0] == "claude" && is_late(parts[1]) && matches!(parts[2], "opus" | "sonnet" | "haiku") {
        parts.swap(1, 2);
    }
    parts.join("-")
}

/// The maker whose prefix the name has; the longest wins.
pub fn owner(catalog: &Catalog, name: &str) -> Option<String> {
    let fits = catalog.makers().iter().flat_map(|maker| maker.prefixes.iter().map(move |prefix| (prefix.len(), prefix, maker)));
    fits.filter(|(_, prefix, _)| name.starts_with(&***prefix)).max_by_key(|(length, ..)| *length).map(|(_, _, maker)| maker.id.to_string())
}

/// What two spellings of one model have in common.
pub fn key(model: &str) -> String {
    let mut key = String::with_capacity(model.len() + 2);
    for c in model.chars() {
        let c = if matches!(c, '.' | '_' | ':' | '@' | ' ') { '-' } else { c };
        if c != '-' || !key.ends_with('-') {
            key.push(c);
        }
    }
    for (together, apart) in [("llama", "llama-"), ("phi", "phi-")] {
        if let Some(rest) = key.strip_prefix(together).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            key = format!("{apart}{rest}");
        }
    }
    if let Some(rest) = key.strip_prefix("qwen-").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        key = format!("qwen{rest}");
    }
    key
}

/// The spelling with dots in version numbers: `claude-opus-4-7` → `claude-opus-4.7`. Only between single digits, so that
/// dates stay as they are.
pub fn dotted(key: &str) -> String {
    let parts: Vec<&str> = key.split('-').collect();
    let single = |part: Option<&&str>| part.is_some_and(|part| part.len() == 1 && part.bytes().all(|b| b.is_ascii_digit()));
    let mut text = String::with_capacity(key.len());
    let mut joined = false;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            joined = !joined && single(parts.get(index - 1)) && single(Some(part));
            text.push(if joined { '.' } else { '-' });
        }
        text.push_str(part);
    }
    text
}

/// `claude-opus-4-5-20251101` → `claude-opus-4-5`.
pub fn undated(key: &str) -> Option<&str> {
    let (before, date) = key.rsplit_once('-')?;
    (key.starts_with("claude-") && date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit())).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::{Name, dotted, key, parse};
    use catalog::Catalog;

    #[test]
    fn keys_come_apart() {
        let catalog = Catalog::builtin().expect("the committed data");
        for (provider, source, region, upstream, model) in [
            ("openai", "gpt-4o", None, "gpt-4o", "gpt-4o"),
            ("azure", "azure/eu/gpt-4o", Some("eu"), "gpt-4o", "gpt-4o"),
            (
                "aws-bedrock",
                "us.anthropic.claude-opus-4-5-20251101-v1:0",
                Some("us"),
                "us.anthropic.claude-opus-4-5-20251101-v1:0",
                "claude-opus-4-5-20251101",
            ),
            (
                "aws-bedrock",
                "global.anthropic.claude-opus-4-6-v1",
                Some("global"),
                "global.anthropic.claude-opus-4-6-v1",
                "claude-opus-4-6",
            ),
            (
                "aws-bedrock",
                "bedrock/eu-west-1/meta.llama3-8b-instruct-v1:0",
                Some("eu-west-1"),
                "meta.llama3-8b-instruct-v1:0",
                "llama3-8b-instruct",
            ),
            ("aws-bedrock", "openai.gpt-oss-120b-1:0", None, "openai.gpt-oss-120b-1:0", "gpt-oss-120b"),
            ("aws-bedrock", "deepseek.v3.2", None, "deepseek.v3.2", "deepseek-v3.2"),
            ("aws-bedrock", "amazon.nova-pro-v1:0", None, "amazon.nova-pro-v1:0", "nova-pro-v1-0"),
            ("google-vertex", "vertex_ai/claude-opus-4-5@20251101", None, "claude-opus-4-5@20251101", "claude-opus-4-5-20251101"),
            (
                "fireworks",
                "fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct",
                None,
                "accounts/fireworks/models/llama-v3p1-8b-instruct",
                "llama-3.1-8b-instruct",
            ),
            ("replicate", "replicate/anthropic/claude-4.5-haiku", None, "anthropic/claude-4.5-haiku", "claude-haiku-4.5"),
            ("databricks", "databricks/databricks-claude-opus-4-7", None, "databricks-claude-opus-4-7", "claude-opus-4-7"),
            (
                "together",
                "together_ai/meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",
                None,
                "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",
                "llama-3.1-8b-instruct-turbo",
            ),
        ] {
            let expected =
                Name { provider: provider.into(), region: region.map(Into::into), upstream: upstream.into(), model: model.into() };
            assert_eq!(parse(&catalog, provider, source), Ok(expected), "{source}");
        }
        for (provider, source) in [
            ("openai", "high/1024-x-1024/gpt-image-1"),
            ("aws-bedrock", "bedrock/us-east-1/1-month-commitment/anthropic.claude-v1"),
            ("openai", "ft:gpt-4o"),
        ] {
            assert!(parse(&catalog, provider, source).is_err(), "{source}");
        }
    }

    #[test]
    fn spellings_meet() {
        for (a, b) in [("claude-opus-4.7", "claude-opus-4-7"), ("llama3-1-8b", "llama-3.1-8b"), ("qwen-3-32b", "qwen3-32b")] {
            assert_eq!(key(a), key(b));
        }
        assert_eq!(dotted("claude-opus-4-7"), "claude-opus-4.7");
        assert_eq!(dotted("claude-opus-4-5-20251101"), "claude-opus-4.5-20251101");
        assert_eq!(dotted("gpt-4o-2024-11-20"), "gpt-4o-2024-11-20");
    }
}
