//! The only place that opens a socket toward a provider.

mod dial;
#[cfg(test)]
mod dial_tests;

use std::time::Duration;

use bytes::Bytes;
use domain::{Code, Fault};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub(crate) use dial::Dialler;

/// Idle connections kept per provider.
const IDLE_PER_HOST_MAX: usize = 512;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Time limits per phase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connect: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) idle: Duration,
}

/// Pooled connections to every provider.
pub(crate) struct Upstream {
    client: Client<HttpsConnector<Dialler>, Full<Bytes>>,
    pub(crate) limits: Limits,
}

/// A call that got no answer.
#[derive(Debug)]
pub(crate) struct Down {
    pub(crate) code: Code,
    /// No connection was made, so the provider cannot have taken the call.
    pub(crate) unsent: bool,
    cause: domain::fault::Cause,
}

impl Down {
    /// For the caller, when no other candidate is left.
    pub(crate) fn into_fault(self, provider: &str) -> Fault {
        let say = match self.code {
            Code::UpstreamTimeout => format!("the provider `{provider}` did not answer in time; try again, or name another model"),
            _ => format!("the provider `{provider}` could not be reached; try again, or name another model"),
        };
        Fault::new(self.code, say).note(format!("call {provider}")).because(self.cause)
    }
}

impl Upstream {
    pub(crate) fn new(limits: Limits, allow_private: bool) -> Self {
        Self::over(Dialler::new(limits.connect, allow_private), limits)
    }

    fn over(dialler: Dialler, limits: Limits) -> Self {
        let connector = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider());
        let connector = match connector {
            Ok(builder) => builder.https_or_http().enable_all_versions().wrap_connector(dialler),
            // The provider's default versions always suit the provider.
            Err(_) => HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_all_versions().wrap_connector(dialler),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .build(connector);
        Self { client, limits }
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Down> {
        match tokio::time::timeout(self.limits.first_byte, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let code = if dial::timed_out(&error) { Code::UpstreamTimeout } else { Code::UpstreamUnreachable };
                Err(Down { code, unsent: error.is_connect(), cause: error.into() })
            }
            Err(elapsed) => Err(Down { code: Code::UpstreamTimeout, unsent: false, cause: elapsed.into() }),
        }
    }
}
