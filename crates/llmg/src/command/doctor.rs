//! `llmg doctor`: is everything in place?

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use service::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::say;
use crate::instance::{self, Instance};

/// Something must be mended.
const EXIT_UNWELL: u8 = 1;
const PROBE_DEADLINE: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let mut well = true;
    let mut check = |name: &str, found: anyhow::Result<String>| {
        well &= found.is_ok();
        match found {
            Ok(detail) => say(format_args!("ok    {name}: {detail}")),
            Err(error) => say(format_args!("FAIL  {name}: {error:#}")),
        }
    };
    check("configuration", Ok(format!("listen {}, data in {}", config.listen, config.data_dir.display())));
    check("catalog", instance::catalog(config).map(|c| format!("{} providers, {} models", c.providers().len(), c.models().len())));
    let with_key = config.providers.iter().filter(|(_, p)| p.api_key.is_some() || p.base_url.is_some()).map(|(id, _)| id.as_str());
    check("providers", Ok(format!("sim {}", with_key.collect::<Vec<_>>().join(" "))));
    match Instance::open(config).await {
        Ok(instance) => {
            check("relational store", instance.db.ping().await.map(|()| "answers".to_owned()).context("ask"));
            check("analytics store", instance.analytics.ping().await.map(|()| "answers".to_owned()).context("ask"));
            let all = metering::reconcile(&instance.db, &instance.analytics, &instance.events_dir).await.context("compare the books");
            check(
                "books",
                all.map(|all| if all.is_exact() { "exact".to_owned() } else { "behind, or different: see `llmg reconcile`".to_owned() }),
            );
            instance.close().await;
        }
        Err(error) => check("stores", Err(error)),
    }
    let running = ready(config).await;
    say(format_args!(
        "{}  instance on {}: {}",
        if running.is_ok() { "ok  " } else { "note" },
        config.listen,
        match running {
            Ok(()) => "ready".to_owned(),
            Err(error) => format!("not running here ({error:#})"),
        }
    ));
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(EXIT_UNWELL) })
}

/// Asks `/readyz` where it is served: on the operations address, or on the main one while that is loopback.
async fn ready(config: &Config) -> anyhow::Result<()> {
    let at = config.ops_listen.unwrap_or(config.listen);
    let ask = async {
        let mut stream = TcpStream::connect(at).await.context("connect")?;
        let request = format!("GET /readyz HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.context("ask")?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await.context("read the answer")?;
        anyhow::ensure!(answer.starts_with("HTTP/1.1 200"), "it answers: {}", answer.lines().next().unwrap_or_default());
        Ok(())
    };
    tokio::time::timeout(PROBE_DEADLINE, ask).await.context("no answer in time")?
}
