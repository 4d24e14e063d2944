//! One listener for all: `/v1` goes to the gateway, pages to the dashboard, the rest to the routers of control and operations.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body as RouterBody;
use dashboard::Dashboard;
use gateway::Gateway;
use http::{Request, Response, StatusCode};
use http_body_util::Either;
use hyper::body::Incoming;
use service::address::TrustedProxies;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, DefaultPredicate, Predicate, SizeAbove};

/// Below this an answer fits into one packet as it is.
const COMPRESSED_BYTES_MIN: u64 = 1_400;

/// For answers that are whole and may be long; never for calls, whose streams must not wait for a compressor.
pub(crate) fn compressed() -> CompressionLayer<And<DefaultPredicate, SizeAbove>> {
    CompressionLayer::new().compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESSED_BYTES_MIN)))
}

/// What answers a request.
#[derive(Clone)]
pub(crate) struct Edge {
    gateway: Option<Arc<Gateway>>,
    dashboard: Option<Arc<Dashboard>>,
    rest: Router,
    proxies: Arc<TrustedProxies>,
}

type Answer = Response<Either<gateway::Body, RouterBody>>;

impl Edge {
    pub(crate) fn new(
        gateway: Option<Arc<Gateway>>,
        dashboard: Option<Arc<Dashboard>>,
        rest: Router,
        proxies: Arc<TrustedProxies>,
    ) -> Self {
        Self { gateway, dashboard, rest, proxies }
    }

    /// `peer` is the address at the other end of the connection.
    pub(crate) async fn answer(self, peer: IpAddr, mut request: Request<Incoming>) -> Result<Answer, Infallible> {
        let client = self.proxies.client(peer, request.headers());
        let path = request.uri().path();
        if let Some(gateway) = self.gateway.filter(|_| Gateway::owns(path)) {
            if Gateway::only_lists(path) {
                return listed(gateway, client, request).await;
            }
            return Ok(gateway.handle(client, request).await.map(Either::Left));
        }
        request.extensions_mut().insert(control::Peer(client));
        let Some(dashboard) = self.dashboard.filter(|_| !is_api(request.uri().path())) else {
            return Ok(self.rest.oneshot(request.map(RouterBody::new)).await?.map(Either::Right));
        };
        if let Some(page) = dashboard.answer(request.method(), request.uri().path(), request.headers()) {
            return Ok(page.map(|bytes| Either::Right(RouterBody::from(bytes))));
        }
        let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
        let response = self.rest.oneshot(request.map(RouterBody::new)).await?;
        if response.status() == StatusCode::NOT_FOUND
            && let Some(page) = dashboard.not_found(&method, uri.path(), &headers)
        {
            return Ok(page.map(|bytes| Either::Right(RouterBody::from(bytes))));
        }
        Ok(response.map(Either::Right))
    }
}

/// Compressed, because the list is long. No other answer of the gateway is.
async fn listed(gateway: Arc<Gateway>, client: IpAddr, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let list = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(gateway.handle(client, request).await) }
    });
    Ok(compressed().layer(list).oneshot(request).await?.map(|body| Either::Right(RouterBody::new(body))))
}

fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}
