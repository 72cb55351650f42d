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

/// A column at the end of its phase.
pub(crate) enum Handed<'v> {
    Over(Vec<Fr>),
    /// It comes again.
    Lent(&'v [Fr]),
}

/// What takes the columns.
pub(crate) trait Filled {
    /// Commits to the columns of a phase and returns the challenges (position, value) that follow.
    fn phase(&mut self, phase: u8, columns: Vec<(usize, Handed<'_>)>) -> Result<Vec<(usize, Fr)>>;

    /// Takes a column that was lent.
    fn given(&mut self, column: usize, values: Vec<Fr>) -> Result<()>;
}

/// The advice columns while they are filled.
pub struct Phases<'a> {
    /// Phase of every column.
    of: Vec<u8>,
    columns: Vec<Option<Vec<Fr>>>,
    challenges: Vec<Option<Fr>>,
    current: u8,
    last: u8,
    usable: usize,
    filled: &'a mut (dyn Filled + 'a),
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
        filled: &'a mut (dyn Filled + 'a),
    ) -> Self {
        Phases {
            columns: vec![None; of.len()],
            challenges: vec![None; challenges],
            current: 0,
            last: of.iter().copied().max().unwrap_or(0),
            of,
            usable,
            filled,
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
        self.end_phase_lending(&[])
    }

    /// Ends the phase as [`end_phase`](Self::end_phase), with columns that the caller still needs. Each of them is handed over with
    /// [`give`](Self::give) when it is needed no more, so that it need not be in memory twice meanwhile.
    ///
    /// # Errors
    /// As [`end_phase`](Self::end_phase), or a column was handed over already, or has too many values.
    pub fn end_phase_lending(&mut self, lent: &[(usize, &[Fr])]) -> Result<()> {
        if self.current > self.last {
            return Err(PlonkError::Witness(
                "there is no phase after the last".to_owned(),
            ));
        }
        let mut columns = Vec::new();
        for (index, phase) in self.of.iter().enumerate() {
            if *phase != self.current {
                continue;
            }
            let found = lent.iter().find(|(column, _)| *column == index);
            let values = match (found, self.columns[index].take()) {
                (Some((_, values)), None) if values.len() <= self.usable => Handed::Lent(values),
                (None, values) => Handed::Over(values.unwrap_or_default()),
                (Some(_), _) => {
                    return Err(PlonkError::Witness(format!(
                        "column {index} is lent too long or handed over, too"
                    )));
                }
            };
            columns.push((index, values));
        }
        for (index, value) in self.filled.phase(self.current, columns)? {
            if let Some(challenge) = self.challenges.get_mut(index) {
                *challenge = Some(value);
            }
        }
        self.current += 1;
        Ok(())
    }

    /// Hands over a column that was lent, with the same values.
    ///
    /// # Errors
    /// It was not lent.
    pub fn give(&mut self, column: usize, values: Vec<Fr>) -> Result<()> {
        self.filled.given(column, values)
    }

    /// Whether every phase is over.
    pub fn done(&self) -> bool {
        self.current > self.last
    }
}
