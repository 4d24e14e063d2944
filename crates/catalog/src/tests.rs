//! What the committed data promises, and how names are resolved.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use domain::{PicoUsdPerUnit, UnixMicros};

use crate::{Catalog, CatalogHandle, Dialect, Mode, ResolveError, ServiceTier, Tokenizer, Variant, date};

static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().expect("the committed data"));

/// 2026-11-21.
const NOW: UnixMicros = UnixMicros(1_795_219_200_000_000);

fn providers_of(id: &str) -> Vec<String> {
    BUILTIN.resolve(id).expect(id).deployments().map(|d| d.provider.id.to_string()).collect()
}

#[test]
fn there_are_enough_providers_and_models() {
    assert!(BUILTIN.providers().len() >= 100, "{}", BUILTIN.providers().len());
    assert!(BUILTIN.models().len() >= 600, "{}", BUILTIN.models().len());
    let priced = BUILTIN.models().iter().filter(|model| model.deployments.iter().any(|d| d.price_at(NOW).is_some())).count();
    assert!(priced >= 600, "{priced}");
}

#[test]
fn the_ids_of_the_design_resolve() {
    for (id, root, pinned) in [
        ("gpt-4", "gpt-4", None),
        ("gpt-4o", "gpt-4o", None),
        ("openai/gpt-4o", "gpt-4o", Some("openai")),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet-20241022", None),
        ("claude-opus-4-5-20251101", "claude-opus-4-5", None),
        ("anthropic/claude-opus-4.7", "claude-opus-4-7", Some("anthropic")),
        ("gemini/gemini-2.5-pro", "gemini-2.5-pro", Some("google-ai-studio")),
        ("google-ai-studio/gemini-3-flash-preview", "gemini-3-flash-preview", Some("google-ai-studio")),
        ("aws-bedrock/claude-opus-4-5-20251101", "claude-opus-4-5", Some("aws-bedrock")),
        ("vertex_ai/claude-opus-4-5@20251101", "claude-opus-4-5", Some("google-vertex")),
        ("together_ai/openai/gpt-oss-120b", "gpt-oss-120b", Some("together")),
        ("google/gemini-2.5-pro", "gemini-2.5-pro", None),
        ("meta-llama/llama-3.3-70b-instruct", "llama-3.3-70b-instruct", None),
        ("sim-1", "sim", None),
        ("sim/sim", "sim", Some("sim")),
        ("sim-anthropic", "sim-anthropic", None),
        ("sim-gemini", "sim-gemini", None),
    ] {
        let found = BUILTIN.resolve(id).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!((&*found.model.id, found.pinned.map(|p| &*p.id)), (root, pinned), "{id}");
        assert!(found.deployments().next().is_some(), "{id}");
        assert!(found.deployments().any(|d| d.price_at(NOW).is_some()), "{id} has no price");
    }
}

#[test]
fn provider_ids_are_fixed() {
    for (name, id) in [
        ("openai", "openai"),
        ("azure", "azure"),
        ("anthropic", "anthropic"),
        ("gemini", "google-ai-studio"),
        ("vertex_ai", "google-vertex"),
        ("bedrock", "aws-bedrock"),
        ("mistral", "mistral"),
        ("cohere", "cohere"),
        ("groq", "groq"),
        ("deepseek", "deepseek"),
        ("xai", "xai"),
        ("together_ai", "together"),
        ("fireworks_ai", "fireworks"),
        ("perplexity", "perplexity"),
        ("openrouter", "openrouter"),
        ("ollama", "ollama"),
        ("sim", "sim"),
    ] {
        assert_eq!(BUILTIN.provider(name).map(|p| &*p.id), Some(id), "{name}");
    }
    assert!(BUILTIN.provider("openai").is_some_and(|p| p.is_callable()));
    assert!(BUILTIN.provider("bedrock").is_some_and(|p| p.is_callable() && !p.is_callable_with_key()));
    assert!(BUILTIN.provider("sagemaker").is_some_and(|p| !p.is_callable()));
    let spoken = |id: &str| {
        let resolved = BUILTIN.resolve(id).unwrap();
        resolved.deployments().map(|d| d.spoken().map(Dialect::as_str)).collect::<Vec<_>>()
    };
    assert_eq!(spoken("google-vertex/gemini-2.5-pro"), [Some("gemini")]);
    assert_eq!(spoken("google-vertex/meta/llama-4-scout-17b-16e-instruct-maas"), [Some("openai_chat")]);
    assert_eq!(spoken("google-vertex/claude-opus-4-5@20251101"), [None]);
    assert_eq!(spoken("aws-bedrock/openai.gpt-oss-120b-1:0"), [Some("openai_chat")]);
    assert_eq!(spoken("aws-bedrock/claude-opus-4-5-20251101"), [None]);
}

