//! What memory proofs and keys take: the one place that says so.
//!
//! Everything that a proof holds is counted round by round, in bytes a row, and the largest round counts. A test compares it with what is
//! allocated (`tests/memory.rs`).

use crate::limits::Limits;
use crate::permutation::set_len;
use halo2_proofs::plonk::{Any, Column, ConstraintSystem};
use halo2curves::bn256::Fr;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a process that has nothing to do yet, its code among them.
pub const PROCESS_BYTES: u64 = 32 << 20;

/// Bytes of an element.
const ELEMENT: u64 = 32;
/// Bytes of a point of a basis.
const POINT: u64 = 64;
/// Bytes that a transform works in, for each row of a column that a thread transforms.
const TRANSFORM: u64 = 40;
/// Bytes of the factors of a transform, for each row of its domain: without vector instructions, of which it has fewer.
const FACTORS: u64 = 32;
/// Bytes of a scalar of a multi-scalar multiplication that is worked on.
const SCALAR: u64 = 40;
/// Scalars that are worked on at once, or else those of one column.
const SCALARS_AT_ONCE: usize = 1 << 21;
/// Most bytes that a thread of a multi-scalar multiplication works in, beside the scalars.
const JOB: u64 = 10 << 20;
/// The same for all threads, where there are few scalars: so much, and so much for each.
const JOBS: (u64, u64) = (5 << 19, 700);

/// What else there is: registers of programs, lists, the transcript.
const OTHERS: u64 = 1 << 20;

/// Numbers of columns of a circuit, as far as memory depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitSize {
    /// log2 of the number of rows.
    pub k: u32,
    /// Fixed columns, selectors among them.
    pub fixed: usize,
    /// Advice columns of all phases.
    pub advice: usize,
    /// Instance columns.
    pub instance: usize,
    /// Columns in the permutation argument.
    pub copied: usize,
    /// Fixed columns among those, and those that lookups read.
    pub fixed_values: usize,
    /// Degree of the constraint system.
    pub degree: usize,
    /// Lookup arguments.
    pub lookups: usize,
    /// Columns at rotations that constraints read, those of arguments not among them.
    pub queries: usize,
    /// Sets of polynomials that are opened at the same points.
    pub sets: usize,
    /// Columns' worth of memory that whoever makes the witness has beside it, while it is made.
    pub witness: usize,
}

impl CircuitSize {
    /// Of a constraint system with 2^k rows. What the witness takes is not in it.
    pub fn of(cs: &ConstraintSystem<Fr>, k: u32) -> Self {
        let copied = cs.permutation().get_columns();
        let queries =
            cs.advice_queries().len() + cs.fixed_queries().len() + cs.instance_queries().len();
        let is_fixed = |c: &&Column<Any>| *c.column_type() == Any::Fixed;
        let in_lookups: usize = cs
            .lookups()
            .iter()
            .flat_map(|l| l.input_expressions().iter().chain(l.table_expressions()))
            .map(|e| e.extract_fixed().len())
            .sum();
        CircuitSize {
            k,
            fixed: cs.num_fixed_columns() + cs.num_selectors(),
            advice: cs.num_advice_columns(),
            instance: cs.num_instance_columns(),
            copied: copied.len(),
            fixed_values: copied.iter().filter(is_fixed).count() + in_lookups,
            degree: cs.degree(),
            lookups: cs.lookups().len(),
            queries: queries + cs.num_selectors(),
            sets: sets(cs),
            witness: 0,
        }
    }

    /// Bytes of key generation, beside the process and the circuit.
    pub fn keygen_bytes(&self, threads: usize) -> u64 {
        let round = Rounds::new(self, Limits::default(), threads);
        let copied = self.copied as u64;
        // Of a copied cell: the next of its cycle, and while there are copies to come, the cell that stands for it.
        let structure = round.columns(self.fixed as u64) + round.rows(4 * copied);
        let synthesis = structure + round.rows(4 * copied);
        let at_once = threads.max(1) as u64;
        // Both bases are held, or one is there twice when it is read; the powers of omega, and the factors of transforms.
        let others = round.rows(2 * POINT + ELEMENT + FACTORS);
        let work = round.scalars(at_once).max(round.transform(at_once));
        synthesis.max(structure + others + round.columns(at_once) + work)
    }

