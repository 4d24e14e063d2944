//! One file per command.

use std::process::ExitCode;

pub(crate) mod bootstrap;
pub(crate) mod credits;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod keys;
pub(crate) mod master_keys;
pub(crate) mod reconcile;
pub(crate) mod serve;
pub(crate) mod sim;

/// Prints for the person or program that called: standard output is this program's interface.
#[expect(clippy::print_stdout, reason = "the one place that prints results")]
pub(crate) fn say(text: impl std::fmt::Display) {
    println!("{text}");
}

pub(crate) fn version() -> anyhow::Result<ExitCode> {
    say(format_args!("llmg {}", env!("CARGO_PKG_VERSION")));
    Ok(ExitCode::SUCCESS)
}

/// A fault as an error of this program: what to do, then why.
pub(crate) fn refused(fault: domain::Fault) -> anyhow::Error {
    let chain = fault.chain();
    if chain.is_empty() { anyhow::anyhow!("{}", fault.say()) } else { anyhow::anyhow!("{} ({chain})", fault.say()) }
}
