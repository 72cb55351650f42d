//! What goes wrong between client, store, node and chain. `FAULTS.md` lists these tests.

mod cancel;
mod money;
mod nodes;
mod nonces;
mod sending;
