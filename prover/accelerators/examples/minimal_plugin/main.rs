//! A plug-in that only holds columns. All steps are left out.
#![expect(unsafe_code, reason = "exports a C interface")]

#[path = "../plugin/table.rs"]
mod table;

use chainfer_accelerators::plugin::abi::Table;

static TABLE: Table = Table {
    bases_create: None,
    bases_destroy: None,
    commit: None,
    ntt: None,
    combine: None,
    evaluate: None,
    run: None,
    ..table::TABLE
};

/// What the prover asks for.
// SAFETY: no other symbol of this library has this name.
#[unsafe(no_mangle)]
pub extern "C" fn chainfer_compute_v1() -> *const Table {
    &raw const TABLE
}
