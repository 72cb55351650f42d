//! One module per verb: each takes its arguments and returns a report. A `Request` holds the resolved arguments.

pub(crate) mod attest;
pub(crate) mod audit;
pub(crate) mod catalogue;
pub(crate) mod check_model;
pub(crate) mod check_registry;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod evaluate;
pub(crate) mod inspect;
pub(crate) mod open;
mod picture;
pub(crate) mod program;
pub(crate) mod prove;
pub(crate) mod run;
pub(crate) mod setup;
pub(crate) mod shared;
pub(crate) mod solidity;
pub(crate) mod srs;
pub(crate) mod verify;
