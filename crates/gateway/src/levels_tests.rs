//! A further level only narrows, whatever the levels say; limits are shared by what is below them.

use domain::OrganizationId;
use http::HeaderMap;
use kv::Limiter;
use proptest::prelude::*;
use store::{KeyRules, Narrowing};

use super::*;
use crate::access;

/// 2100-01-01: after every price's first day.
const NOW: UnixMicros = UnixMicros(4_102_444_800_000_000);
const MODELS: [&str; 3] = ["gpt-4o", "gpt-4o-mini", "claude-opus-4-5-20251101"];
const PROVIDERS: [&str; 3] = ["openai", "anthropic", "azure"];

fn row(level: Level, id: u128, narrowing: Narrowing) -> LevelRow {
    LevelRow { level, id: Uuid::from_u128(id), narrowing }
}

fn some_of(names: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    proptest::sample::subsequence(names, 0..=names.len()).prop_map(|names| names.into_iter().map(str::to_owned).collect())
}

fn rules() -> impl Strategy<Value = KeyRules> {
    let ips = some_of(&["10.0.0.0/8", "192.0.2.0/24"]);
    let price = proptest::option::of(0..20_000_000_000_u64);
    let lists = (some_of(&MODELS), some_of(&PROVIDERS), some_of(&PROVIDERS));
    (ips, lists, price.clone(), price).prop_map(|(allowed_ips, (models, allowed, denied), input, output)| KeyRules {
        allowed_ips,
        denied_models: models,
        allowed_providers: allowed,
        denied_providers: denied,
        input_price_max_nano_usd_per_million: input,
        output_price_max_nano_usd_per_million: output,
        ..KeyRules::default()
    })
}

fn narrowing() -> impl Strategy<Value = Narrowing> {
    let limit = || proptest::option::of(1..6_u32);
    let rules = prop_oneof![Just(KeyRules::default()), rules()];
    (limit(), proptest::option::of(1..200_u32), limit(), proptest::option::of(some_of(&MODELS)), rules)
        .prop_map(|(rpm, tpm, concurrency, allowed_models, rules)| Narrowing { rpm, tpm, concurrency, allowed_models, rules })
}

proptest! {
    /// Held against everything of the catalog that these names mean, from two addresses.
    #[test]
    fn a_further_level_lets_nothing_through_that_was_refused(
        all in proptest::collection::vec(narrowing(), 1..4),
        without in 0..3_usize,
        calls in proptest::collection::vec((0..90_i64, 0..120_u64, any::<bool>()), 1..30),
    ) {
        let kinds = [Level::Organization, Level::Project, Level::ApiKey];
        let rows: Vec<LevelRow> = kinds.into_iter().zip(all).zip(1..).map(|((level, narrowing), id)| row(level, id, narrowing)).collect();
        let mut fewer = rows.clone();
        fewer.remove(without % rows.len());
        let (more, fewer) = (Levels::new(rows).unwrap(), Levels::new(fewer).unwrap());

        let catalog = Catalog::builtin().unwrap();
        for client in ["10.1.2.3", "192.0.2.7"].map(|text| text.parse().unwrap()) {
            prop_assert!(more.address_allowed(client).is_err() || fewer.address_allowed(client).is_ok());
        }
        for model in MODELS {
            prop_assert!(more.model_allowed(model, model).is_err() || fewer.model_allowed(model, model).is_ok());
            for deployment in catalog.resolve(model).unwrap().deployments() {
                prop_assert!(more.bar(&catalog, deployment, NOW).is_some() || fewer.bar(&catalog, deployment, NOW).is_none());
            }
        }

        // What all levels let through, fewer let through, too, after the same calls.
        let organization = OrganizationId::from_uuid(Uuid::from_u128(9));
        let (limits, fewer_limits) = (Limiter::memory(), Limiter::memory());
        let (mut held, mut now) = (Vec::new(), NOW);
        for (seconds, tokens, ends) in calls {
            now = now.plus_seconds(seconds);
            for (wanted, fewer_wanted) in
                [(more.wanted_request(), fewer.wanted_request()), (more.wanted_tokens(tokens), fewer.wanted_tokens(tokens))]
            {
                if let Ok(allowance) = limits.take(organization, &wanted, now) {
                    let also = fewer_limits.take(organization, &fewer_wanted, now);
                    prop_assert!(also.is_ok(), "{also:?}");
                    held.push((allowance, also));
                }
            }
            if ends {
                held.clear();
            }
        }
    }
}

