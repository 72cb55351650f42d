//! The durable count of proofs that a proving key has made.
//!
//! Blinders in the weight columns hide the weights over at most `hide_rows - 1` proofs of one key, counting attempts
//! that failed and every machine that holds the key. The count is raised, and is on disk, before an attempt starts:
//! a crash can waste an attempt, never forget one. Copying a private folder copies its counts; split the budget by
//! proving through one machine, or compile afresh for each.

use crate::error::{EngineError, Result};
use chainfer_formats::{
    FormatError,
    files::{self, Access},
    json::FileKind,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const COUNTER: FileKind = FileKind {
    name: "proof counter",
    format: "chainfer.proof-counter",
    version: 1,
    access: Access::Private,
    max_bytes: 1 << 12,
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    format: String,
    version: u32,
    attempts: u32,
}

/// The counter of one chunk.
#[derive(Debug)]
pub(crate) struct ProofCounter {
    path: PathBuf,
    lock: PathBuf,
    chunk: usize,
    hide_rows: u32,
}

impl ProofCounter {
    pub(crate) fn new(private: &Path, chunk: usize, hide_rows: u32) -> Self {
        Self {
            path: private.join(format!("chunk{chunk}.count")),
            lock: private.join(format!("chunk{chunk}.lock")),
            chunk,
            hide_rows,
        }
    }

    /// Starts at 0 for a fresh key.
    pub(crate) fn initialise(&self) -> Result<()> {
        drop(files::create(&self.lock, Access::Private)?);
        self.store(0)
    }

    /// Attempts that are left, `None` if weights are not hidden.
    pub(crate) fn left(&self) -> Result<Option<u32>> {
        match self.limit() {
            None => Ok(None),
            Some(limit) => Ok(Some(limit.saturating_sub(self.load()?))),
        }
    }

    /// Refuses if no attempt is left.
    pub(crate) fn require(&self) -> Result<()> {
        match (self.left()?, self.limit()) {
            (Some(0), Some(limit)) => Err(EngineError::HidingBudgetSpent {
                chunk: self.chunk,
                limit,
            }),
            _ => Ok(()),
        }
    }

    /// Takes one attempt. A missing or damaged counter is an error, never 0.
    pub(crate) fn take(&self) -> Result<()> {
        let Some(limit) = self.limit() else {
            return Ok(());
        };
        // Other processes may prove with the same key; the lock goes with the handle.
        let lock = files::open_lock(&self.lock)?;
        lock.lock().map_err(EngineError::io("lock", &self.lock))?;
        let used = self.load()?;
        if used >= limit {
            return Err(EngineError::HidingBudgetSpent {
                chunk: self.chunk,
                limit,
            });
        }
        self.store(used + 1)
    }

    fn limit(&self) -> Option<u32> {
        (self.hide_rows > 0).then(|| self.hide_rows - 1)
    }

    fn load(&self) -> Result<u32> {
        let count: Count = COUNTER.read(&self.path).map_err(|error| match error {
            error @ FormatError::Io { .. } => error.into(),
            // There is one counter per chunk, so the message needs the path.
            error => EngineError::malformed(self.path.display().to_string(), error),
        })?;
        Ok(count.attempts)
    }

    fn store(&self, attempts: u32) -> Result<()> {
        let count = Count {
            format: COUNTER.format.to_owned(),
            version: COUNTER.version,
            attempts,
        };
        Ok(COUNTER.write(&self.path, &count)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_budget_of_four_rows_allows_three_attempts() {
        let dir = tempfile::tempdir().unwrap();
        let counter = ProofCounter::new(dir.path(), 2, 4);
        counter.initialise().unwrap();
        for left in [3, 2, 1] {
            assert_eq!(counter.left().unwrap(), Some(left));
            counter.take().unwrap();
        }
        assert!(matches!(
            counter.take(),
            Err(EngineError::HidingBudgetSpent { chunk: 2, limit: 3 })
        ));
        // a new handle on the same files remembers
        assert!(ProofCounter::new(dir.path(), 2, 4).take().is_err());
    }

    #[test]
    fn take_unhidden_weights_are_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        let counter = ProofCounter::new(dir.path(), 0, 0);
        counter.initialise().unwrap();
        for _ in 0..5 {
            counter.take().unwrap();
        }
        assert_eq!(counter.left().unwrap(), None);
    }

    #[test]
    fn take_missing_or_damaged_counter_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let counter = ProofCounter::new(dir.path(), 0, 9);
        assert!(matches!(counter.take(), Err(EngineError::Io { .. })));
        counter.initialise().unwrap();
        std::fs::write(&counter.path, b"{}").unwrap();
        assert!(matches!(counter.take(), Err(EngineError::Malformed { .. })));
    }

    #[test]
    fn take_concurrent_attempts_never_exceed_the_budget() {
        let dir = tempfile::tempdir().unwrap();
        ProofCounter::new(dir.path(), 0, 11).initialise().unwrap();
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let counter = ProofCounter::new(dir.path(), 0, 11);
                        (0..5).filter(|_| counter.take().is_ok()).count()
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(taken, 10);
    }
}
