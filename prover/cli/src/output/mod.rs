//! The only place that prints. Results go to stdout, for people or as one JSON object; everything else to stderr.

mod page;
mod progress;

pub(crate) use page::{Align, Page, Table, bytes, seconds, thousands};
pub(crate) use progress::Progress;

use crate::failure::ExitCode;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write};

/// What a verb has to say: the same facts for machines and for people.
#[derive(Debug)]
pub(crate) struct Report {
    json: Value,
    page: Page,
    success: bool,
}

impl Report {
    /// A report of success.
    pub(crate) fn new(json: &impl Serialize, page: Page) -> anyhow::Result<Self> {
        Ok(Self {
            json: serde_json::to_value(json)?,
            page,
            success: true,
        })
    }

    /// A report of something that was found wrong: it is printed as any, and the program exits with 1.
    pub(crate) fn negative(mut self) -> Self {
        self.success = false;
        self
    }

    /// Whether the program may exit with 0.
    pub(crate) fn is_success(&self) -> bool {
        self.success
    }
}

/// Prints a report on stdout.
///
/// # Errors
/// stdout is closed or full.
pub(crate) fn print_report(report: &Report, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        writeln!(out, "{:#}", report.json)?;
    } else {
        write!(out, "{}", report.page)?;
    }
    out.flush()
}

/// Prints an error and its causes on stderr, and as JSON on stdout if that was asked for.
pub(crate) fn print_failure(error: &anyhow::Error, code: ExitCode, as_json: bool) {
    let causes = causes(error);
    let mut err = io::stderr().lock();
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(err, "error: {}", causes.join(": "));
    if as_json {
        let (message, exit_code) = (causes.join(": "), code as u8);
        let object = json!({ "error": { "message": message, "exit_code": exit_code } });
        let _ = writeln!(io::stdout().lock(), "{object:#}");
    }
}

/// Messages from the outside in. A cause that its parent quotes already is left out.
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
    fn causes_repeated_by_the_parent_are_told_once() {
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
