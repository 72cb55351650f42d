//! The contracts' ABIs, generated from the committed artefacts. Rust has no list of functions, errors or structs of its
//! own that could drift from the contracts.
//!
//! An ABI has no enums: they appear as `u8`, and [`super::status`] names their values.
#![allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]

alloy::sol!(
    #[derive(Debug, PartialEq, Eq)]
    ChainferRegistry,
    "../../contracts/artefacts/ChainferRegistry.json"
);

alloy::sol!(
    #[derive(Debug, PartialEq, Eq)]
    GeneratedVerifier,
    "../../contracts/artefacts/IHalo2VerifierErrors.json"
);
