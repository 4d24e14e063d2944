//! One listener for all: `/v1` goes to the gateway, the rest to the routers of control and operations.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body as RouterBody;
use gateway::Gateway;
use http::{Request, Response};
use http_body_util::Either;
use hyper::body::Incoming;
use tower::ServiceExt;

/// What answers a request.
#[derive(Clone)]
pub(crate) struct Edge {
    gateway: Option<Arc<Gateway>>,
    rest: Router,
}

impl Edge {
    pub(crate) fn new(gateway: Option<Arc<Gateway>>, rest: Router) -> Self {
        Self { gateway, rest }
    }

    /// `peer` is the address at the other end of the connection.
    pub(crate) async fn answer(
        self,
        peer: IpAddr,
        mut request: Request<Incoming>,
    ) -> Result<Response<Either<gateway::Body, RouterBody>>, Infallible> {
        if let Some(gateway) = self.gateway.filter(|_| Gateway::owns(request.uri().path())) {
            return Ok(gateway.handle(request).await.map(Either::Left));
        }
        request.extensions_mut().insert(control::Peer(peer));
        let response = self.rest.oneshot(request.map(RouterBody::new)).await?;
        Ok(response.map(Either::Right))
    }
}
