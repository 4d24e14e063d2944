//! The secret that gateways and control share: who has it may read sealed keys and lease credit.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use domain::Secret;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

const HEADER: &str = "authorization";

/// As sent.
pub(crate) fn bearer(token: &Secret<String>) -> Option<MetadataValue<Ascii>> {
    let mut value: MetadataValue<Ascii> = format!("Bearer {}", token.expose()).parse().ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Shows the token with each request.
#[derive(Clone)]
pub(crate) struct Shown(pub(crate) MetadataValue<Ascii>);

impl Interceptor for Shown {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(HEADER, self.0.clone());
        Ok(request)
    }
}

/// Lets in who shows it. How long that takes says nothing of how much of it was right.
#[derive(Clone)]
pub(crate) struct Asked(pub(crate) MetadataValue<Ascii>);

impl Interceptor for Asked {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let shown = request.metadata().get(HEADER).map(|value| value.as_encoded_bytes()).unwrap_or_default();
        match verify_slices_are_equal(shown, self.0.as_encoded_bytes()) {
            Ok(()) => Ok(request),
            Err(_) => Err(Status::unauthenticated("the cluster's token is missing or another one")),
        }
    }
}
