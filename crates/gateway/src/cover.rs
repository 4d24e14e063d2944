//! What a call holds, of credits and of room in budgets, and how much output that covers.

use std::future::Future;
use std::sync::Arc;

use domain::{Fault, NanoUsd};

use crate::settle::OpenCall;

/// Output that is covered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cover {
    /// Tokens, all choices together.
    pub(crate) output: u64,
    /// What is set as the limit upstream, because the caller set none and no more is covered.
    pub(crate) output_cap: Option<u64>,
}

impl OpenCall {
    /// Whether its output is bounded by what it holds.
    pub(crate) fn is_held(&self) -> bool {
        self.hold.is_some() || !self.budgets.is_empty()
    }

    pub(crate) const fn cover_only(&mut self, cover: Cover) {
        self.covered = cover.output;
        self.output_cap = cover.output_cap;
    }

    /// Extends everything that it holds until this much output is covered, from what is leased. False: something is
    /// missing, and `refill` asks for it.
    pub(crate) fn cover(&mut self, output: u64) -> bool {
        let Some(candidate) = &self.candidate else { return false };
        let mut covered = true;
        if let Some(hold) = &mut self.hold {
            let more = candidate.hold_for(output) - hold.amount();
            covered &= more.is_negative() || hold.extend_now(more);
        }
        for hold in &mut self.budgets {
            let more = candidate.counted_for(hold.budget().row.counts, output) - hold.amount();
            covered &= more.is_negative() || hold.extend_now(more);
        }
        if covered {
            self.covered = output;
        }
        covered
    }

    /// Asks for what is missing to cover this much output.
    pub(crate) fn refill(&self, output: u64) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let gateway = Arc::clone(self.gateway());
        let candidate = self.candidate.as_ref();
        let credits = self
            .hold
            .as_ref()
            .zip(candidate)
            .map(|(hold, candidate)| (Arc::clone(hold.account()), candidate.hold_for(output) - hold.amount(), hold.amount()));
        let rooms = self.budgets.iter().zip(candidate.into_iter().cycle()).map(|(hold, candidate)| {
            let more = candidate.counted_for(hold.budget().row.counts, output) - hold.amount();
            (Arc::clone(hold.room()), more, hold.amount())
        });
        let rooms: Vec<_> = rooms.filter(|(_, more, _)| *more > NanoUsd::ZERO).collect();
        async move {
            if let Some((account, more, own)) = credits.filter(|(_, more, _)| *more > NanoUsd::ZERO) {
                gateway.funds.refill(&account, more, Some(own)).await?;
            }
            for (room, more, own) in rooms {
                gateway.budgets.extend(&room, more, own).await?;
            }
            Ok(())
        }
    }
}
