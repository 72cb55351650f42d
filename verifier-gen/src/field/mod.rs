//! The verifier's field arithmetic: from a [`Protocol`](crate::protocol::Protocol) to a graph without duplicate nodes
//! ([`graph`], filled by [`lagrange`], [`constraints`] and [`opening`]), and from there to straight-line code
//! ([`arithmetic`], [`expression`], [`straight_line`], [`slots`]) or to programs for an interpreter ([`program`]).
//!
//! Nothing here knows of addresses or of text.

pub(crate) mod arithmetic;
pub(crate) mod constraints;
pub(crate) mod denominators;
pub(crate) mod domain;
pub(crate) mod expression;
pub(crate) mod graph;
pub(crate) mod lagrange;
pub(crate) mod opening;
pub(crate) mod program;
pub(crate) mod slots;
pub(crate) mod straight_line;
mod words;