#[test]
fn the_rows_hold_together() {
    let mut names = HashSet::new();
    for provider in BUILTIN.providers() {
        for name in std::iter::once(&provider.id).chain(&provider.aliases) {
            assert!(names.insert(Arc::clone(name)), "two providers are called {name}");
        }
        assert!(provider.base_url.as_ref().is_none_or(|url| url.starts_with("https://") && !url.ends_with('/')), "{}", provider.id);
    }
    for maker in BUILTIN.makers() {
        assert!(maker.providers.iter().all(|own| BUILTIN.provider(own).is_some_and(|p| p.id == *own)), "{}", maker.id);
    }
    let mut roots = HashSet::new();
    for model in BUILTIN.models() {
        for name in std::iter::once(&model.id).chain(&model.aliases) {
            assert!(roots.insert(Arc::clone(name)), "two models are called {name}");
        }
        for deployment in &model.deployments {
            assert!(deployment.prices.iter().all(|version| version.price.is_sound() && !version.source.is_empty()), "{}", model.id);
        }
    }
}

#[test]
fn every_listed_name_leads_back_to_its_model() {
    for model in BUILTIN.models() {
        assert_eq!(BUILTIN.resolve(&model.id).map(|found| Arc::clone(found.model)), Ok(Arc::clone(model)), "{}", model.id);
        for deployment in &model.deployments {
            let id = format!("{}/{}", deployment.provider.id, model.id);
            let found = BUILTIN.resolve(&id).expect(&id);
            assert_eq!((&found.model.id, found.pinned), (&model.id, Some(&deployment.provider)), "{id}");
            let id = format!("{}/{}", deployment.provider.id, deployment.upstream);
            assert!(BUILTIN.resolve(&id).is_ok(), "{id}");
        }
    }
}

#[test]
fn suffixes_are_read() {
    for (suffix, variant) in [("free", Variant::Free), ("floor", Variant::Floor), ("nitro", Variant::Nitro)] {
        let id = format!("gpt-4o:{suffix}");
        let found = BUILTIN.resolve(&id).expect("a variant");
        assert_eq!((found.variant, found.region), (Some(variant), None));
    }
    let found = BUILTIN.resolve("azure/gpt-4o:eu").expect("a region");
    let regions: Vec<_> = found.deployments().map(|d| d.region.as_deref()).collect();
    assert_eq!((found.region, regions), (Some("eu"), vec![Some("eu")]));
    let found = BUILTIN.resolve("openai/gpt-4o:mars").expect("a region that the catalog lacks is tolerated");
    assert_eq!((found.region, found.deployments().count()), (Some("mars"), 1));
    let found = BUILTIN.resolve("bedrock/eu.anthropic.claude-opus-4-5-20251101-v1:0").expect("a regional name");
    assert_eq!(found.deployments().map(|d| d.region.as_deref()).collect::<Vec<_>>(), [Some("eu")]);
    assert!(BUILTIN.resolve("gpt-4o:eu").is_err(), "a region needs a provider");
}

