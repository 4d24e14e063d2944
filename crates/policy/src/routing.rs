//! From a resolved model to an ordered plan. Pure: what is available and what is cooling comes in as values.

use std::sync::Arc;

use catalog::{Deployment, Dialect, Model, Provider, Resolved, Variant};
use domain::{Code, Fault, UnixMicros};

/// Limit: candidates of one plan, as many as a call makes attempts.
pub const CANDIDATES_MAX: usize = 3;

/// Whose keys a call may use: what its plan says when there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// The operator's.
    Platform,
    /// The organization's own.
    Own,
    /// The organization's own or else the operator's.
    Either,
}

/// In which order what can serve a call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As the catalog has it: the maker's own provider, then by price.
    Smart,
    /// The cheapest first; what has no known price last.
    Price,
}

/// What is known of the outside when a plan is made.
pub trait Surroundings {
    /// A credential and an address for this provider are there.
    fn is_available(&self, provider: &Provider) -> bool;
    /// No rule of the caller keeps it away from this deployment.
    fn is_allowed(&self, deployment: &Arc<Deployment>) -> bool;
    /// This deployment failed a moment ago and is left alone for now.
    fn is_cooling(&self, deployment: &Deployment) -> bool;
}

/// Where a call may go, best first. Never empty.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model.
    pub model: Arc<Model>,
    /// Deployments in the order in which they are tried.
    pub candidates: Vec<Arc<Deployment>>,
}

/// Orders the deployments that can serve the call.
///
/// In the order that is asked for, those that are cooling last: a cooling one is still better than none.
pub fn plan(resolved: &Resolved<'_>, around: &impl Surroundings, keys: Keys, order: Order, now: UnixMicros) -> Result<Plan, Fault> {
    let model = resolved.model;
    if !model.mode.is_text() {
        return Err(Fault::new(
            Code::ModelNotSupported,
            format!("the model `{}` does not chat (it is for {}); choose a chat model from /v1/models", model.id, model.mode.as_str()),
        )
        .param("model"));
    }
    let callable: Vec<&Arc<Deployment>> =
        resolved.deployments().filter(|d| d.is_callable() && around.is_available(&d.provider) && around.is_allowed(d)).collect();
    if callable.is_empty() {
        return Err(unavailable(resolved, keys));
    }
    let mut candidates: Vec<Arc<Deployment>> = callable.into_iter().filter(|d| fits(resolved.variant, d, now)).map(Arc::clone).collect();
    if candidates.is_empty() {
        return Err(
            Fault::new(Code::ModelNotFound, format!("no provider serves `{}` for free; leave `:free` out", model.id)).param("model")
        );
    }
    if order == Order::Price || resolved.variant == Some(Variant::Floor) {
        candidates
            .sort_by_key(|d| d.price_at(now).map_or(i128::MAX, |p| i128::from(p.price.rates.input.0) + i128::from(p.price.rates.output.0)));
    }
    // A stable sort keeps the order among those that are well and among those that are not.
    candidates.sort_by_key(|d| around.is_cooling(d));
    candidates.truncate(CANDIDATES_MAX);
    Ok(Plan { model: Arc::clone(model), candidates })
}

fn fits(variant: Option<Variant>, deployment: &Deployment, now: UnixMicros) -> bool {
    variant != Some(Variant::Free) || deployment.price_at(now).is_some_and(|version| version.price.is_free())
}

