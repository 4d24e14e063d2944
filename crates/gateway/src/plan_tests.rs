//! Which candidates a call gets in which mode, in which order, and whose key each uses.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::{ProviderKeyId, Secret};
use http::HeaderMap;
use llm::{CallPath, Dialect};
use service::config::ProviderConfig;
use store::{KeyRules, Level, LevelRow, Narrowing};
use uuid::Uuid;

use super::*;
use crate::call::Options;
use crate::own_keys::tests::keys;

/// 2100-01-01: after every price's first day.
const NOW: UnixMicros = UnixMicros(4_102_444_800_000_000);
/// Made by Anthropic, and served by two.
const MODEL: &str = "two-homes";
const CATALOG: &str = r#"
[[models]]
id = "two-homes"
owner = "anthropic"
provider = "anthropic"
max_output = 100
price = { input = 1, output = 2 }

[[models]]
id = "two-homes"
provider = "openai"
max_output = 100
price = { input = 1, output = 2 }

[[models]]
id = "unpriced"
provider = "anthropic"
"#;

/// What an instance and an organization have.
struct World {
    catalog: Catalog,
    credentials: Credentials,
    own_keys: OwnKeys,
    cooldowns: Cooldowns,
    rules: KeyRules,
}

impl World {
    /// Platform keys of providers, and own keys of (id, provider, priority, weight).
    fn new(platform: &[&str], own: &[(u128, &str, u32, u32)]) -> Self {
        let catalog = Catalog::builtin().unwrap().with_overrides(CATALOG).unwrap();
        let config = || ProviderConfig { api_key: Some(Secret::new("sk-platform".to_owned())), base_url: None };
        let settings: BTreeMap<String, ProviderConfig> = platform.iter().map(|id| ((*id).to_owned(), config())).collect();
        let credentials = Credentials::new(&catalog, &settings, None).unwrap();
        Self { catalog, credentials, own_keys: keys(own), cooldowns: Cooldowns::default(), rules: KeyRules::default() }
    }

