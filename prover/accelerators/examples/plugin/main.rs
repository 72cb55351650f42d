//! A plug-in to start from. It computes on the processor, with a context, columns and bases of its own, as one for a device would.
//!
//! `cargo build --release -p chainfer-accelerators --example plugin` makes `target/release/examples/libplugin.so`.
#![expect(unsafe_code, reason = "exports a C interface")]

mod table;

use chainfer_accelerators::plugin::abi::Table;

static TABLE: Table = table::TABLE;

/// What the prover asks for.
// SAFETY: no other symbol of this library has this name.
#[unsafe(no_mangle)]
pub extern "C" fn chainfer_compute_v1() -> *const Table {
    &raw const TABLE
}
