//! How a circuit hands over its advice columns.

use crate::error::{PlonkError, Result};
use halo2curves::bn256::Fr;

/// Fills the advice columns of one proof, phase by phase.
pub trait Witness {
    /// Fills the columns of the first phase, then goes to the next with [`Phases::end_phase`] and so on. The last phase ends by itself.
    ///
    /// # Errors
    /// The values do not make a witness.
    fn fill(self, phases: &mut Phases<'_>) -> Result<()>;
}

/// Called with the columns of a phase; commits to them and returns the challenges (position, value) that follow.
type Finish<'a> = dyn FnMut(u8, Vec<(usize, Vec<Fr>)>) -> Result<Vec<(usize, Fr)>> + 'a;

/// The advice columns while they are filled.
pub struct Phases<'a> {
    /// Phase of every column.
    of: Vec<u8>,
    columns: Vec<Option<Vec<Fr>>>,
    challenges: Vec<Option<Fr>>,
    current: u8,
    last: u8,
    usable: usize,
    finish: &'a mut Finish<'a>,
}

impl std::fmt::Debug for Phases<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phases")
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

impl<'a> Phases<'a> {
    pub(crate) fn new(
        of: Vec<u8>,
        challenges: usize,
        usable: usize,
        finish: &'a mut Finish<'a>,
    ) -> Self {
        Phases {
            columns: vec![None; of.len()],
            challenges: vec![None; challenges],
            current: 0,
            last: of.iter().copied().max().unwrap_or(0),
            of,
            usable,
            finish,
        }
    }

    /// Rows that a circuit may use.
    pub fn usable_rows(&self) -> usize {
        self.usable
    }

    /// The phase that is being filled.
    pub fn current(&self) -> u8 {
        self.current
    }

    /// The last phase.
    pub fn last(&self) -> u8 {
        self.last
    }

    /// The phase of a column.
    pub fn phase_of(&self, column: usize) -> Option<u8> {
        self.of.get(column).copied()
    }

    /// A challenge, if its phase is over.
    pub fn challenge(&self, index: usize) -> Option<Fr> {
        self.challenges.get(index).copied().flatten()
    }

    /// Hands over a column of the current phase: values of the first rows; the others are 0.
    ///
    /// # Errors
    /// No such column in this phase, or too many values.
    pub fn set(&mut self, column: usize, values: Vec<Fr>) -> Result<()> {
        if self.phase_of(column) != Some(self.current) {
            return Err(PlonkError::Witness(format!(
                "column {column} is not one of phase {}",
                self.current
            )));
        }
        if values.len() > self.usable {
            return Err(PlonkError::Mismatch {
                what: "rows of a column",
                expected: self.usable,
                got: values.len(),
            });
        }
        self.columns[column] = Some(values);
        Ok(())
    }

    /// Ends the phase: its columns are committed to, and the challenges after it are known.
    ///
    /// # Errors
    /// The last phase is over, or the commitments failed.
    pub fn end_phase(&mut self) -> Result<()> {
        if self.current > self.last {
            return Err(PlonkError::Witness(
                "there is no phase after the last".to_owned(),
            ));
        }
        let mut columns = Vec::new();
        for (index, phase) in self.of.iter().enumerate() {
            if *phase == self.current {
                columns.push((index, self.columns[index].take().unwrap_or_default()));
            }
        }
        for (index, value) in (self.finish)(self.current, columns)? {
            if let Some(challenge) = self.challenges.get_mut(index) {
                *challenge = Some(value);
            }
        }
        self.current += 1;
        Ok(())
    }

    /// Whether every phase is over.
    pub fn done(&self) -> bool {
        self.current > self.last
    }
}
