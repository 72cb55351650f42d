//! Shared by the integration tests.
pub(crate) mod circuits;
pub(crate) mod evm;
pub(crate) mod large;
pub(crate) mod prove;
pub(crate) mod snark;
