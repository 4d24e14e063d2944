//! Control's end: answers gateways from the store.

use std::sync::Arc;
use std::time::Duration;

use domain::{Epoch, GatewayId, NanoUsd, Secret, UnixMicros};
use proto::broker::v1 as broker;
use proto::broker::v1::broker_server::{Broker, BrokerServer};
use proto::directory::v1 as wire;
use proto::directory::v1::directory_server::{Directory, DirectoryServer};
use service::Shutdown;
use store::{Db, LeaseExtend, LeaseGrant, ProviderKeyUse, StoreError};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::convert::{self, granted_spell, status};
use crate::feed::{LocalFeed, News};
use crate::token::{self, Asked};
use crate::{MESSAGE_BYTES_MAX, control};

/// Limit: gateways that follow changes at once.
const WATCHERS_MAX: usize = 1_000;
/// Limit: pieces of news that wait for a slow gateway; it then waits for the feed, and not the feed for it.
const NEWS_MAX: usize = 16;
/// Without news a gateway hears this often that control is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// A gateway that takes no news for this long is let go.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// Limit: requests of one gateway at once.
const REQUESTS_MAX: u32 = 1_000;
/// The store that takes longer counts as away.
const STORE_DEADLINE: Duration = Duration::from_secs(2);
/// Limit: provider keys in one report.
const USES_MAX: usize = 1_000;

struct Answers {
    db: Db,
    watchers: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// Answers gateways that show the token until the process stops. `tls` is a certificate chain and its key, both PEM.
pub async fn serve(
    listener: TcpListener,
    db: Db,
    token: &Secret<String>,
    tls: Option<(String, String)>,
    shutdown: Shutdown,
) -> Result<(), domain::fault::Cause> {
    let asked = Asked(token::bearer(token).ok_or("the cluster's token has letters that no header may have")?);
    let answers = Arc::new(Answers { db, watchers: Arc::new(Semaphore::new(WATCHERS_MAX)), shutdown: shutdown.clone() });
    let directory = DirectoryServer::from_arc(Arc::clone(&answers)).max_encoding_message_size(MESSAGE_BYTES_MAX);
    let broker = BrokerServer::from_arc(answers);
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .max_concurrent_streams(REQUESTS_MAX)
        .tcp_nodelay(true);
    if let Some((certificate, key)) = tls {
        server = server.tls_config(ServerTlsConfig::new().identity(Identity::from_pem(certificate, key)))?;
    }
    server
        .layer(tonic::service::InterceptorLayer::new(asked))
        .add_service(directory)
        .add_service(broker)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown.stopping())
        .await?;
    Ok(())
}

async fn answered<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, Status> {
    match tokio::time::timeout(STORE_DEADLINE, asked).await {
        Ok(answer) => answer.map_err(status),
        Err(_) => Err(Status::unavailable("the store does not answer")),
    }
}

#[tonic::async_trait]
impl Directory for Answers {
    async fn resolve(&self, request: Request<wire::ResolveRequest>) -> Result<Response<wire::ResolveResponse>, Status> {
        let hash = convert::hash(&request.into_inner().key_hash).map_err(status)?;
        let row = answered(store::caller_by_key_hash(&self.db, &hash)).await?;
        let caller = row.as_ref().map(convert::row_spell).transpose()?.unwrap_or_default();
        Ok(Response::new(wire::ResolveResponse { caller }))
    }

    type WatchStream = ReceiverStream<Result<wire::WatchResponse, Status>>;

