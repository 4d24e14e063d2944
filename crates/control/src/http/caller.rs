//! From a request's headers to a proof of who asks. A handler that answers about a tenant takes one as its first
//! argument.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use domain::{Code, Fault};

use crate::app::Control;
use crate::app::caller::{Admin, Developer, Management, Operator};
use crate::http::edge::Refused;

/// Limit: bytes of a presented key.
const KEY_BYTES_MAX: usize = 512;

const HOW: &str = "send a management key as `Authorization: Bearer llmgm_…`";

impl FromRequestParts<Arc<Control>> for Management {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refused> {
        let key = presented(&parts.headers)?;
        control.management(key).await.map_err(Refused)
    }
}

macro_rules! narrower {
    ($($proof:ident)*) => {$(
        impl FromRequestParts<Arc<Control>> for $proof {
            type Rejection = Refused;

            async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refused> {
                let caller = Management::from_request_parts(parts, control).await?;
                Self::try_from(caller).map_err(Refused)
            }
        }
    )*};
}

narrower! { Developer Admin Operator }

fn presented(headers: &HeaderMap) -> Result<&str, Fault> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Err(Fault::new(Code::MissingApiKey, HOW)) };
    let unreadable = || Fault::new(Code::MalformedApiKey, format!("the `Authorization` header is not readable; {HOW}"));
    let (scheme, key) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unreadable)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(unreadable());
    }
    Ok(key)
}