    /// Bytes of a proof, beside the process.
    pub fn proving_bytes(&self, limits: Limits, threads: usize) -> u64 {
        Rounds::new(self, limits, threads).largest()
    }
}

/// Sets of polynomials that are opened at the same points, or some more.
fn sets(cs: &ConstraintSystem<Fr>) -> usize {
    let mut rotations: BTreeMap<(bool, usize), BTreeSet<i32>> = BTreeMap::new();
    for (column, rotation) in cs.advice_queries() {
        let of = rotations.entry((true, column.index())).or_default();
        of.insert(rotation.0);
    }
    for (column, rotation) in cs.fixed_queries() {
        let of = rotations.entry((false, column.index())).or_default();
        of.insert(rotation.0);
    }
    let different: BTreeSet<BTreeSet<i32>> = rotations.into_values().collect();
    // Sigmas and others at one point; products, all but the last and the last; permuted inputs.
    different.len() + 4
}

/// All in bytes, but for numbers of columns.
struct Rounds {
    size: CircuitSize,
    limits: Limits,
    threads: u64,
    advice: u64,
    products: u64,
    lookups: u64,
    pieces: u64,
}

impl Rounds {
    fn new(size: &CircuitSize, limits: Limits, threads: usize) -> Self {
        Rounds {
            size: *size,
            limits,
            threads: threads.max(1) as u64,
            advice: (size.advice + size.instance) as u64,
            products: size.copied.div_ceil(set_len(size.degree.max(3))) as u64,
            lookups: size.lookups as u64,
            pieces: size.degree.saturating_sub(1) as u64,
        }
    }

    fn rows(&self, bytes: u64) -> u64 {
        bytes << self.size.k
    }

    fn columns(&self, count: u64) -> u64 {
        self.rows(ELEMENT * count)
    }

    /// Of so many columns, those that a step takes at once.
    fn at_once(&self, columns: u64) -> u64 {
        columns.min(self.limits.at_once() as u64)
    }

    fn transform(&self, columns: u64) -> u64 {
        let columns = self.at_once(columns).min(self.threads);
        self.rows(FACTORS.max(FACTORS / 4 + TRANSFORM * columns))
    }

    /// What a multi-scalar multiplication of so many columns works in.
    fn scalars(&self, columns: u64) -> u64 {
        let most = (SCALARS_AT_ONCE >> self.size.k).max(1) as u64;
        let columns = self.at_once(columns).min(most);
        let (some, each) = JOBS;
        let jobs = (self.threads * JOB).min(some + self.rows(each * columns));
        self.rows(SCALAR * columns) + jobs
    }

    /// A commitment to so many columns. A basis that is read takes its memory twice while the back end takes it.
    fn commit(&self, columns: u64) -> u64 {
        let work = self.scalars(columns);
        match self.limits.streamed {
            false => work,
            true => self.rows(2 * POINT).max(self.rows(POINT) + work),
        }
    }

    /// What is held of key and setup all the time.
    fn held(&self) -> u64 {
        let factors = self.rows(FACTORS);
        if self.limits.streamed {
            return factors;
        }
        let columns = self.size.fixed + self.size.copied + self.size.fixed_values + 5;
        factors + self.columns(columns as u64) + self.rows(2 * POINT)
    }

    /// Columns of the key that a step reads at once.
    fn read(&self, columns: u64) -> u64 {
        match self.limits.streamed {
            false => 0,
            true => self.at_once(columns),
        }
    }

    fn largest(&self) -> u64 {
        let rounds = [
            self.witness(),
            self.lookup(),
            self.permutation(),
            self.lookup_products(),
            self.coefficients(),
            self.quotient(),
            self.pieces(),
            self.opening(),
        ];
        rounds.into_iter().max().unwrap_or(0) + OTHERS
    }

    fn witness(&self) -> u64 {
        let setup = match self.limits.streamed {
            false => self.rows(2 * POINT),
            true => 0,
        };
        // Columns that are lent are there twice, or as many as a step takes. A column is copied where its memory does not hold the rows
        // behind the usable ones.
        let columns = self.advice + self.at_once(self.advice) + 1 + self.size.witness as u64;
        setup + self.columns(columns) + self.commit(self.advice)
    }

