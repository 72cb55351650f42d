//! What hostile clients do to a running relayer: the binary on loopback. The README's table lists these tests, and
//! `scripts/hostile-matrix` prints their figures.

mod bodies;
mod connections;
mod money;
mod pages;
mod payloads;
mod quotas;
mod registry;
mod requests;
mod starts;
pub mod target;
mod wire;
