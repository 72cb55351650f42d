//! What goes wrong between client, store, node and chain. The README's table lists these tests.

mod cancel;
mod chain;
mod kill;
mod lease;
mod liar;
mod money;
mod nodes;
mod nonces;
#[cfg(feature = "postgres")]
mod postgres;
mod random;
mod sending;
#[cfg(feature = "postgres")]
mod server_proxy;
mod shared;
#[cfg(feature = "aws")]
mod signers;
mod storage;
mod submissions;
