//! `llmg db migrate`.

use std::process::ExitCode;

use service::Config;

use super::say;
use crate::instance::Instance;

pub(crate) async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    // Opening migrates; that is all that the embedded stores need.
    let instance = Instance::open(config).await?;
    instance.close().await;
    say("the schemas are up to date");
    Ok(ExitCode::SUCCESS)
}
