//! Pooled connections over the guarded dialler: the only place that opens a socket to the outside.

use std::time::Duration;

use bytes::Bytes;
use domain::{Code, Fault};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::dial::{self, Dialler};

/// Idle connections kept per provider.
const IDLE_PER_HOST_MAX: usize = 512;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Time limits per phase.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until a connection is there.
    pub connect: Duration,
    /// Until the answer's head is there, connecting included.
    pub first_byte: Duration,
    /// Between two pieces of the answer's body.
    pub idle: Duration,
}

/// Pooled connections to every host.
pub struct Upstream {
    client: Client<HttpsConnector<Dialler>, Full<Bytes>>,
    /// Time limits per phase.
    pub limits: Limits,
}

/// A request that got no answer.
#[derive(Debug)]
pub struct Down {
    /// Whether it took too long or there was nobody.
    pub code: Code,
    /// No connection was made, so the provider cannot have taken the call.
    pub unsent: bool,
    cause: domain::fault::Cause,
}

impl Down {
    /// There was an answer, and it is none.
    pub fn useless(why: String) -> Self {
        Self { code: Code::UpstreamInvalidResponse, unsent: false, cause: why.into() }
    }

    /// Nothing was asked: what had to come first took too long.
    pub fn late(why: &'static str) -> Self {
        Self { code: Code::UpstreamTimeout, unsent: true, cause: why.into() }
    }

    /// For the log, where the caller is told something else.
    pub fn into_cause(self) -> domain::fault::Cause {
        self.cause
    }

    /// For the caller, when no other candidate is left.
    pub fn into_fault(self, provider: &str) -> Fault {
        let say = match self.code {
            Code::UpstreamTimeout => format!("the provider `{provider}` did not answer in time; try again, or name another model"),
            _ => format!("the provider `{provider}` could not be reached; try again, or name another model"),
        };
        Fault::new(self.code, say).note(format!("call {provider}")).because(self.cause)
    }
}

impl Upstream {
    /// `allow_private`: addresses of this machine and its networks may be dialled, and without TLS.
    pub fn new(limits: Limits, allow_private: bool) -> Self {
        Self::over(Dialler::new(limits.connect, allow_private), limits)
    }

    pub(crate) fn over(dialler: Dialler, limits: Limits) -> Self {
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
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Down> {
        match tokio::time::timeout(self.limits.first_byte, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let code = if dial::timed_out(&error) { Code::UpstreamTimeout } else { Code::UpstreamUnreachable };
                Err(Down { code, unsent: error.is_connect(), cause: error.into() })
            }
            Err(elapsed) => Err(Down { code: Code::UpstreamTimeout, unsent: false, cause: elapsed.into() }),
        }
    }
    /// Sends a request and reads the whole answer, within `deadline` and of at most `bytes_max`.
    pub async fn fetch(&self, request: Request<Full<Bytes>>, bytes_max: usize, deadline: Duration) -> Result<Response<Bytes>, Down> {
        let whole = async {
            let (head, body) = self.send(request).await?.into_parts();
            let body = Limited::new(body, bytes_max).collect().await;
            let body = body.map_err(|cause| Down { code: Code::UpstreamInvalidResponse, unsent: false, cause })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        match tokio::time::timeout(deadline, whole).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(Down { code: Code::UpstreamTimeout, unsent: false, cause: elapsed.into() }),
        }
    }
}
