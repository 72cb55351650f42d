//! The stages of the demo and their times.

use crate::output::Progress;
use serde::Serialize;
use std::time::Instant;

/// A finished stage.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) seconds: f64,
}

/// Runs and times stages.
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

    /// Runs one stage. Errors are given its name as context.
    ///
    /// # Errors
    /// The work fails.
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

    /// The finished stages.
    pub(super) fn finish(self) -> Vec<Stage> {
        self.done
    }
}
