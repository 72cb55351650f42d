//! A verifying key as a protocol: the transcript's steps, the evaluations that a proof claims and the points at which they are
//! opened. Everything here depends on the constraint system alone, not on the key's commitments.

mod description;
mod domain;
mod limits;
mod openings;
mod transcript;

pub(crate) use description::{LookupEvaluations, Protocol, query_index};
pub(crate) use domain::root_power;
pub(crate) use openings::{Commitment, Evaluation, RotationSet};
pub(crate) use transcript::Step;
