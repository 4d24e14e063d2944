//! Answers of any length in bounded memory: piece by piece, each asked for when the client took the one before.

use std::io;

use axum::body::{Body, Bytes};
use domain::Fault;
use futures_util::stream;

/// Part of a long answer, and where the next one begins, if there is one.
#[derive(Debug)]
pub(super) struct Piece<C> {
    pub(super) bytes: Vec<u8>,
    pub(super) next: Option<C>,
}

enum Step<C> {
    Have(Piece<C>),
    Ask(C),
}

/// The body that begins with a piece, which was asked for before so that a refusal is an answer of its own. A failure later breaks
/// the connection off: the client sees that it has not got everything.
pub(super) fn body<C, F, R>(first: Piece<C>, more: F) -> Body
where
    C: Send + 'static,
    F: Fn(C) -> R + Send + 'static,
    R: Future<Output = Result<Piece<C>, Fault>> + Send + 'static,
{
    Body::from_stream(stream::try_unfold((Some(Step::Have(first)), more), |(step, more)| async move {
        let piece = match step {
            None => return Ok(None),
            Some(Step::Have(piece)) => piece,
            Some(Step::Ask(place)) => more(place).await.map_err(broken_off)?,
        };
        Ok::<_, io::Error>(Some((Bytes::from(piece.bytes), (piece.next.map(Step::Ask), more))))
    }))
}

fn broken_off(fault: Fault) -> io::Error {
    tracing::error!(code = fault.code().as_str(), cause = fault.chain(), "a long answer was broken off: {}", fault.say());
    io::Error::other(fault.code().as_str())
}