fn unavailable(resolved: &Resolved<'_>, keys: Keys) -> Fault {
    let mut providers: Vec<&str> = resolved.deployments().filter(|d| d.is_callable()).map(|d| &*d.provider.id).collect();
    providers.dedup();
    let id = &resolved.model.id;
    let Some(first) = providers.first() else {
        let converse = resolved.deployments().any(|d| d.provider.dialect == Dialect::Bedrock);
        let why = if converse {
            "; at AWS Bedrock it speaks Converse, which is not there yet (of Bedrock's models those of OpenAI can be called)"
        } else {
            ""
        };
        let say = format!("no provider of `{id}` can be called by this version of llmg{why}; choose another model from /v1/models");
        return Fault::new(Code::ProviderNotConfigured, say).param("model");
    };
    let variable = first.to_ascii_uppercase().replace('-', "_");
    let list = providers.iter().take(4).map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
    let operator = format!("the operator sets, for example, LLMG_PROVIDER_{variable}_API_KEY");
    let own = format!("add one of `{first}`, for example, under Provider keys");
    let say = match keys {
        Keys::Platform => format!("no provider of `{id}` has a key on this instance (it is served by {list}); {operator}"),
        Keys::Own => format!(
            "this project runs on the organization's own provider keys only, and none that is switched on is of a provider of `{id}` (it is served by {list}); {own}, or set the project's mode to hybrid or credits"
        ),
        Keys::Either => format!(
            "neither the organization nor this instance has a key of a provider of `{id}` (it is served by {list}); {own}, or {operator}"
        ),
    };
    Fault::new(Code::ProviderNotConfigured, say).param("model")
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Catalog;

    /// Made by the one, cheaper at the other.
    const TWO_HOMES: &str = r#"
[[models]]
id = "two-homes"
owner = "anthropic"
provider = "anthropic"
price = { input = 2, output = 2 }

[[models]]
id = "two-homes"
provider = "openai"
price = { input = 1, output = 2 }
"#;

    struct Around {
        available: &'static [&'static str],
        barred: &'static [&'static str],
        cooling: &'static [&'static str],
    }

    impl Surroundings for Around {
        fn is_available(&self, provider: &Provider) -> bool {
            self.available.contains(&&*provider.id)
        }
        fn is_allowed(&self, deployment: &Arc<Deployment>) -> bool {
            !self.barred.contains(&&*deployment.provider.id)
        }
        fn is_cooling(&self, deployment: &Deployment) -> bool {
            self.cooling.contains(&&*deployment.provider.id)
        }
    }

    fn order(id: &str, around: &Around) -> Result<Vec<String>, Code> {
        let catalog = Catalog::builtin().unwrap();
        let resolved = catalog.resolve(id).unwrap();
        // 2100-01-01: after every price's first day.
        plan(&resolved, around, Keys::Platform, Order::Smart, UnixMicros(4_102_444_800_000_000))
            .map(|plan| plan.candidates.iter().map(|d| d.provider.id.to_string()).collect())
            .map_err(|fault| fault.code())
    }

    #[test]
    fn the_maker_comes_first_and_a_cooling_one_last_but_never_out() {
        let both = &["anthropic", "openrouter"];
        let found = order("claude-opus-4-5-20251101", &Around { available: both, cooling: &[], barred: &[] }).unwrap();
        assert_eq!(found.first().map(String::as_str), Some("anthropic"));
        let alone = Around { available: &["anthropic"], cooling: &["anthropic"], barred: &[] };
        assert_eq!(order("claude-opus-4-5-20251101", &alone), Ok(vec!["anthropic".to_owned()]));
    }

    #[test]
    fn a_barred_deployment_is_no_candidate() {
        let all = Around { available: &["anthropic"], cooling: &[], barred: &["anthropic"] };
        assert_eq!(order("claude-opus-4-5-20251101", &all), Err(Code::ProviderNotConfigured));
        let other = Around { available: &["anthropic"], cooling: &[], barred: &["openai"] };
        assert_eq!(order("claude-opus-4-5-20251101", &other), Ok(vec!["anthropic".to_owned()]));
    }

    #[test]
    fn by_price_the_cheapest_comes_first() {
        let catalog = Catalog::builtin().unwrap().with_overrides(TWO_HOMES).unwrap();
        let resolved = catalog.resolve("two-homes").unwrap();
        let all = Around { available: &["anthropic", "openai"], cooling: &[], barred: &[] };
        let order = |order| -> Vec<String> {
            let plan = plan(&resolved, &all, Keys::Platform, order, UnixMicros(4_102_444_800_000_000)).unwrap();
            plan.candidates.iter().map(|d| d.provider.id.to_string()).collect()
        };
        assert_eq!(order(Order::Smart), ["anthropic", "openai"]);
        assert_eq!(order(Order::Price), ["openai", "anthropic"]);
    }

    #[test]
    fn without_a_credential_the_fault_names_the_setting() {
        let none = Around { available: &[], cooling: &[], barred: &[] };
        assert_eq!(order("gpt-4o", &none), Err(Code::ProviderNotConfigured));
        let catalog = Catalog::builtin().unwrap();
        let say = |keys| plan(&catalog.resolve("gpt-4o").unwrap(), &none, keys, Order::Smart, UnixMicros(0)).unwrap_err().say().to_owned();
        assert!(say(Keys::Platform).contains("LLMG_PROVIDER_OPENAI_API_KEY"), "{}", say(Keys::Platform));
        let own = say(Keys::Own);
        assert!(own.contains("own provider keys") && own.contains("`openai`") && !own.contains("LLMG_"), "the operator cannot help: {own}");
        let either = say(Keys::Either);
        assert!(either.contains("Provider keys") && either.contains("LLMG_PROVIDER_OPENAI_API_KEY"), "{either}");
    }
}
