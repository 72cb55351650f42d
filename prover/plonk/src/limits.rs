//! What a proof does to take less memory.

use crate::memory::CircuitSize;
use std::num::NonZeroUsize;

/// Most parts that a coset is cut into, as a power of two.
const MOST_PARTS: u32 = 6;
/// Fewest rows of a part, as a power of two.
const FEWEST_ROWS: u32 = 6;

/// What a proof does to take less memory. All limits make the same proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// log2 of the number of parts into which every coset is cut while the quotient is computed. A part takes so much less memory for
    /// the values of all columns; every rotation of a column is evaluated by itself then, which takes more time.
    pub coset_parts: u32,
    /// Columns that a back end transforms or commits to at once, and that a step reads of a streamed key; all of a step, if absent.
    pub at_once: Option<NonZeroUsize>,
    /// Whether the columns of the key and the points of the setup are read when a step needs them, and kept no longer.
    pub streamed: bool,
}

impl Limits {
    pub(crate) fn at_once(self) -> usize {
        self.at_once.map_or(usize::MAX, NonZeroUsize::get)
    }

    /// All ways to prove a circuit of 2^k rows with so many threads, from the fastest to the slowest.
    fn all(k: u32, threads: usize) -> Vec<Self> {
        let most = k.saturating_sub(FEWEST_ROWS).min(MOST_PARTS);
        let mut all = Vec::new();
        for at_once in [None, NonZeroUsize::new(threads), Some(NonZeroUsize::MIN)] {
            for streamed in [false, true] {
                for coset_parts in 0..=most {
                    all.push(Limits {
                        coset_parts,
                        at_once,
                        streamed,
                    });
                }
            }
        }
        all.sort_by_key(|limits| limits.time(threads));
        all
    }

    /// Time of a proof in thousandths of that of the fastest way, as measured on chunks of k = 14 to 18.
    fn time(self, threads: usize) -> u64 {
        let parts = match self.coset_parts {
            0 => 0,
            parts => 100 + (12 << parts),
        };
        let streamed = if self.streamed {
            40 + (4 << self.coset_parts)
        } else {
            0
        };
        let at_once = match self.at_once.map(NonZeroUsize::get) {
            None => 0,
            // A column is transformed by one thread.
            Some(columns) if columns < threads => 10 + 300 * (threads / columns) as u64,
            Some(_) => 10,
        };
        1000 + parts + streamed + at_once
    }

    /// The fastest way to prove a circuit with so many threads in so many bytes beside the process, or the one that takes the least, if none
    /// fits.
    pub fn within(size: &CircuitSize, bytes: Option<u64>, threads: usize) -> Self {
        let Some(bytes) = bytes else {
            return Limits::default();
        };
        let all = Self::all(size.k, threads.max(1));
        let needed = |limits: &&Limits| size.proving_bytes(**limits, threads);
        let fits = all.iter().find(|limits| needed(limits) <= bytes);
        let least = || all.iter().min_by_key(needed);
        fits.or_else(least).copied().unwrap_or_default()
    }
}
