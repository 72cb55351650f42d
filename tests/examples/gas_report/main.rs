//! Measures what verification costs and writes `verifier-gen/GAS.md` and `verifier-gen/gas.json`; `scripts/gas-report` runs it.
//!
//! With `--check` nothing is written: the small shapes and the demo model are measured again, and figures that differ from
//! the committed ones by more than the tolerance are a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

#[path = "../../../verifier-gen/tests/common/mod.rs"]
mod common;
mod markdown;
mod models;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use chainfer_tests::{repository, zkml_mnist};
use common::{
    batch::batches,
    gas::{TOLERANCE, drift, shapes},
};
use serde_json::{Value, json};

const COMMAND: &str = "scripts/gas-report";

/// Everything that does not depend on files outside of the repository.
fn measure() -> Result<Value> {
    eprintln!("shapes");
    Ok(json!({
        "evm": "Osaka (revm)",
        "solc": solc_version()?,
        "shapes": shapes(),
        "batches": batches(),
        "models": models::digits()?,
    }))
}

fn solc_version() -> Result<String> {
    let path = repository().join("node_modules/solc/package.json");
    let package: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let version = package["version"].as_str().context("solc's version")?;
    Ok(version.to_owned())
}

fn write() -> Result<()> {
    let mut report = measure()?;
    match zkml_mnist() {
        Some(folder) => {
            let mnist = models::mnist(&folder)?;
            let all = report["models"].as_array_mut().context("models")?;
            all.extend(mnist);
        }
        None => eprintln!(
            "left out: zkml's MNIST network (CHAINFER_DATA names the folder that holds zkml-mnist)"
        ),
    }
    let folder = repository().join("verifier-gen");
    let text = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(folder.join("gas.json"), text)?;
    std::fs::write(folder.join("GAS.md"), markdown::render(&report))?;
    eprintln!("wrote verifier-gen/GAS.md and verifier-gen/gas.json");
    Ok(())
}

fn check() -> Result<()> {
    let folder = repository().join("verifier-gen");
    let mut committed: Value = serde_json::from_slice(&std::fs::read(folder.join("gas.json"))?)?;
    let rendered = markdown::render(&committed);
    // Models from outside of the repository are not measured again.
    if let Some(models) = committed["models"].as_array_mut() {
        models.retain(|model| model["model"] == models::DIGITS);
    }
    let mut lines = Vec::new();
    drift("gas.json", &committed, &measure()?, &mut lines);
    if std::fs::read_to_string(folder.join("GAS.md"))? != rendered {
        lines.push("GAS.md is not what gas.json renders to".into());
    }
    if lines.is_empty() {
        let percent = 100.0 * TOLERANCE;
        eprintln!("the committed figures hold to {percent} %, sizes exactly");
        return Ok(());
    }
    bail!("stale figures, run {COMMAND}:\n{}", lines.join("\n"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [] => write(),
        [flag] if flag == "--check" => check(),
        _ => {
            eprintln!("usage: {COMMAND} [--check]");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
