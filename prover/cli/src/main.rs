#![doc = include_str!("../README.md")]

mod allocator;
mod args;
mod chain;
mod demo;
mod drawing;
mod failure;
mod output;
mod solidity;
mod verbs;

use args::{Cli, Command, GlobalArgs};
use clap::Parser as _;
use output::{Progress, Report};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    allocator::share_one_arena();
    let cli = Cli::parse();
    log_to_stderr(cli.global);
    let outcome = run(cli.command, Progress::new(cli.global.quiet))
        .and_then(|report| Ok((output::print_report(&report, cli.global.json)?, report).1));
    match outcome {
        Ok(report) if report.is_success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(failure::ExitCode::Failed as u8),
        Err(error) => {
            let code = failure::exit_code(&error);
            output::print_failure(&error, code, cli.global.json);
            ExitCode::from(code as u8)
        }
    }
}

fn run(command: Command, progress: Progress) -> anyhow::Result<Report> {
    match command {
        Command::Compile(args) => verbs::compile::run(args, progress),
        Command::Prove(args) => verbs::prove::run(args, progress),
        Command::Verify(args) => verbs::verify::run(&args, progress),
        Command::Run(args) => verbs::run::run(&args, progress),
        Command::Evaluate(args) => verbs::evaluate::run(&args, progress),
        Command::Open(args) => verbs::open::run(&args, progress),
        Command::Inspect(args) => verbs::inspect::run(args, progress),
        Command::Audit(args) => verbs::audit::run(&args, progress),
        Command::Solidity(args) => verbs::solidity::run(&args, progress),
        Command::Deploy(args) => verbs::deploy::run(args, progress),
        Command::Catalogue(args) => verbs::catalogue::run(&args, progress),
        Command::CheckRegistry(args) => verbs::check_registry::run(&args, progress),
        Command::CheckModel(args) => verbs::check_model::run(&args, progress),
        Command::Attest(args) => verbs::attest::run(args, progress),
        Command::Srs(args) => verbs::srs::run(&args, progress),
        Command::Demo(args) => demo::run(args, progress),
        Command::Completions { shell } => verbs::completions::run(shell),
    }
}

/// Crates whose words a user may want to read.
const OURS: [&str; 9] = [
    "chainfer",
    "chainfer_accelerators",
    "chainfer_compute",
    "chainfer_plonk",
    "chainfer_model",
    "chainfer_circuits",
    "chainfer_engine",
    "chainfer_verifier_gen",
    "chainfer_relayer",
];

/// What the libraries log: warnings only, unless asked for more. `RUST_LOG` has the last word.
fn log_to_stderr(global: GlobalArgs) {
    let (ours, others) = match (global.quiet, global.verbose) {
        (true, _) => ("error", "error"),
        (_, 0) => ("warn", "error"),
        (_, 1) => ("info", "warn"),
        (_, 2) => ("debug", "info"),
        _ => ("trace", "debug"),
    };
    let ours = OURS.map(|name| format!("{name}={ours}")).join(",");
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{others},{ours}")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours are what the writer would escape.
        .with_ansi(false)
        .with_writer(|| output::PlainStderr)
        .init();
}
