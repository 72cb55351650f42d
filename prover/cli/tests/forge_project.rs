//! The forge project that `chainfer solidity --proof` writes: its tests pass on the generated verifiers and fail on broken ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{chainfer, fixture};
use tempfile::TempDir;

/// Test functions of a chunk's three contracts, and of all else.
const TESTS_PER_CHUNK: usize = 106;
const OTHER_TESTS: usize = 10;

/// A project on disk, for the pinned forge.
struct OnDisk {
    folder: TempDir,
    /// The verifier of chunk 0.
    verifier: String,
}

impl OnDisk {
    /// Of the fixture `ops/mlp` in two chunks.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (bundle, proof, project) = (path("bundle"), path("proof.json"), path("project"));
        let (model, input) = (fixture("ops/mlp.onnx"), fixture("ops/mlp.json"));
        chainfer(args![
            "compile",
            model,
            "--calibration",
            input,
            "--chunks",
            "2",
            "-o",
            bundle
        ])
        .expect(0);
        chainfer(args!["prove", bundle, "--input", input, "-o", proof]).expect(0);
        let run = chainfer(args![
            "solidity", bundle, "--proof", proof, "-o", project, "--json"
        ]);
        let report = run.expect(0).json();
        let name = report["contracts"][0]["name"].as_str().unwrap();
        Self {
            verifier: format!("src/verifiers/{name}.sol"),
            folder,
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Runs forge in the project; `runs` is the number of runs of each fuzz test.
    fn forge(&self, arguments: &[&str], runs: usize) -> Ran {
        forge(&self.root(), arguments, runs)
    }

    /// Runs the tests whose names match.
    fn test(&self, pattern: &str, runs: usize) -> Ran {
        let solc = repository().join("scripts/solc");
        let solc = solc.to_str().unwrap();
        let arguments = ["test", "--offline", "--use", solc, "--match-test", pattern];
        self.forge(&arguments, runs)
    }
}

/// The repository, whose forge and solc are the pinned ones.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

struct Ran {
    success: bool,
    output: String,
}

fn forge(root: &Path, arguments: &[&str], runs: usize) -> Ran {
    let mut command = Command::new(repository().join("scripts/foundry"));
    command
        .arg("forge")
        .args(arguments)
        .current_dir(root)
        .env("FOUNDRY_FUZZ_RUNS", runs.to_string())
        // A user's verifiers may give warnings, ours do not.
        .env("FOUNDRY_DENY", "warnings")
        .env("NO_COLOR", "1");
    for variable in ["FOUNDRY_PROFILE", "FOUNDRY_CONFIG", "FORGE_SNAPSHOT_CHECK"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    Ran {
        success: output.status.success(),
        output: String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr),
    }
}

impl Ran {
    /// Names of the tests that failed; there must have been tests at all.
    fn failed(&self) -> Vec<&str> {
        assert!(self.output.contains("Suite result:"), "{}", self.output);
        self.output
            .lines()
            .filter_map(|line| line.strip_prefix("[FAIL"))
            .filter_map(|line| line.split("] ").last()?.split('(').next())
            .collect()
    }
}

#[test]
fn project_passes_its_tests_and_fits_the_pinned_tools() {
    let project = OnDisk::new();
    let ran = project.test(".*", 16);
    assert!(ran.success, "{}", ran.output);
    let total = 2 * TESTS_PER_CHUNK + OTHER_TESTS;
    let summary = format!("{total} tests passed, 0 failed, 0 skipped");
    assert!(ran.output.contains(&summary), "{summary}: {}", ran.output);
    println!("{}", ran.output.lines().last().unwrap_or_default());

    for snapshot in ["chunk0", "chunk1", "batch"] {
        let path = project.root().join(format!("snapshots/{snapshot}.json"));
        assert!(path.is_file(), "{}", path.display());
    }
    let formatted = project.forge(&["fmt", "--check", "test", "script"], 1);
    assert!(formatted.success, "{}", formatted.output);
    let solc = repository().join("scripts/solc");
    let script = [
        "script",
        "script/Deploy.s.sol",
        "--offline",
        "--use",
        solc.to_str().unwrap(),
    ];
    let deployed = project.forge(&script, 1);
    assert!(deployed.success, "{}", deployed.output);
    assert_eq!(deployed.output.matches("bound: 0x").count(), 2);

    let package = fs::read_to_string(repository().join("package.json")).unwrap();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap();
    let solc = package["devDependencies"]["solc"].as_str().unwrap();
    let config = fs::read_to_string(project.root().join("foundry.toml")).unwrap();
    assert!(config.contains(&format!("solc = \"{solc}\"")), "{config}");
}

/// A fault that a verifier could have, and a test that must see it.
struct Defect {
    name: &'static str,
    /// File, or none for the verifier of chunk 0.
    file: Option<&'static str>,
    replace: &'static str,
    with: &'static str,
    seen_by: &'static str,
}

const DEFECTS: &[Defect] = &[
    Defect {
        name: "the pairing's result is ignored",
        file: None,
        replace: "if and(ok, eq(mload(0), 1)) { return(0, 0x20) }",
        with: "if 1 { mstore(0, 1) return(0, 0x20) }",
        seen_by: "test_verifyProof_rejectsEveryPointNegated",
    },
    Defect {
        name: "any odd pairing result will do",
        file: None,
        replace: "if and(ok, eq(mload(0), 1)) { return(0, 0x20) }",
        with: "if and(ok, mload(0)) { return(0, 0x20) }",
        seen_by: "test_verifyProof_rejectsAnyPairingButOne",
    },
    Defect {
        name: "failed precompiled contracts are ignored",
        file: None,
        replace: "{ failFolding() }",
        with: "{}",
        seen_by: "test_verifyProof_rejectsWhenAPrecompileReverts",
    },
    Defect {
        name: "points are left to the precompiled contracts",
        file: None,
        replace: "ok := and(and(lt(x, q), lt(y, q)), and(curve, ok))",
        with: "ok := 1",
        seen_by: "test_verifyProof_rejectsBadPointsForLessThanAnHonestProof",
    },
    Defect {
        name: "bytes behind the end are accepted",
        file: None,
        replace: "eq(calldatasize(), end)",
        with: "1",
        seen_by: "test_encoding_rejectsTrailingCalldata",
    },
    Defect {
        name: "proofs of any length",
        file: None,
        replace: "if (proof.length != PROOF_LENGTH)",
        with: "if (false)",
        seen_by: "test_lengths_rejectsShortProofs",
    },
    // x < r becomes x | r, which is odd: it passes for true in a chain of `and`s and in a condition.
    Defect {
        name: "scalars are not range-checked",
        file: None,
        replace: "lt(calldataload(",
        with: "or(calldataload(",
        seen_by: "test_ranges_rejectsEvaluationsAtOrAboveTheOrder",
    },
    Defect {
        name: "a key's length is not looked at",
        file: None,
        replace: "if (key.length != KEY_LENGTH)",
        with: "if (false)",
        seen_by: "test_key_rejectsOtherLengths",
    },
    Defect {
        name: "keys of any shape",
        file: None,
        replace: "if (!fits)",
        with: "if (false)",
        seen_by: "test_key_rejectsOtherShapes",
    },
    Defect {
        name: "as many instances as calldata has",
        file: None,
        replace: "if (instances.length != count)",
        with: "if (false)",
        seen_by: "test_key_rejectsOtherNumbersOfInstances",
    },
    Defect {
        name: "a bound verifier does not look at its key again",
        file: Some("src/BoundVerifier.sol"),
        replace: "if (actual != KEY_HASH) revert KeyHashMismatch(0, KEY_HASH, actual);",
        with: "",
        seen_by: "test_bound_rejectsAKeyThatChanged",
    },
    Defect {
        name: "a batch adds its proofs up",
        file: Some("src/libraries/ProofBatch.sol"),
        replace: "return uint256(seed) % (ScalarField.ORDER - 1) + 1;",
        with: "return seed == 0 ? 0 : 1;",
        seen_by: "test_batch_rejectsWrongProofsThatCancel",
    },
];

#[test]
fn project_fails_its_tests_on_every_seeded_defect() {
    let project = OnDisk::new();
    for defect in DEFECTS {
        let path = project
            .root()
            .join(defect.file.unwrap_or(&project.verifier));
        let honest = fs::read_to_string(&path).unwrap();
        assert!(
            honest.contains(defect.replace),
            "{}: what it breaks is not in {}",
            defect.name,
            path.display()
        );
        fs::write(&path, honest.replace(defect.replace, defect.with)).unwrap();
        let ran = project.test(defect.seen_by, 1);
        fs::write(&path, honest).unwrap();
        assert!(!ran.success, "{}: not seen\n{}", defect.name, ran.output);
        let failed = ran.failed();
        assert!(
            failed.contains(&defect.seen_by),
            "{}: {failed:?}\n{}",
            defect.name,
            ran.output
        );
        println!("{}: seen by {}", defect.name, defect.seen_by);
    }
}
