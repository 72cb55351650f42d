//! `chainfer completions`: prints the completion script of a shell.

use crate::{
    args::Cli,
    output::{Page, Report},
};
use anyhow::Context as _;
use clap::CommandFactory as _;
use serde_json::json;

/// Generates the script; the report's text is the script alone, to be sourced.
pub(crate) fn run(shell: clap_complete::Shell) -> anyhow::Result<Report> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "chainfer", &mut script);
    let script = String::from_utf8(script).context("the script is not text")?;
    Report::new(
        &json!({ "shell": shell.to_string(), "script": script }),
        Page::new().verbatim(script),
    )
}
