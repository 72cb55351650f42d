//! Chips: each has its columns, gates, fixed cells, witness and tests in one place, and its equations in its documentation.
//!
//! | chip | what it constrains |
//! |---|---|
//! | [`requantise`] | activations: accumulator, division, saturation |
//! | [`logup`] | ranges of all digits |
//! | [`linear`] | sums of pre-activations and of windows; equations of linear layers |
//! | [`max_pool`] | maxima by comparisons |
//! | [`gather`] | activations repeated in another order |
//! | [`function`] | functions of one activation, by table |
//! | [`product`] | products of two activations |
//! | [`mat_mul`] | matrix products of activations |
//! | [`rlc`] | RLC checks: a random combination of all equations of a layer |
//! | [`poseidon`] | the permutation |
//! | [`packing`] | 15 values to a field element |
//! | [`words`] | moving and pinning hashed words |
//! | [`openings`] | leaves, tree, public values |
//!
//! [`registry`] lists the operators; [`operator`] says what one must have. Chips know nothing of arrangements: they ask for columns
//! and flags by role ([`columns`](crate::columns)).

pub(crate) mod function;
pub(crate) mod gather;
pub(crate) mod linear;
pub(crate) mod logup;
pub(crate) mod mat_mul;
pub(crate) mod max_pool;
pub(crate) mod openings;
pub(crate) mod operator;
pub(crate) mod packing;
pub(crate) mod poseidon;
pub(crate) mod product;
pub(crate) mod registry;
pub(crate) mod requantise;
pub(crate) mod rlc;
pub(crate) mod words;
