//! AWS Signature Version 4.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use domain::fault::Cause;
use domain::{Secret, UnixMicros};
use http::Request;
use http::header::{CONTENT_TYPE, HOST};

/// Signs requests with one access key for one service in one region.
pub(crate) struct Signer {
    credentials: Credentials,
    region: String,
    service: &'static str,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[signer for {} in {}]", self.service, self.region)
    }
}

impl Signer {
    pub(crate) fn new(
        access_key_id: &str,
        secret_access_key: &Secret<String>,
        session_token: Option<&Secret<String>>,
        region: String,
        service: &'static str,
    ) -> Self {
        let token = session_token.map(|token| token.expose().clone());
        let credentials = Credentials::new(access_key_id, secret_access_key.expose().clone(), token, None, "stored provider key");
        Self { credentials, region, service }
    }

    /// Adds the signature. Signed are the method, the address, the body, the host and the type of the content; the other
    /// headers are nobody's to rely on.
    pub(crate) fn sign(&self, request: &mut Request<()>, body: &[u8], now: UnixMicros) -> Result<(), Cause> {
        let identity = self.credentials.clone().into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let at: SystemTime = UNIX_EPOCH + Duration::from_micros(u64::try_from(now.0)?);
        let params = v4::SigningParams::builder().identity(&identity).region(&self.region).name(self.service).time(at).settings(settings);
        let params = params.build()?.into();
        let uri = request.uri().clone();
        let host = uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let mut headers = vec![(HOST.as_str(), host.as_str())];
        if let Some(kind) = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
            headers.push((CONTENT_TYPE.as_str(), kind));
        }
        let address = uri.to_string();
        let signable = SignableRequest::new(request.method().as_str(), &*address, headers.into_iter(), SignableBody::Bytes(body))?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}
