//! Local files: what they change, and what is said of those that cannot be used.

use std::sync::{Arc, LazyLock};

use domain::{PicoUsdPerUnit, UnixMicros};

use crate::{AuthScheme, Capability, Catalog, Dialect};

static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().expect("the committed data"));

const LOCAL: &str = r#"
[[providers]]
id = "my-vllm"
aliases = ["house"]
dialect = "openai_chat"
base_url = "http://vllm.internal:8000/v1/"
auth = "none"
[providers.quirks]
max_tokens_name = "max_tokens"

[[providers]]
id = "openai"
base_url = "https://proxy.example/v1"

[[models]]
id = "my-llama"
provider = "house"
upstream = "meta-llama/Llama-3.3-70B-Instruct"
aliases = ["ours"]
context_window = 131072
max_output = 8192
[models.price]
input = "0.25"
output = 1000000
search = "0.01"
tiers = [{ above_input_tokens = 65536, input = "0.5" }]

[[models]]
id = "gpt-4o"
provider = "my-vllm"
upstream = "gpt-4o-mirror"
"#;

#[test]
fn a_local_file_adds_and_changes() {
    let catalog = BUILTIN.with_overrides(LOCAL).expect("a good file");
    let provider = catalog.provider("house").expect("the new provider");
    assert_eq!(
        (provider.dialect, provider.auth, provider.base_url.as_deref()),
        (Dialect::OpenaiChat, AuthScheme::None, Some("http://vllm.internal:8000/v1"))
    );

    let found = catalog.resolve("house/ours").expect("the new model");
    let deployment = found.deployments().next().expect("its deployment");
    assert_eq!((&*found.model.id, &*deployment.upstream), ("my-llama", "meta-llama/Llama-3.3-70B-Instruct"));
    assert!(Arc::ptr_eq(&deployment.provider, provider) && found.model.capabilities.has(Capability::Tools));
    let price = &deployment.price_at(UnixMicros(0)).expect("it holds for all time").price;
    assert_eq!((price.rates.input.0, price.rates.output.0, price.units.search), (250_000, 1_000_000, Some(PicoUsdPerUnit(10_000_000_000))));
    assert_eq!((price.rates_for(65_537).input.0, price.rates_for(65_537).output.0), (500_000, 1_000_000));

    let found = catalog.resolve("openai/gpt-4o").expect("still there");
    assert_eq!(found.deployments().next().and_then(|d| d.provider.base_url.as_deref()), Some("https://proxy.example/v1"));
    let mirror = catalog.resolve("my-vllm/gpt-4o").expect("one more deployment");
    let mirror = mirror.deployments().next().expect("one");
    assert_eq!((&*mirror.upstream, mirror.price_at(UnixMicros(i64::MAX))), ("gpt-4o-mirror", None), "no price is unknown, not free");
    assert_eq!(catalog.models().len(), BUILTIN.models().len() + 1);
}

#[test]
fn an_empty_file_changes_nothing() {
    let catalog = BUILTIN.with_overrides("").expect("an empty file");
    assert_eq!(catalog.models(), BUILTIN.models());
    assert_eq!(catalog.providers(), BUILTIN.providers());
}

#[test]
fn a_file_that_cannot_be_used_says_where_what_why_and_how_to_mend_it() {
    let model = "[[models]]\nid = \"m\"\nprovider = \"openai\"\n";
    for (text, line, field, reason, mend) in [
        ("[[providers]]\nid = \"p\"\ncolour = 1\n".to_owned(), 3, "colour", "unknown field", "give one of"),
        ("[[provider]]\n".to_owned(), 1, "provider", "unknown field", "`providers`"),
        ("[[providers]]\nid = \"p\"\n".to_owned(), 2, "dialect", "no dialect", "add dialect"),
        ("[[providers]]\nid = \"p\"\ndialect = \"soap\"\n".to_owned(), 3, "dialect", "unknown variant", "openai_chat"),
        ("[[providers]]\nid = \"a/b\"\ndialect = \"gemini\"\n".to_owned(), 2, "id", "cannot be told", "letters"),
        ("[[providers]]\nid = \"openai\"\nbase_url = \"file:///etc\"\n".to_owned(), 3, "base_url", "no web address", "https://"),
        ("[[models]]\nid = \"m\"\n".to_owned(), 1, "provider", "missing field", "add it"),
        ("[[models]]\nid = \"m\"\nprovider = \"nobody\"\n".to_owned(), 3, "provider", "no provider `nobody`", "[[providers]]"),
        (format!("{model}context_window = \"big\"\n"), 4, "context_window", "invalid type", "u64"),
        (format!("{model}effective = \"2026-12-01\"\n"), 2, "effective", "without a price", "add [models.price]"),
        (format!("{model}effective = \"soon\"\n[models.price]\ninput = \"1\"\noutput = \"1\"\n"), 4, "effective", "soon", "YYYY-MM-DD"),
        (format!("{model}[models.price]\ninput = 2.5\noutput = \"1\"\n"), 5, "input", "floating point", "in quotes"),
        (format!("{model}[models.price]\ninput = \"-1\"\noutput = \"1\"\n"), 5, "input", "below zero", "in quotes"),
        (format!("{model}[models.price]\ninput = \"0.0000001\"\noutput = \"1\"\n"), 5, "input", "not a whole number", "in quotes"),
        (format!("{model}[models.price]\ninput = \"1\"\n"), 4, "output", "missing field", "add it"),
        (
            format!("{model}[models.price]\ninput = 1\noutput = 1\ntiers = [{{ above_input_tokens = 2 }}, {{ above_input_tokens = 1 }}]\n"),
            4,
            "tiers",
            "do not rise",
            "lowest first",
        ),
        ("[[models]\n".to_owned(), 1, "[[models]", "", ""),
    ] {
        let error = BUILTIN.with_overrides(&text).expect_err(&text);
        let shown = error.to_string();
        assert_eq!((error.line, error.field.as_str()), (line, field), "{shown}");
        assert!(error.reason.contains(reason) && error.mend.contains(mend) && !shown.contains('\n'), "{shown}");
    }
}
