//! Shared by the integration tests.
#![allow(dead_code, unused_imports)]

pub(crate) mod batch;
pub(crate) mod campaign;
pub(crate) mod circuits;
pub(crate) mod differences;
pub(crate) mod evm;
pub(crate) mod faults;
pub(crate) mod gas;
pub(crate) mod input;
pub(crate) mod mutate;
pub(crate) mod prove;
pub(crate) mod snark;
pub(crate) mod solc;
pub(crate) mod targets;
