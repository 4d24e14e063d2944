//! Where keys are sent, and as what.

use catalog::Catalog;
use store::{SpendCap, SpendWindow};

use super::*;

const KEY: &str = "sk-canary-a8Zq41mWnE77";

fn id() -> ProviderKeyId {
    ProviderKeyId::from_uuid(uuid::Uuid::from_u128(1))
}

/// The address of a model of the catalog, and the name that it is sent as.
fn sent(model: &str, secret: &ProviderSecret, address: Option<&str>, settings: &ProviderKeySettings) -> Option<(String, String)> {
    let catalog = Catalog::builtin().unwrap();
    let resolved = catalog.resolve(model).unwrap();
    let deployment = resolved.deployments().next().unwrap();
    let own = OwnParts { id: id(), secret, address, settings, tokens: None };
    let endpoint = Endpoint::own(&deployment.provider, deployment.spoken()?, &own, None)?;
    let model = endpoint.sent_as(resolved.model, deployment).to_owned();
    let path = if endpoint.dialect == Dialect::Gemini { format!("/v1beta/models/{model}:generateContent") } else { CHAT_PATH.to_owned() };
    Some((endpoint.uri(&path, &model).unwrap().to_string(), model))
}

fn key() -> ProviderSecret {
    ProviderSecret::Key(Secret::new(KEY.to_owned()))
}

fn settings(region: Option<&str>, options: Option<ProviderOptions>) -> ProviderKeySettings {
    let spend_cap = Some(SpendCap { amount: domain::NanoUsd(1), window: SpendWindow::Month });
    ProviderKeySettings { region: region.map(str::to_owned), options, allowed_models: None, spend_cap }
}

fn azure(resource: Option<&str>, api_version: Option<&str>) -> ProviderOptions {
    let deployments = [("gpt-4o".to_owned(), "my gpt".to_owned())].into();
    ProviderOptions::Azure { resource: resource.map(str::to_owned), api_version: api_version.map(str::to_owned), deployments }
}

#[test]
fn an_own_key_goes_to_its_own_address_or_the_catalogs_and_never_to_the_platforms() {
    let catalog = Catalog::builtin().unwrap();
    let (provider, none) = (catalog.provider("openai").unwrap(), ProviderKeySettings::default());
    let secret = key();
    let own = |address| OwnParts { id: id(), secret: &secret, address, settings: &none, tokens: None };
    let made = |provider, address, simulated| Endpoint::own(provider, catalog::Dialect::OpenaiChat, &own(address), simulated).unwrap();
    let given = made(provider, Some("https://eu.example.com/v1/"), None);
    assert_eq!((given.base_url.as_str(), given.credential), ("https://eu.example.com/v1", Credential::Own(id())));
    assert_eq!(made(provider, None, Some("http://127.0.0.1:1")).base_url, "https://api.openai.com/v1");
    assert!(!format!("{given:?}").contains("canary"));
    assert_eq!(given.without_key("bad key sk-canary-a8Zq41mWnE77"), "bad key [key]");
    let sim = catalog.provider("sim").unwrap();
    assert_eq!(made(sim, None, Some("http://127.0.0.1:1")).base_url, "http://127.0.0.1:1/v1");
}

#[test]
fn azure_is_called_by_deployment() {
    let to = |address, options| sent("azure/gpt-4o", &key(), address, &settings(None, Some(options))).unwrap();
    let at = |url: &str| (url.to_owned(), "my gpt".to_owned());
    assert_eq!(to(None, azure(Some("eu-1"), None)), at("https://eu-1.openai.azure.com/openai/v1/chat/completions"));
    assert_eq!(
        to(None, azure(Some("eu-1"), Some("2024-10-21"))),
        at("https://eu-1.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21")
    );
    assert_eq!(to(Some("https://proxy.example.com/"), azure(None, None)), at("https://proxy.example.com/openai/v1/chat/completions"));
    assert_eq!(sent("azure/gpt-4o", &key(), None, &settings(None, Some(azure(None, None)))), None);
}

#[test]
fn bedrock_is_called_in_its_region() {
    let eu = settings(Some("eu-west-1"), None);
    let url = |model, address| sent(model, &key(), address, &eu).map(|(url, _)| url);
    let runtime = "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1/chat/completions";
    assert_eq!(url("aws-bedrock/openai.gpt-oss-120b-1:0", None).as_deref(), Some(runtime));
    assert_eq!(url("aws-bedrock/claude-opus-4-5-20251101", None), None, "that is Converse");
    let mantle = "https://bedrock-mantle.eu-west-1.api.aws/v1/chat/completions";
    assert_eq!(url("aws-bedrock-mantle/openai.gpt-oss-120b", None).as_deref(), Some(mantle));
    let newer = "https://bedrock-mantle.eu-west-1.api.aws/openai/v1/chat/completions";
    assert_eq!(url("aws-bedrock-mantle/openai.gpt-5.4", None).as_deref(), Some(newer));
    let given = url("aws-bedrock-mantle/openai.gpt-5.4", Some("https://vpce.example.com/v1"));
    assert_eq!(given.as_deref(), Some("https://vpce.example.com/v1/chat/completions"));
    assert_eq!(sent("aws-bedrock/openai.gpt-oss-120b-1:0", &key(), None, &settings(None, None)), None, "no region");
}