#[test]
fn a_projects_limit_is_shared_by_its_keys_and_named() {
    let (limiter, organization) = (Limiter::memory(), OrganizationId::from_uuid(Uuid::from_u128(9)));
    let of_key = |key: u128, rpm: u32| {
        let project = row(Level::Project, 1, Narrowing { rpm: Some(2), ..Narrowing::default() });
        Levels::new(vec![project, row(Level::ApiKey, key, Narrowing { rpm: Some(rpm), ..Narrowing::default() })]).unwrap()
    };
    let (first, second) = (of_key(11, 1), of_key(12, 5));
    let take = |levels: &Levels| access::request_limits(&limiter, organization, levels, NOW);
    assert_eq!(take(&first).unwrap().requests, Some((0, 1)), "the headers tell of the limit that is nearest");
    let own = take(&first).unwrap_err();
    assert!(own.say().starts_with("this API key's limit of 1 requests per minute"), "{}", own.say());
    assert_eq!(take(&second).unwrap().requests, Some((0, 2)), "what a key was refused is not taken from its project");
    let shared = take(&second).unwrap_err();
    assert!(shared.say().starts_with("this project's limit of 2 requests per minute"), "{}", shared.say());
    assert_eq!((shared.code(), shared.retry_after()), (Code::RateLimitExceeded, Some(30_000)));
}

#[test]
fn each_level_must_name_a_model_and_an_address_and_says_so() {
    let models = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect());
    let rules = KeyRules { allowed_ips: vec!["10.0.0.0/8".to_owned()], ..KeyRules::default() };
    let levels = Levels::new(vec![
        row(Level::Organization, 1, Narrowing { allowed_models: models(&["a", "b"]), rules, ..Narrowing::default() }),
        row(Level::Project, 2, Narrowing { allowed_models: models(&["b", "c"]), ..Narrowing::default() }),
    ])
    .unwrap();
    let refused = |model: &str| levels.model_allowed(model, model).map_err(|fault| fault.say().to_owned());
    assert_eq!(refused("b"), Ok(()));
    assert_eq!(refused("a"), Err("this project may not call `a`; it may call: b, c".to_owned()));
    assert_eq!(refused("c"), Err("this organization may not call `c`; it may call: a, b".to_owned()));
    let elsewhere = levels.address_allowed("192.0.2.1".parse().unwrap()).unwrap_err();
    assert!(elsewhere.say().contains("its organization's `allowed_ips`"), "{}", elsewhere.say());
}

#[test]
fn tags_of_all_levels_are_united_and_the_narrowest_metadata_wins() {
    let noting = |level, id, tag: &str, metadata: &[(&str, &str)]| {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let rules = KeyRules { tags: vec![tag.to_owned()], metadata: metadata.iter().map(own).collect(), ..KeyRules::default() };
        row(level, id, Narrowing { rules, ..Narrowing::default() })
    };
    let levels = Levels::new(vec![
        noting(Level::Organization, 1, "all", &[("from", "organization"), ("stage", "live")]),
        noting(Level::ApiKey, 2, "key", &[("from", "key")]),
    ])
    .unwrap();
    let mut options = Options::read(&HeaderMap::new()).unwrap();
    levels.note(&mut options).unwrap();
    assert_eq!(options.tags, ["key", "all"]);
    assert_eq!(options.metadata_json, r#"{"from":"key","stage":"live"}"#);
}
