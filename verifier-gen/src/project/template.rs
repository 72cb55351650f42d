//! The files that are the same in every project, and the templates of those that are not.

/// The compiler that the generated project asks for: the one that this repository pins and tests with.
pub const SOLC_VERSION: &str = "0.8.37";

/// Path in the project and text.
type File = (&'static str, &'static str);

macro_rules! contracts {
    ($($path:literal),+ $(,)?) => {
        &[$((concat!("src/", $path), include_str!(concat!("../../../contracts/src/", $path)))),+]
    };
}

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("template/", $path)))),+]
    };
}

/// What goes in front of the generated verifiers.
pub(super) const SOURCES: &[File] = contracts![
    "BatchVerifier.sol",
    "BoundVerifier.sol",
    "interfaces/IHalo2Accumulator.sol",
    "interfaces/IHalo2SharedVerifier.sol",
    "interfaces/IHalo2Verifier.sol",
    "interfaces/IPinnedVerifierErrors.sol",
    "libraries/CodeData.sol",
    "libraries/KeyData.sol",
    "libraries/PinTable.sol",
    "libraries/ProofBatch.sol",
    "libraries/ScalarField.sol",
    "libraries/VerifierCall.sol",
    "types/Pin.sol",
];

/// What the deployment script needs.
pub(super) const SCRIPT: &[File] = files!["script/Vm.sol"];

/// What the tests are built from.
pub(super) const TESTS: &[File] = files![
    "test/base/Assertions.sol",
    "test/base/Curve.sol",
    "test/base/Target.sol",
    "test/base/VerifierErrors.sol",
    "test/base/VerifierTest.sol",
    "test/suite/Acceptance.sol",
    "test/suite/Accumulator.sol",
    "test/suite/Batches.sol",
    "test/suite/Encoding.sol",
    "test/suite/Keys.sol",
    "test/suite/Lengths.sol",
    "test/suite/Mutations.sol",
    "test/suite/Points.sol",
    "test/suite/Precompiles.sol",
    "test/suite/Ranges.sol",
];

pub(super) const FOUNDRY: &str = include_str!("template/foundry.toml");
pub(super) const GITIGNORE: &str = include_str!("template/gitignore");
pub(super) const README: &str = include_str!("template/README.md");
pub(super) const README_TESTING: &str = include_str!("template/README.testing.md");
pub(super) const KEY: &str = include_str!("template/src/Key.sol");
pub(super) const DEPLOY: &str = include_str!("template/script/Deploy.s.sol");
pub(super) const CHUNK_TEST: &str = include_str!("template/test/Chunk.t.sol");
pub(super) const BATCH_TEST: &str = include_str!("template/test/Batch.t.sol");
pub(super) const DEPLOY_TEST: &str = include_str!("template/test/Deploy.t.sol");
