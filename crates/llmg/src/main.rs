//! The one binary: `llmg up` runs all of it, the other commands run or serve a part.

mod cli;
mod command;
mod edge;
mod front;
mod instance;
mod kms;
mod master_keys;
mod ops;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A refused setting or argument.
const EXIT_REFUSED: u8 = 2;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::from(EXIT_REFUSED)
        }
    }
}

/// One line with the whole chain of causes.
#[expect(clippy::print_stderr, reason = "the terminal is this program's user interface")]
fn report(error: &anyhow::Error) {
    let line = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
    eprintln!("llmg: {line}");
}
