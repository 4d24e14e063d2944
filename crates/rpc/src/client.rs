//! Asks control over gRPC.

use std::time::Duration;

use domain::{Epoch, GatewayId, LeaseId, NanoUsd, OrgScope, ProviderKeyId, Secret, UnixMicros};
use proto::broker::v1 as broker;
use proto::broker::v1::broker_client::BrokerClient;
use proto::directory::v1 as wire;
use proto::directory::v1::directory_client::DirectoryClient;
use store::{BudgetAsk, BudgetGranted, CallerRow, LeaseExtend, LeaseGrant, LeaseGranted, LeaseReturn, ProviderKeyUse, StoreError};
use tonic::Streaming;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::MESSAGE_BYTES_MAX;
use crate::control::OrganizationKeys;
use crate::convert::{self, granted_read, refused};
use crate::token::{self, Shown};

const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// Until an answer begins.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);
/// How often a silent connection is tried, and how long it has to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

type Service = InterceptedService<Channel, Shown>;

/// Control, elsewhere. Connections are made when they are needed, and again when they were lost.
#[derive(Clone)]
pub struct Remote {
    directory: DirectoryClient<Service>,
    broker: BrokerClient<Service>,
}

/// Why control cannot be asked.
#[derive(Debug)]
pub enum RemoteError {
    /// Not `http://host:port` or `https://host:port`.
    Url,
    /// The token has letters that no header may have.
    Token,
    /// The certificate cannot be read.
    Certificate,
}

