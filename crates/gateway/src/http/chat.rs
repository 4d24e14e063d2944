//! A chat request: caller, body, call, pipeline, reply.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use domain::{Code, Fault, RequestId};
use http::Response;
use hyper::body::Incoming;
use llm::{CallPath, Dialect};

use super::{caller, reply};
use crate::body::Body;
use crate::call::{Call, Options};
use crate::gateway::Gateway;
use crate::pipeline::{self, Begun};

/// What is known of a request before its body is read.
pub(super) struct Request<'a> {
    pub(super) dialect: Dialect,
    pub(super) path: CallPath<'a>,
    pub(super) head: &'a http::request::Parts,
    /// The address that it comes from.
    pub(super) client: IpAddr,
    pub(super) id: RequestId,
    pub(super) started: Instant,
}

impl Gateway {
    pub(super) async fn chat(self: &Arc<Self>, request: Request<'_>, body: Incoming) -> Result<Response<Body>, Fault> {
        let overloaded =
            || Fault::new(Code::Overloaded, "this instance serves as many calls as it may; try again in a moment").retry_after_ms(1_000);
        let in_flight = self.enter().ok_or_else(overloaded)?;
        let headers = &request.head.headers;
        let now = service::clock::now();
        let caller = self.directory.resolve(caller::required(headers)?, request.client, now).await?;
        let room = self.room(self.body_size(headers)).ok_or_else(overloaded)?;
        let bytes = self.body(headers, body).await?;
        let mut options = Options::read(headers)?;
        caller.levels.note(&mut options)?;
        let call = Call::read(request.dialect, bytes, &request.path, options)?;
        let begun = Begun { caller, id: request.id, started: request.started, now, in_flight, room };
        let answered = pipeline::chat(self, begun, call).await?;
        Ok(reply::answer(answered, request.id))
    }
}