    fn lookup(&self) -> u64 {
        if self.lookups == 0 {
            return 0;
        }
        let values = match self.limits.streamed {
            false => 0,
            // Of the points, the coefficients, too.
            true => self.size.fixed_values as u64 + 2,
        };
        let compressed = self.advice + values + 2 * self.lookups;
        let permuted = self.advice + 4 * self.lookups + 2;
        let made = self.columns(self.advice + 4 * self.lookups) + self.commit(2 * self.lookups);
        self.held() + self.columns(compressed.max(permuted)).max(made)
    }

    fn permutation(&self) -> u64 {
        if self.products == 0 {
            return 0;
        }
        let before = self.advice + 4 * self.lookups;
        let copied = self.size.copied as u64;
        let (sigmas, sets) = match self.limits.at_once {
            None => (copied, self.products),
            Some(_) => (copied.min(set_len(self.size.degree) as u64), 1),
        };
        // Fixed columns among the copied ones, and the points; coefficients while they are transformed.
        let (others, read) = match self.limits.streamed {
            false => (0, 0),
            true => (sigmas.min(self.size.fixed_values as u64) + 1, sigmas),
        };
        let transformed = self.columns(read + sigmas + others) + self.transform(sigmas);
        let run = self.columns(sigmas + others + 2 * sets);
        let making = self.columns(before + self.products - sets) + transformed.max(run);
        let made = self.columns(before + self.products) + self.commit(self.products);
        self.held() + making.max(made)
    }

    fn lookup_products(&self) -> u64 {
        if self.lookups == 0 {
            return 0;
        }
        let run = self.columns(self.advice + self.products + 6 * self.lookups);
        let made = self.columns(self.advice + self.products + 3 * self.lookups);
        self.held() + run.max(made + self.commit(self.lookups))
    }

    /// Columns of witness and arguments, and the random polynomial.
    fn witness_columns(&self) -> u64 {
        self.advice + self.products + 3 * self.lookups + 1
    }

    fn coefficients(&self) -> u64 {
        let all = self.witness_columns();
        self.held() + self.columns(all) + self.transform(all).max(self.commit(1))
    }

    fn quotient(&self) -> u64 {
        let key = (self.size.fixed + self.size.copied + 4) as u64;
        let columns = key + self.witness_columns() - 1;
        let queries = (self.size.queries + self.size.copied) as u64
            + 3 * self.products
            + 5 * self.lookups
            + 4;
        let before = self.held() + self.columns(self.witness_columns() + self.pieces - 1);
        // Columns of the key are read, or polynomials of rows made.
        let read = self.read(key);
        let numerator = match self.limits.coset_parts {
            0 => {
                let transformed = self.columns(columns + read) + self.transform(columns);
                transformed.max(self.columns(columns + 1))
            }
            parts => {
                let of_part = self.columns(queries) + self.transform(queries);
                self.columns(1 + read) + of_part.div_ceil(1 << parts)
            }
        };
        // A numerator in parts is put together; it goes through a transform.
        let whole = self.columns(2).max(self.columns(1) + self.transform(1));
        before + numerator.max(whole)
    }

    fn pieces(&self) -> u64 {
        let some = self.at_once(self.pieces);
        let columns = self.columns(self.witness_columns() + self.pieces);
        let made = self.columns(some) + self.scalars(some);
        let setup = match self.limits.streamed {
            false => made,
            true => self.rows(2 * POINT).max(self.rows(POINT) + made),
        };
        self.held() + columns + setup
    }

    fn opening(&self) -> u64 {
        let sets = self.size.sets as u64;
        let read = self.read((self.size.fixed + self.size.copied) as u64);
        // What the sets were combined to until now, of which each but the first spares a polynomial; the quotient; a sum before and behind.
        let of_witness = self.witness_columns() - self.size.instance as u64 + 1;
        let combining = self.columns(of_witness + read + 2);
        // Of a set: what it was combined to, and what that is divided to.
        let dividing = self
            .columns(sets + self.at_once(sets) + 2)
            .max(self.columns(sets + 1) + self.commit(1));
        self.held() + combining.max(dividing)
    }
}
