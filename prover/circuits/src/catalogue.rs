//! The catalogue: canonical shapes of the compact arrangement, whose verifiers are deployed once a chain and shared by all models.
//!
//! An entry is a set of operators and a size, here the number of taps; rows, commitments and public values are data of a key. With
//! [`Objective::Gas`](crate::Objective::Gas) a chunk takes the cheapest entry that holds it, and a shape of its own if none does. Which
//! entries there are and what happens to them when an operator is added is in docs/layout.md and in decision 5.

mod sample;

use crate::shape::CircuitShape;

/// The range of every canonical shape: the one that models are quantised to by default.
pub const RANGE: u32 = 4064;

/// Most entries that the catalogue may have: each costs whoever sets a chain up a deployed contract.
pub const MAX_ENTRIES: usize = 4;

/// A canonical shape, but for the number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What reports call it.
    pub name: &'static str,
    /// Beta accumulators: as many different patterns as the readers of one tensor may have, the width of a kernel for example.
    pub taps: usize,
    /// Whether there is max pooling.
    pub pooling: bool,
    /// Whether there are functions by table.
    pub functions: bool,
    /// Whether there are products of elements.
    pub products: bool,
}

/// The canonical shapes, the smallest first. Each holds what those before it hold.
pub const ENTRIES: [Entry; MAX_ENTRIES] = [
    // Dense layers alone.
    Entry {
        name: "dense",
        taps: 0,
        pooling: false,
        functions: false,
        products: false,
    },
    // Convolutions with kernels up to three wide, sums of branches, average pooling.
    Entry {
        name: "conv3",
        taps: 3,
        pooling: false,
        functions: false,
        products: false,
    },
    Entry {
        name: "conv3pool",
        taps: 3,
        pooling: true,
        functions: false,
        products: false,
    },
    // Every operator; seven taps are the most with three products of the permutation argument.
    Entry {
        name: "full7",
        taps: 7,
        pooling: true,
        functions: true,
        products: true,
    },
];

impl Entry {
    /// The shape with 2^k rows. Its constraint system does not depend on k.
    pub fn shape(&self, k: u32) -> CircuitShape {
        self.with_range(RANGE, k)
    }

    pub(crate) fn with_range(&self, range: u32, k: u32) -> CircuitShape {
        CircuitShape {
            k,
            range,
            limbs: 1,
            lanes: 1,
            taps: self.taps,
            weights_per_row: 1,
            hash_lanes: 1,
            pooling: self.pooling,
            stacked: true,
            functions: self.functions,
            products: self.products,
        }
    }
}

/// The entry that a shape is of, if it is canonical.
pub fn entry_of(shape: &CircuitShape) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.shape(shape.k) == *shape)
}

/// The shapes that a search may round a chunk up to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Catalogue<'a> {
    /// Chunks of another range have no entry.
    pub(crate) range: u32,
    pub(crate) entries: &'a [Entry],
}

/// The one that plans are made with.
pub(crate) const CANONICAL: Catalogue<'static> = Catalogue {
    range: RANGE,
    entries: &ENTRIES,
};

#[cfg(test)]
mod tests;
