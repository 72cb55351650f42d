//! Progress on stderr: one line per step, with the time since the start.

use super::seconds;
use chainfer_formats::terminal;
use std::{
    fmt::Display,
    io::{self, Write},
    time::Instant,
};

/// Prints progress and measures the time since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    start: Instant,
    quiet: bool,
}

impl Progress {
    /// Starts the clock.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            start: Instant::now(),
            quiet,
        }
    }

    /// Prints one step.
    pub(crate) fn say(&self, what: impl Display) {
        if !self.quiet {
            // The work goes on if stderr is closed.
            let _ = writeln!(
                io::stderr().lock(),
                "{:>8}  {}",
                seconds(self.elapsed_s()),
                terminal::lines(&what.to_string())
            );
        }
    }

    /// Prints a warning.
    pub(crate) fn warn(&self, what: impl Display) {
        self.say(format_args!("warning: {what}"));
    }

    /// Seconds since the start.
    pub(crate) fn elapsed_s(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}
