//! `chainfer-relayer`: the relayer service and its tools. Parses and wires; the library does the work.

mod cli;
mod log;

use anyhow::Result;
use chainfer_formats::terminal;
use clap::Parser;
use cli::serve::shutdown;
use cli::{Cli, Command, verbs};
use serde_json::Value;
use std::{io::Write, process::ExitCode};

/// One JSON value on standard output: others script against it.
fn print(value: &Value) -> Result<()> {
    let text = terminal::json(&serde_json::to_string_pretty(value)?);
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// The error and its causes in one line; repeated causes are left out. A service's words are in it.
fn describe(error: &anyhow::Error) -> String {
    let text = error
        .chain()
        .skip(1)
        .fold(error.to_string(), |text, cause| {
            let cause = cause.to_string();
            if text.contains(&cause) {
                text
            } else {
                format!("{text}: {cause}")
            }
        });
    terminal::line(&text)
}

async fn run(command: Command) -> Result<()> {
    let answer = match command {
        Command::Serve(serve) => {
            log::init(serve.log_format);
            return Ok(chainfer_relayer::service::run(serve.resolve()?, shutdown()).await?);
        }
        Command::Submit(args) => verbs::submit(args).await?,
        Command::List(args) => verbs::list(args).await?,
        Command::Show(args) => verbs::show(args).await?,
        Command::Cancel(args) => verbs::cancel(args).await?,
        Command::Status(args) => verbs::status(args).await?,
        Command::Pause(args) => verbs::pause(args).await?,
        Command::Resume(args) => verbs::resume(args).await?,
        Command::Backup(args) => verbs::backup(&args)?,
    };
    print(&answer)
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; the exit code says it too.
            let _ = writeln!(std::io::stderr(), "error: {}", describe(&error));
            ExitCode::FAILURE
        }
    }
}