#[test]
fn errors_tell_what_is_unknown() {
    assert_eq!(BUILTIN.resolve("nobody/gpt-4o"), Err(ResolveError::UnknownProvider { provider: "nobody".to_owned() }));
    let Err(ResolveError::UnknownModel { id, suggestions }) = BUILTIN.resolve("gpt-4p") else { panic!("it is unknown") };
    assert_eq!(id, "gpt-4p");
    assert!(suggestions.len() <= 3 && suggestions.iter().any(|s| &**s == "gpt-4o" || &**s == "gpt-4"), "{suggestions:?}");
    let Err(ResolveError::NotServed { model, provider, served_by }) = BUILTIN.resolve("anthropic/gpt-4o") else {
        panic!("it is not served")
    };
    assert_eq!((&*model, &*provider, &*served_by[0]), ("gpt-4o", "anthropic", "openai"));
    for id in ["openai/no-such-model-at-all", "", "/", "openai/", ":", "gpt-4o:", "openai/gpt-4o:", &"x".repeat(100_000), "é/é:é"] {
        assert!(BUILTIN.resolve(id).is_err(), "{id}");
    }
}

#[test]
fn the_makers_own_provider_is_first_and_regions_wait_to_be_asked() {
    assert_eq!(providers_of("gpt-4o")[0], "openai");
    assert_eq!(providers_of("claude-opus-4-5")[0], "anthropic");
    assert_eq!(providers_of("gemini-2.5-pro")[..2], ["google-ai-studio", "google-vertex"]);
    let model = BUILTIN.model("gpt-oss-120b").expect("an open model");
    let costs: Vec<i64> = model
        .deployments
        .iter()
        .filter(|d| d.region.is_none())
        .filter_map(|d| d.price_at(NOW))
        .map(|v| v.price.rates.input.0 + v.price.rates.output.0)
        .collect();
    assert!(costs.len() > 5 && costs.is_sorted(), "{costs:?}");
    for model in BUILTIN.models() {
        assert!(BUILTIN.resolve(&model.id).is_ok_and(|found| found.deployments().all(|d| d.region.is_none())), "{}", model.id);
    }
}

#[test]
fn published_prices_are_exact() {
    let price = |id: &str| {
        let found = BUILTIN.resolve(id).expect(id);
        found.deployments().next().and_then(|d| d.price_at(NOW)).cloned().expect(id)
    };
    let known = price("openai/gpt-4o");
    assert_eq!(
        (known.price.rates.input.0, known.price.rates.output.0, known.price.rates.cached_input().0),
        (2_500_000, 10_000_000, 1_250_000)
    );
    assert_eq!(known.service(ServiceTier::Batch).map(|p| p.rates.input.0), Some(1_250_000));
    assert_eq!(known.service(ServiceTier::Flex), None);
    let known = price("gemini/gemini-2.5-pro").price;
    assert_eq!((known.rates_for(200_000).input.0, known.rates_for(200_001).input.0), (1_250_000, 2_500_000));
    let known = price("sim").price;
    assert_eq!((known.rates.input.0, known.rates.output.0), (1_000_000, 2_000_000));
}

#[test]
fn the_simulated_models_are_labelled() {
    for (id, dialect) in [("sim", Dialect::OpenaiChat), ("sim-anthropic", Dialect::Anthropic), ("sim-gemini", Dialect::Gemini)] {
        let model = BUILTIN.model(id).expect(id);
        assert!(model.simulated && model.deployments.iter().all(|d| d.provider.simulated && d.provider.dialect == dialect));
        assert_eq!((model.context_window, model.max_output, model.tokenizer), (Some(1_000_000), Some(100_000), Tokenizer::Sim));
        assert!(model.deployments.iter().all(|d| d.price_at(UnixMicros(0)).is_some()));
    }
    assert!(BUILTIN.models().iter().filter(|model| model.simulated).count() == 3);
}

