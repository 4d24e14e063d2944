//! Chores of this repository: `cargo xtask <command>`.
#![expect(clippy::print_stdout, reason = "a command for people at a terminal")]

mod catalog;
mod tidy;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "Chores of this repository")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Imports models and prices into crates/catalog/data, or checks what is there.
    Catalog(catalog::Options),
    /// Checks the rules of this repository that no compiler checks.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Catalog(options) => catalog::run(&options),
        Command::Tidy => tidy::run(),
    }
}
