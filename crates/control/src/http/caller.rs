//! From a request's headers to a proof of who asks. A handler that answers about a tenant takes one as its first
//! argument; open routes take a [`Visitor`].

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};
use domain::{Code, Fault, OrganizationId, Secret};

use crate::app::Control;
use crate::app::ask::not_found;
use crate::app::auth::Visitor;
use crate::app::caller::{Admin, Developer, LoggedIn, Management, Operator, Owner, Payer};
use crate::app::scopes::Access;
use crate::app::sessions::ORGANIZATION_HEADER;
use crate::http::cookie;
use crate::http::edge::Refused;

/// Limit: bytes of a presented key.
const KEY_BYTES_MAX: usize = 512;

const HOW: &str = "send a management key as `Authorization: Bearer llmgm_…`";

/// The address at the other end of the connection. The listener puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What a request presents. A key wins over a cookie: browsers never send one by themselves.
enum Presented<'a> {
    Key(&'a str),
    Session(&'a str),
}

impl FromRequestParts<Arc<Control>> for Management {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refused> {
        let caller = proven(parts, control).await?;
        let access = if is_reading(&parts.method) { Access::Read } else { Access::Write };
        caller.check(parts.uri.path(), access)?;
        Ok(caller)
    }
}

/// Who asks, before anything is asked about a path.
pub(super) async fn proven(parts: &Parts, control: &Control) -> Result<Management, Refused> {
    let named = organization(&parts.headers)?;
    match presented(parts, control)? {
        Presented::Key(key) => {
            let caller = control.management(key, visitor(parts)).await?;
            // A key is of one organization; it must not act there while its user means another.
            if named.is_some_and(|named| named != caller.scope().organization()) {
                return Err(Refused(not_found("organization").param(ORGANIZATION_HEADER)));
            }
            Ok(caller)
        }
        Presented::Session(token) => {
            let person = control.logged_in(token, visitor(parts)).await?;
            control.member(&person, named).await.map_err(Refused)
        }
    }
}

impl FromRequestParts<Arc<Control>> for LoggedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refused> {
        match presented(parts, control)? {
            Presented::Session(token) => control.logged_in(token, visitor(parts)).await.map_err(Refused),
            Presented::Key(key) => {
                control.management(key, visitor(parts)).await?;
                Err(Refused(Fault::new(Code::PermissionDenied, "this is about a person's own account: log in; a management key is nobody")))
            }
        }
    }
}

impl FromRequestParts<Arc<Control>> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refused> {
        // Without an origin it is no browser, and no other site's page can be behind it.
        at_our_door(parts, control, false)?;
        Ok(visitor(parts))
    }
}

fn visitor(parts: &Parts) -> Visitor {
    let agent = text(&parts.headers, &USER_AGENT).unwrap_or_default().to_owned();
    Visitor { address: parts.extensions.get::<Peer>().map(|peer| peer.0), agent }
}

/// A browser on its way to a sign-in provider or back: where it is, and what it kept.
pub(super) struct Doorway {
    /// As the browser spells it.
    pub(super) origin: String,
    /// Its cookie.
    pub(super) kept: Option<Secret<String>>,
}

impl FromRequestParts<Arc<Control>> for Doorway {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refused> {
        // A page of ours asks, so there is an origin, and it is the host's.
        at_our_door(parts, control, true)?;
        let origin = text(&parts.headers, &ORIGIN).unwrap_or_default().to_owned();
        let kept = cookie::sign_in(&parts.headers, control.front()).map(|text| Secret::new(text.to_owned()));
        Ok(Self { origin, kept })
    }
}

/// The token of a browser that wants to leave; open or not.
pub(super) struct Leaving(pub(super) Visitor, pub(super) Option<String>);

impl FromRequestParts<Arc<Control>> for Leaving {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refused> {
        let token = cookie::token(&parts.headers, control.front()).map(str::to_owned);
        at_our_door(parts, control, token.is_some())?;
        Ok(Self(visitor(parts), token))
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

narrower! { Developer Payer Admin Owner Operator }

fn presented<'a>(parts: &'a Parts, control: &Control) -> Result<Presented<'a>, Fault> {
    if parts.headers.contains_key(AUTHORIZATION) {
        return key(&parts.headers).map(Presented::Key);
    }
    let Some(token) = cookie::token(&parts.headers, control.front()) else {
        return Err(Fault::new(Code::MissingApiKey, format!("log in, or {HOW}")));
    };
    at_our_door(parts, control, !is_reading(&parts.method))?;
    Ok(Presented::Session(token))
}

const fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Host and origin are ours. HTTP/2 carries the host in the address.
fn at_our_door(parts: &Parts, control: &Control, origin_needed: bool) -> Result<(), Fault> {
    let host = parts.uri.authority().map(|authority| authority.as_str()).or_else(|| text(&parts.headers, &HOST));
    // An origin that is no text is no origin of ours.
    let origin = parts.headers.get(ORIGIN).map(|value| value.to_str().unwrap_or("?"));
    control.front().check(host, origin, origin_needed)
}

fn key(headers: &HeaderMap) -> Result<&str, Fault> {
    let unreadable = || Fault::new(Code::MalformedApiKey, format!("the `Authorization` header is not readable; {HOW}"));
    let (scheme, key) = text(headers, &AUTHORIZATION).and_then(|text| text.split_once(' ')).ok_or_else(unreadable)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(unreadable());
    }
    Ok(key)
}

/// A misspelled organization is nobody's.
fn organization(headers: &HeaderMap) -> Result<Option<OrganizationId>, Fault> {
    let Some(value) = headers.get(ORGANIZATION_HEADER) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| not_found("organization").param(ORGANIZATION_HEADER))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