#[test]
fn an_unknown_price_is_none_and_a_text_model_is_free_only_by_an_explicit_zero() {
    let unpriced = BUILTIN.models().iter().flat_map(|m| &m.deployments).filter(|d| d.prices.is_empty()).count();
    assert!(unpriced > 0);
    let before = date::parse("2020-01-01").expect("a day");
    assert_eq!(BUILTIN.resolve("openai/gpt-4o").ok().and_then(|found| found.deployments().next()?.price_at(before)), None);
    for model in BUILTIN.models() {
        for deployment in model.deployments.iter().filter(|d| d.mode == Mode::Chat) {
            let free = deployment.price_at(NOW).is_some_and(|version| version.price.is_free());
            let gives_away = ["ollama", "lemonade", "google-ai-studio", "publicai", "zai", "cloudflare"];
            assert!(!free || gives_away.contains(&&*deployment.provider.id), "{} at {}", model.id, deployment.provider.id);
        }
    }
}

#[test]
fn broken_data_is_refused_with_its_line() {
    let providers = "[[providers]]\nid = \"p\"\nname = \"P\"\ndialect = \"openai_chat\"\nauth = \"none\"\n";
    let header = r#"{"format":1,"source":"s","licence":"l","released":"2026-10-21"}"#;
    let model = |at: &str| format!(r#"{header}{}{{"id":"m","owner":"o","mode":"chat","in":["text"],"out":["text"],"at":[{at}]}}"#, '\n');
    let price =
        |v: u32, input: i64| format!(r#"{{"v":{v},"from":"2026-10-21","source":"s","price":{{"rates":{{"input":{input},"output":1}}}}}}"#);
    let read = |text: &str| Catalog::from_data(providers, "makers = []", &[("test", text)]);
    assert!(read(&model(&format!(r#"{{"on":"p","prices":[{}]}}"#, price(1, 5)))).is_ok());
    for (text, line) in [
        (String::new(), 1),
        (header.replace(r#""format":1"#, r#""format":2"#), 1),
        (model(r#"{"on":"q"}"#), 2),
        (model(""), 2),
        (model(r#"{"on":"p","region":"eu"}"#), 2),
        (model(&format!(r#"{{"on":"p","prices":[{}]}}"#, price(1, -5))), 2),
        (model(&format!(r#"{{"on":"p","prices":[{},{}]}}"#, price(2, 5), price(1, 5))), 2),
        (model(r#"{"on":"p","prize":1}"#), 2),
    ] {
        assert_eq!(read(&text).map(|_| ()).map_err(|error| error.line), Err(line), "{text}");
    }
}

#[test]
fn a_handle_swaps_whole_catalogs() {
    let handle = CatalogHandle::new(Catalog::default());
    let held = handle.load();
    handle.swap(BUILTIN.clone());
    assert!(held.models().is_empty() && handle.load().model("gpt-4o").is_some());
}

#[test]
fn prices_change_on_their_day() {
    let changed = BUILTIN
        .with_overrides(
            "[[models]]\nid = \"gpt-4o\"\nprovider = \"openai\"\neffective = \"2027-01-01\"\nprice = { input = \"3\", output = \"12\" }\n",
        )
        .expect("a change of price");
    let found = changed.resolve("openai/gpt-4o").expect("it is known");
    let deployment = found.deployments().next().expect("it is served");
    let at = |day: &str| deployment.price_at(date::parse(day).expect("a day")).map(|version| (version.version, version.price.rates.input));
    assert_eq!(at("2026-12-31"), Some((1, PicoUsdPerUnit(2_500_000))));
    let (version, input) = at("2027-01-01").expect("the new price");
    assert_eq!(input, PicoUsdPerUnit(3_000_000));
    assert!(version > 1 && deployment.price_version(version).is_some() && deployment.price_version(1).is_some());
}