    async fn watch(&self, request: Request<wire::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let Ok(place) = Arc::clone(&self.watchers).try_acquire_owned() else {
            return Err(Status::resource_exhausted("too many gateways follow changes here"));
        };
        let mut feed = LocalFeed::new(self.db.clone(), request.into_inner().after_revision);
        let (to, stream) = mpsc::channel(NEWS_MAX);
        let stopping = self.shutdown.stopping();
        self.shutdown.spawn(async move {
            let _place = place;
            tokio::select! {
                () = watch(&mut feed, &to) => {}
                () = stopping => {}
                () = to.closed() => {}
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn provider_keys(&self, request: Request<wire::ProviderKeysRequest>) -> Result<Response<wire::ProviderKeysResponse>, Status> {
        let scope = convert::scope(&request.into_inner().organization).map_err(status)?;
        let keys = answered(control::provider_keys(&self.db, &scope)).await?;
        Ok(Response::new(wire::ProviderKeysResponse { keys: convert::row_spell(&keys)? }))
    }

    async fn provider_keys_used(
        &self,
        request: Request<wire::ProviderKeysUsedRequest>,
    ) -> Result<Response<wire::ProviderKeysUsedResponse>, Status> {
        let uses = request.into_inner().uses;
        if uses.len() > USES_MAX {
            return Err(Status::invalid_argument("too many uses in one report"));
        }
        let uses: Vec<ProviderKeyUse> = uses.into_iter().map(convert::use_read).collect::<Result<_, _>>().map_err(status)?;
        answered(store::provider_keys_used(&self.db, &uses)).await?;
        Ok(Response::new(wire::ProviderKeysUsedResponse {}))
    }

    async fn provider_key_spent(
        &self,
        request: Request<wire::ProviderKeySpentRequest>,
    ) -> Result<Response<wire::ProviderKeySpentResponse>, Status> {
        let ask = request.into_inner();
        let scope = convert::scope(&ask.organization).map_err(status)?;
        let id = convert::id(&ask.id, "provider key").map_err(status)?;
        let (month, total) = answered(store::provider_key_spent(&self.db, &scope, id, UnixMicros(ask.now_us))).await?;
        Ok(Response::new(wire::ProviderKeySpentResponse { month_nano_usd: month.0, total_nano_usd: total.0 }))
    }
}

/// Sends what is new until nobody takes it, or the store does not answer: a gateway that hears nothing knows what that means.
async fn watch(feed: &mut LocalFeed, to: &mpsc::Sender<Result<wire::WatchResponse, Status>>) {
    let mut said: Option<tokio::time::Instant> = None;
    loop {
        let news = answered(feed.next()).await;
        let is_quiet = matches!(&news, Ok(News { reset: false, changes, .. }) if changes.is_empty());
        if is_quiet && said.is_some_and(|at| at.elapsed() < SIGN_OF_LIFE) {
            continue;
        }
        said = Some(tokio::time::Instant::now());
        let is_over = news.is_err();
        let sent = tokio::time::timeout(SEND_DEADLINE, to.send(news.map(convert::news_spell))).await;
        if is_over || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

#[tonic::async_trait]
impl Broker for Answers {
    async fn grant(&self, request: Request<broker::GrantRequest>) -> Result<Response<broker::LeaseResponse>, Status> {
        let ask = request.into_inner();
        let scope = convert::scope(&ask.organization).map_err(status)?;
        let grant = LeaseGrant {
            lease: convert::id(&ask.lease, "lease").map_err(status)?,
            gateway: GatewayId(convert::id(&ask.gateway, "gateway").map_err(status)?),
            epoch: Epoch(ask.epoch),
            want: NanoUsd(ask.want_nano_usd),
            least: NanoUsd(ask.least_nano_usd),
            now: UnixMicros(ask.now_us),
        };
        Ok(Response::new(granted_spell(answered(store::lease_grant(&self.db, &scope, &grant)).await?)))
    }

    async fn extend(&self, request: Request<broker::ExtendRequest>) -> Result<Response<broker::LeaseResponse>, Status> {
        let ask = request.into_inner();
        let scope = convert::scope(&ask.organization).map_err(status)?;
        let extend = LeaseExtend {
            lease: convert::id(&ask.lease, "lease").map_err(status)?,
            extension: convert::id(&ask.extension, "extension").map_err(status)?,
            want: NanoUsd(ask.want_nano_usd),
            least: NanoUsd(ask.least_nano_usd),
            now: UnixMicros(ask.now_us),
        };
        Ok(Response::new(granted_spell(answered(store::lease_extend(&self.db, &scope, &extend)).await?)))
    }

    async fn open(&self, request: Request<broker::OpenRequest>) -> Result<Response<broker::OpenResponse>, Status> {
        let scope = convert::scope(&request.into_inner().organization).map_err(status)?;
        let leases = answered(store::leases_open(&self.db, &scope)).await?;
        Ok(Response::new(broker::OpenResponse { leases: leases.iter().map(|lease| lease.lease.to_string()).collect() }))
    }

    async fn room(&self, request: Request<broker::RoomRequest>) -> Result<Response<broker::RoomResponse>, Status> {
        let message = request.into_inner();
        let scope = convert::scope(&message.organization).map_err(status)?;
        let ask = convert::row_read(&message.ask, "an ask for room").map_err(status)?;
        let granted = answered(store::budget_lease_ask(&self.db, &scope, &ask)).await?;
        Ok(Response::new(broker::RoomResponse { granted: convert::row_spell(&granted)? }))
    }

    async fn r#return(&self, request: Request<broker::ReturnRequest>) -> Result<Response<broker::ReturnResponse>, Status> {
        let message = request.into_inner();
        let scope = convert::scope(&message.organization).map_err(status)?;
        let give = convert::row_read(&message.give, "room to give back").map_err(status)?;
        let taken = answered(store::budget_lease_return(&self.db, &scope, &give)).await?;
        Ok(Response::new(broker::ReturnResponse { taken_nano_usd: taken.0 }))
    }

    async fn recalled(&self, request: Request<broker::RecalledRequest>) -> Result<Response<broker::RecalledResponse>, Status> {
        let message = request.into_inner();
        let gateway = GatewayId(convert::id(&message.gateway, "gateway").map_err(status)?);
        let leases = answered(store::budget_leases_recalled(&self.db, gateway, Epoch(message.epoch))).await?;
        Ok(Response::new(broker::RecalledResponse { leases: leases.iter().map(ToString::to_string).collect() }))
    }
}
