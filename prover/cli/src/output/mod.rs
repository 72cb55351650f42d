//! The only module that prints. Results go to stdout, as text or as one JSON object; everything else goes to stderr. What could
//! confuse a terminal is escaped, whoever it comes from.

mod log;
mod page;
mod progress;

pub(crate) use log::PlainStderr;
pub(crate) use page::{Align, Page, Table, bytes, seconds, thousands};
pub(crate) use progress::Progress;

use crate::failure::ExitCode;
use chainfer_formats::terminal;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write};

/// The result of a verb, as JSON and as text.
#[derive(Debug)]
pub(crate) struct Report {
    json: Value,
    page: Page,
    success: bool,
}

impl Report {
    /// A report that ends the program with exit code 0.
    pub(crate) fn new(json: &impl Serialize, page: Page) -> anyhow::Result<Self> {
        Ok(Self {
            json: serde_json::to_value(json)?,
            page,
            success: true,
        })
    }

    /// The same report for a check that failed: it is printed in the same way, and the program exits with 1.
    pub(crate) fn negative(mut self) -> Self {
        self.success = false;
        self
    }

    /// Whether the program exits with 0.
    pub(crate) fn is_success(&self) -> bool {
        self.success
    }
}

/// Prints a report on stdout.
///
/// # Errors
/// Writing to stdout fails.
pub(crate) fn print_report(report: &Report, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        let json = format!("{:#}", report.json);
        writeln!(out, "{}", terminal::json(&json))?;
    } else {
        write!(out, "{}", report.page)?;
    }
    out.flush()
}

/// Prints an error and its causes to stderr and, if `as_json`, as JSON to stdout.
pub(crate) fn print_failure(error: &anyhow::Error, code: ExitCode, as_json: bool) {
    let causes = causes(error);
    let mut err = io::stderr().lock();
    // If stderr is closed, there is nowhere to report it.
    let _ = writeln!(err, "error: {}", terminal::lines(&causes.join(": ")));
    if as_json {
        let (message, exit_code) = (causes.join(": "), code as u8);
        let object = json!({ "error": { "message": message, "exit_code": exit_code } });
        let object = terminal::json(&format!("{object:#}"));
        let _ = writeln!(io::stdout().lock(), "{object}");
    }
}

/// The messages of an error and its causes, outermost first. A cause that is part of the message before is left out.
fn causes(error: &anyhow::Error) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if messages.last().is_none_or(|last| !last.contains(&text)) {
            messages.push(text);
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_repeated_by_their_parent_are_printed_once() {
        let inner = anyhow::anyhow!("file is missing");
        let error = inner
            .context("cannot read x: file is missing")
            .context("compile");
        assert_eq!(
            causes(&error),
            ["compile", "cannot read x: file is missing"]
        );
    }
}