impl Remote {
    /// `authority` is a PEM certificate that control's is signed by; without it, those that everybody trusts.
    pub fn new(url: &str, token: &Secret<String>, authority: Option<&str>) -> Result<Self, RemoteError> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| RemoteError::Url)?;
        let mut endpoint = endpoint
            .connect_timeout(CONNECT_DEADLINE)
            .timeout(ANSWER_DEADLINE)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        if url.starts_with("https://") {
            let tls = match authority {
                Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
                None => ClientTlsConfig::new().with_webpki_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(|_| RemoteError::Certificate)?;
        }
        let shown = Shown(token::bearer(token).ok_or(RemoteError::Token)?);
        let channel = endpoint.connect_lazy();
        Ok(Self {
            directory: DirectoryClient::with_interceptor(channel.clone(), shown.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
            broker: BrokerClient::with_interceptor(channel, shown),
        })
    }

    pub(crate) async fn caller(&self, hash: &[u8; 32]) -> Result<Option<CallerRow>, StoreError> {
        const ACT: &str = "ask control for a caller";
        let asked = self.directory.clone().resolve(wire::ResolveRequest { key_hash: hash.to_vec() }).await;
        let answer = asked.map_err(|status| refused(ACT, status))?.into_inner();
        if answer.caller.is_empty() { Ok(None) } else { convert::row_read(&answer.caller, "caller, from control").map(Some) }
    }

    pub(crate) async fn watch(&self, after_revision: i64) -> Result<Box<Streaming<wire::WatchResponse>>, StoreError> {
        let asked = self.directory.clone().watch(wire::WatchRequest { after_revision }).await;
        Ok(Box::new(asked.map_err(|status| refused("follow changes", status))?.into_inner()))
    }

    pub(crate) async fn provider_keys(&self, scope: &OrgScope) -> Result<OrganizationKeys, StoreError> {
        const ACT: &str = "ask control for provider keys";
        let asked = self.directory.clone().provider_keys(wire::ProviderKeysRequest { organization: organization(scope) }).await;
        convert::row_read(&asked.map_err(|status| refused(ACT, status))?.into_inner().keys, "provider keys, from control")
    }

    pub(crate) async fn provider_keys_used(&self, uses: &[ProviderKeyUse]) -> Result<(), StoreError> {
        let uses = uses.iter().map(convert::use_spell).collect();
        let asked = self.directory.clone().provider_keys_used(wire::ProviderKeysUsedRequest { uses }).await;
        asked.map(|_| ()).map_err(|status| refused("tell control how provider keys did", status))
    }

    pub(crate) async fn provider_key_spent(
        &self,
        scope: &OrgScope,
        id: ProviderKeyId,
        now: UnixMicros,
    ) -> Result<(NanoUsd, NanoUsd), StoreError> {
        const ACT: &str = "ask control what a provider key spent";
        let ask = wire::ProviderKeySpentRequest { organization: organization(scope), id: id.to_string(), now_us: now.0 };
        let answer = self.directory.clone().provider_key_spent(ask).await.map_err(|status| refused(ACT, status))?.into_inner();
        Ok((NanoUsd(answer.month_nano_usd), NanoUsd(answer.total_nano_usd)))
    }

    pub(crate) async fn lease_grant(&self, scope: &OrgScope, ask: &LeaseGrant) -> Result<LeaseGranted, StoreError> {
        let message = broker::GrantRequest {
            organization: organization(scope),
            lease: ask.lease.to_string(),
            gateway: ask.gateway.to_string(),
            epoch: ask.epoch.0,
            want_nano_usd: ask.want.0,
            least_nano_usd: ask.least.0,
            now_us: ask.now.0,
        };
        let asked = self.broker.clone().grant(message).await;
        Ok(granted_read(&asked.map_err(|status| refused("ask control for a lease", status))?.into_inner()))
    }

    pub(crate) async fn lease_extend(&self, scope: &OrgScope, ask: &LeaseExtend) -> Result<LeaseGranted, StoreError> {
        let message = broker::ExtendRequest {
            organization: organization(scope),
            lease: ask.lease.to_string(),
            extension: ask.extension.to_string(),
            want_nano_usd: ask.want.0,
            least_nano_usd: ask.least.0,
            now_us: ask.now.0,
        };
        let asked = self.broker.clone().extend(message).await;
        Ok(granted_read(&asked.map_err(|status| refused("ask control for more on a lease", status))?.into_inner()))
    }

    pub(crate) async fn leases_open(&self, scope: &OrgScope) -> Result<Vec<LeaseId>, StoreError> {
        const ACT: &str = "ask control for open leases";
        let asked = self.broker.clone().open(broker::OpenRequest { organization: organization(scope) }).await;
        let answer = asked.map_err(|status| refused(ACT, status))?.into_inner();
        answer.leases.iter().map(|lease| convert::id(lease, "lease")).collect()
    }

    pub(crate) async fn budget_lease_ask(&self, scope: &OrgScope, ask: &BudgetAsk) -> Result<BudgetGranted, StoreError> {
        const ACT: &str = "ask control for room in a budget";
        let ask = convert::row_spell(ask).map_err(|status| refused(ACT, status))?;
        let asked = self.broker.clone().room(broker::RoomRequest { organization: organization(scope), ask }).await;
        convert::row_read(&asked.map_err(|status| refused(ACT, status))?.into_inner().granted, "room in a budget, from control")
    }

    pub(crate) async fn budget_lease_return(&self, scope: &OrgScope, give: &LeaseReturn) -> Result<NanoUsd, StoreError> {
        const ACT: &str = "give room in a budget back to control";
        let give = convert::row_spell(give).map_err(|status| refused(ACT, status))?;
        let asked = self.broker.clone().r#return(broker::ReturnRequest { organization: organization(scope), give }).await;
        Ok(NanoUsd(asked.map_err(|status| refused(ACT, status))?.into_inner().taken_nano_usd))
    }

    pub(crate) async fn budget_leases_recalled(&self, gateway: GatewayId, epoch: Epoch) -> Result<Vec<LeaseId>, StoreError> {
        const ACT: &str = "ask control for recalled leases";
        let asked = self.broker.clone().recalled(broker::RecalledRequest { gateway: gateway.to_string(), epoch: epoch.0 }).await;
        let answer = asked.map_err(|status| refused(ACT, status))?.into_inner();
        answer.leases.iter().map(|lease| convert::id(lease, "lease")).collect()
    }
}

fn organization(scope: &OrgScope) -> String {
    scope.organization().to_string()
}
