//! `llmg sim`: the simulated provider as a process of its own.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::say;

/// How the simulated provider answers where a request's directives leave it open.
#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4010")]
    listen: SocketAddr,
    /// Milliseconds before an answer's headers.
    #[arg(long)]
    delay_ms: Option<u64>,
    /// Milliseconds between two chunks of a stream.
    #[arg(long)]
    gap_ms: Option<u64>,
    /// Chunks of a stream's text.
    #[arg(long)]
    chunks: Option<u64>,
    /// Tokens of an answer.
    #[arg(long)]
    output_tokens: Option<u64>,
}

pub(crate) async fn run(args: SimArgs) -> anyhow::Result<ExitCode> {
    let mut options = sim::Options::default();
    let defaults = &mut options.defaults;
    defaults.delay_ms = args.delay_ms.or(defaults.delay_ms);
    defaults.gap_ms = args.gap_ms.or(defaults.gap_ms);
    defaults.chunks = args.chunks.or(defaults.chunks);
    defaults.output_tokens = args.output_tokens.or(defaults.output_tokens);
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("listen on {}", args.listen))?;
    let at = listener.local_addr().context("read the address")?;
    say(format_args!("llmg sim is ready on http://{at} (OpenAI: /v1, Anthropic: /v1/messages, Gemini: /v1beta; journal: /sim/journal)"));
    sim::serve(listener, options, async {
        // Without signals to listen to it runs until it is killed.
        if service::shutdown::signalled().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
    .await;
    Ok(ExitCode::SUCCESS)
}
