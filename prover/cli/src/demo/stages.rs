//! The demo's stages, timed.

use crate::output::Progress;
use serde::Serialize;
use std::time::Instant;

/// A stage that is over.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) seconds: f64,
}

/// Runs stages one after another.
#[derive(Debug)]
pub(super) struct Stages {
    progress: Progress,
    done: Vec<Stage>,
}

impl Stages {
    pub(super) fn new(progress: Progress) -> Self {
        Self {
            progress,
            done: Vec::new(),
        }
    }

    /// Runs one; its error names it.
    ///
    /// # Errors
    /// The work's.
    pub(super) fn run<T>(
        &mut self,
        name: &str,
        what: &str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.progress.say(format_args!("== {what}"));
        let start = Instant::now();
        let result = work().map_err(|e| e.context(format!("demo stage {name}")))?;
        self.done.push(Stage {
            name: name.to_owned(),
            seconds: start.elapsed().as_secs_f64(),
        });
        Ok(result)
    }

    /// What was done.
    pub(super) fn finish(self) -> Vec<Stage> {
        self.done
    }
}