    fn candidates(&self, mode: ProjectMode, model: &str, headers: &[(&'static str, &'static str)]) -> Result<Vec<Candidate>, Fault> {
        let headers: HeaderMap = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let body = Bytes::from(format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Hello"}}]}}"#));
        let mut call = Call::read(Dialect::OpenAiChat, body, &CallPath::default(), Options::read(&headers).unwrap()).unwrap();
        let narrowing = Narrowing { rules: self.rules.clone(), ..Narrowing::default() };
        let levels = Levels::new(vec![LevelRow { level: Level::ApiKey, id: Uuid::nil(), narrowing }]).unwrap();
        let known = Known {
            catalog: &self.catalog,
            credentials: &self.credentials,
            own_keys: (mode != ProjectMode::Credits).then_some(&self.own_keys),
            simulated: None,
            cooldowns: &self.cooldowns,
            spends: &KeySpends::unknown(),
            mode,
            markup_basis_points: 0,
            now: NOW,
            lot: 0,
            levels: &levels,
            order: Order::Smart,
        };
        make(&mut call, &known)
    }

    /// `provider` for the platform's key, `provider/id` for an own one; or the code of the refusal.
    fn plan(&self, mode: ProjectMode) -> Result<Vec<String>, Code> {
        self.candidates(mode, MODEL, &[]).map(|found| shown(&found)).map_err(|fault| fault.code())
    }

    /// A moment ago, a call failed here.
    fn cool(&self, provider: &str, credential: Credential) {
        let model = self.catalog.model(MODEL).unwrap();
        let deployment = model.deployments.iter().find(|d| &*d.provider.id == provider && d.region.is_none()).unwrap();
        self.cooldowns.start(deployment, credential, None);
    }
}

fn shown(candidates: &[Candidate]) -> Vec<String> {
    let show = |c: &Candidate| match c.endpoint.credential {
        Credential::Platform => c.deployment.provider.id.to_string(),
        Credential::Own(id) => format!("{}/{}", c.deployment.provider.id, id.uuid().as_u128()),
    };
    candidates.iter().map(show).collect()
}

fn own(id: u128) -> Credential {
    Credential::Own(ProviderKeyId::from_uuid(Uuid::from_u128(id)))
}

fn plan(words: &[&str]) -> Result<Vec<String>, Code> {
    Ok(words.iter().map(|word| (*word).to_owned()).collect())
}

use ProjectMode::{ApiKeys, Credits, Hybrid};

#[test]
fn each_mode_uses_its_keys() {
    let none = Err(Code::ProviderNotConfigured);
    let platform = World::new(&["anthropic"], &[]);
    assert_eq!(platform.plan(Credits), plan(&["anthropic"]));
    assert_eq!(platform.plan(ApiKeys), none);
    assert_eq!(platform.plan(Hybrid), plan(&["anthropic"]));
    let own_only = World::new(&[], &[(1, "anthropic", 0, 1)]);
    assert_eq!(own_only.plan(Credits), none);
    assert_eq!(own_only.plan(ApiKeys), plan(&["anthropic/1"]));
    assert_eq!(own_only.plan(Hybrid), plan(&["anthropic/1"]));
    let both = World::new(&["anthropic"], &[(1, "anthropic", 0, 1)]);
    assert_eq!(both.plan(Credits), plan(&["anthropic"]));
    assert_eq!(both.plan(ApiKeys), plan(&["anthropic/1"]));
    assert_eq!(both.plan(Hybrid), plan(&["anthropic/1", "anthropic"]));
    let elsewhere = World::new(&[], &[(1, "google-ai-studio", 0, 1)]);
    assert_eq!((elsewhere.plan(ApiKeys), elsewhere.plan(Hybrid)), (none.clone(), none));
}

#[test]
fn keys_come_by_priority_and_hybrid_keeps_a_place_for_credits() {
    let world = World::new(&["anthropic", "openai"], &[(1, "anthropic", 9, 1), (2, "anthropic", 0, 1), (3, "anthropic", 5, 1)]);
    assert_eq!(world.plan(ApiKeys), plan(&["anthropic/2", "anthropic/3", "anthropic/1"]));
    assert_eq!(world.plan(Hybrid), plan(&["anthropic/2", "anthropic/3", "anthropic"]));
    let two = World::new(&["anthropic"], &[(1, "openai", 0, 1), (2, "anthropic", 5, 1)]);
    assert_eq!(two.plan(Hybrid), plan(&["anthropic/2", "openai/1", "anthropic"]), "the maker's own provider first");
}

#[test]
fn what_cools_is_last_and_only_where_it_failed() {
    let world = World::new(&["anthropic"], &[(1, "anthropic", 0, 1), (2, "anthropic", 1, 1)]);
    world.cool("anthropic", own(1));
    assert_eq!(world.plan(ApiKeys), plan(&["anthropic/2", "anthropic/1"]));
    assert_eq!(world.plan(Hybrid), plan(&["anthropic/2", "anthropic", "anthropic/1"]));
    world.cool("anthropic", own(2));
    assert_eq!(world.plan(Hybrid), plan(&["anthropic", "anthropic/1", "anthropic/2"]), "a cooling one still has its turn");
    assert_eq!(world.plan(Credits), plan(&["anthropic"]));
    let two = World::new(&["anthropic", "openai"], &[(1, "anthropic", 0, 1)]);
    two.cool("anthropic", own(1));
    assert_eq!(two.plan(Credits), plan(&["anthropic", "openai"]), "the platform's deployment is not left alone");
}

#[test]
fn without_fallback_neither_provider_nor_payer_changes() {
    let world = World::new(&["anthropic"], &[(1, "anthropic", 0, 1), (2, "anthropic", 1, 1)]);
    let alone = |mode| shown(&world.candidates(mode, MODEL, &[("x-llmg-no-fallback", "true")]).unwrap());
    assert_eq!(
        (alone(Hybrid), alone(ApiKeys), alone(Credits)),
        (vec!["anthropic/1".into()], vec!["anthropic/1".into()], vec!["anthropic".into()])
    );
    world.cool("anthropic", own(1));
    world.cool("anthropic", own(2));
    assert_eq!(alone(Hybrid), ["anthropic/1"], "credits do not step in");
}

#[test]
fn an_unknown_price_keeps_credits_away_and_no_own_key() {
    let world = World::new(&["anthropic"], &[(1, "anthropic", 0, 1)]);
    let of = |mode| world.candidates(mode, "unpriced", &[]);
    assert_eq!(of(Credits).unwrap_err().code(), Code::PriceUnknown);
    for mode in [ApiKeys, Hybrid] {
        let found = of(mode).unwrap();
        assert_eq!(shown(&found), ["anthropic/1"]);
        assert!(found[0].version().is_none() && found[0].output_max == OUTPUT_UNKNOWN_TOKENS);
    }
}

#[test]
fn a_missing_own_key_is_the_organizations_to_add() {
    let fault = World::new(&["anthropic"], &[]).candidates(ApiKeys, MODEL, &[]).unwrap_err();
    assert_eq!((fault.code(), fault.wrong_param()), (Code::ProviderNotConfigured, Some("model")));
    assert!(fault.say().contains("`anthropic`") && fault.say().contains("hybrid or credits"), "{}", fault.say());
}

#[test]
fn rules_leave_out_what_they_bar_and_name_themselves_when_nothing_is_left() {
    let mut world = World::new(&["anthropic", "openai"], &[(1, "openai", 0, 1)]);
    let one = |name: &str| vec![name.to_owned()];
    // The catalog's prices of 1 and 2 pico-USD a token are 1,000 and 2,000 nano-USD a million.
    let (input, output) = (1_000, 2_000);
    type Plan = Result<Vec<String>, &'static str>;
    let plan = |words: &[&str]| -> Plan { Ok(words.iter().map(|word| (*word).to_owned()).collect()) };
    for (rules, credits, api_keys) in [
        (KeyRules { denied_providers: one("anthropic"), ..KeyRules::default() }, plan(&["openai"]), plan(&["openai/1"])),
        (KeyRules { allowed_providers: one("anthropic"), ..KeyRules::default() }, plan(&["anthropic"]), Err("allowed_providers")),
        (KeyRules { denied_models: one("openai/two-homes"), ..KeyRules::default() }, plan(&["anthropic"]), Err("denied_models")),
        (KeyRules { denied_models: one("two-homes"), ..KeyRules::default() }, Err("denied_models"), Err("denied_models")),
        (KeyRules { denied_models: one("anthropic/two-homes:free"), ..KeyRules::default() }, plan(&["openai"]), plan(&["openai/1"])),
        (KeyRules { denied_models: one("unpriced"), ..KeyRules::default() }, plan(&["anthropic", "openai"]), plan(&["openai/1"])),
        (
            KeyRules { input_price_max_nano_usd_per_million: Some(input), ..KeyRules::default() },
            plan(&["anthropic", "openai"]),
            plan(&["openai/1"]),
        ),
        (
            KeyRules { input_price_max_nano_usd_per_million: Some(input - 1), ..KeyRules::default() },
            Err("input_price_max_nano_usd_per_million"),
            Err("input_price_max_nano_usd_per_million"),
        ),
        (
            KeyRules { output_price_max_nano_usd_per_million: Some(output - 1), ..KeyRules::default() },
            Err("output_price_max_nano_usd_per_million"),
            Err("output_price_max_nano_usd_per_million"),
        ),
    ] {
        world.rules = rules;
        for (mode, wanted) in [(Credits, credits), (ApiKeys, api_keys)] {
            let found = world.candidates(mode, MODEL, &[]);
            match (found, wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(shown(&found), wanted, "{mode:?} {:?}", world.rules),
                (Err(fault), Err(rule)) => {
                    assert_eq!((fault.code(), fault.wrong_param()), (Code::PermissionDenied, Some("model")));
                    assert!(fault.say().contains(&format!("`{rule}`")), "{}", fault.say());
                }
                (found, wanted) => panic!("{mode:?} {:?}: {:?}, not {wanted:?}", world.rules, found.map(|found| shown(&found))),
            }
        }
    }
    world.rules = KeyRules { input_price_max_nano_usd_per_million: Some(u64::MAX), ..KeyRules::default() };
    let unknown = world.candidates(Credits, "unpriced", &[]).unwrap_err();
    assert_eq!(unknown.code(), Code::PermissionDenied, "an unknown price is under no maximum: {}", unknown.say());
    world.rules = KeyRules { allowed_providers: one("google-ai-studio"), ..KeyRules::default() };
    let nobody = World { rules: world.rules.clone(), ..World::new(&[], &[]) };
    assert_eq!(nobody.plan(Credits), Err(Code::ProviderNotConfigured), "what is not there is not forbidden");
}
