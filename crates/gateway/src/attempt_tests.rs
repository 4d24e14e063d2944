//! What a failing own key says, and to whom.

use catalog::Catalog;
use domain::Secret;
use llm::tokens::InputTokens;
use uuid::Uuid;

use super::*;
use crate::endpoint::{Endpoint, OwnParts};

const KEY: &str = "sk-canary-a8Zq41mWnE77";

fn candidate() -> Candidate {
    let catalog = Catalog::builtin().unwrap();
    let model = catalog.model("gpt-4o").unwrap();
    let deployment = model.deployments.iter().find(|d| &*d.provider.id == "openai").unwrap();
    let id = ProviderKeyId::from_uuid(Uuid::from_u128(7));
    let (secret, settings) = (store::ProviderSecret::Key(Secret::new(KEY.to_owned())), store::ProviderKeySettings::default());
    let own = OwnParts { id, secret: &secret, address: None, settings: &settings, tokens: None };
    let endpoint = Endpoint::own(&deployment.provider, deployment.spoken().unwrap(), &own, None).unwrap();
    Candidate {
        model: model.clone(),
        deployment: deployment.clone(),
        endpoint: endpoint.into(),
        price_version: 1,
        input: InputTokens::default(),
        output_max: 100,
        markup_basis_points: 0,
    }
}

fn said(status: u16, body: &str) -> Failed {
    let candidate = candidate();
    Failed::said(candidate.endpoint.dialect.codec().fault_read(status, body.as_bytes()), status, &candidate)
}

#[test]
fn a_refused_own_key_is_the_organizations_and_not_the_operators() {
    let failed = said(401, &format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}.","code":"invalid_api_key"}}}}"#));
    let say = failed.fault.say();
    assert_eq!(failed.fault.code(), Code::UpstreamAuthentication);
    assert!(say.contains("pkey_00000000000000000000000000000007") && say.contains("`openai`"), "{say}");
    assert!(say.contains("Incorrect API key provided: [key].") && !say.contains("operator") && !say.contains("canary"), "{say}");
    assert!(!failed.fault.chain().contains("canary"));
    assert_eq!(failed.fault.upstream_detail().unwrap().code.as_deref(), Some("invalid_api_key"));
    assert!(failed.elsewhere && failed.cools && !failed.again);
}

#[test]
fn an_account_without_credit_is_told_apart_from_a_wrong_key() {
    for (status, body) in [
        (402, r#"{"error":{"message":"Payment required"}}"#),
        (429, r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#),
    ] {
        let failed = said(status, body);
        assert!(failed.fault.say().contains("out of credit or quota") && failed.elsewhere && failed.cools, "{}", failed.fault.say());
    }
    let limited = said(429, r#"{"error":{"message":"Rate limit reached for gpt-4o in organization org-1"}}"#);
    assert_eq!(limited.fault.code(), Code::UpstreamRateLimited);
    assert!(limited.fault.say().contains("own key") && limited.fault.say().contains("org-1"), "{}", limited.fault.say());
}

#[test]
fn a_model_that_an_account_may_not_use_is_tried_on_another_key() {
    let failed = said(404, r#"{"error":{"message":"The model `gpt-4o` does not exist or you do not have access to it."}}"#);
    assert!(failed.elsewhere && !failed.cools && failed.fault.code() == Code::ModelNotFound);
    let wrong = said(400, r#"{"error":{"message":"temperature must be in 0..2"}}"#);
    assert!(!wrong.elsewhere, "what is wrong with the request is wrong on any key");
}

#[test]
fn a_refusal_of_credits_names_the_own_key_that_failed_before() {
    let refusal = || Fault::new(Code::InsufficientCredits, "credits are spent").retry_after_ms(5);
    let both = own_keys_first(refusal(), Some(said(401, "").fault));
    assert_eq!((both.code(), both.retry_after()), (Code::InsufficientCredits, Some(5)));
    assert!(both.say().starts_with("credits are spent; ") && both.say().contains("pkey_"), "{}", both.say());
    assert_eq!(own_keys_first(refusal(), None).say(), "credits are spent");
}
