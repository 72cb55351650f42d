//! Properties of the written files that need no compiler.

use super::{ChunkProof, ForgeProject, ProjectChunk, ProjectError, template};
use halo2curves::bn256::Fr;

fn chunk(contract: &str, key: u8) -> ProjectChunk {
    ProjectChunk {
        contract: contract.to_owned(),
        solidity: format!("contract {contract} {{}}\n"),
        key_creation: vec![0, key],
        key_code_hash: [key; 32],
        proof_len: 96,
        num_instances: 2,
        num_scalars: 1,
        proof: None,
    }
}

fn proved(contract: &str, key: u8) -> ProjectChunk {
    let instances = [Fr::from(10), Fr::from(11)];
    let proof = ChunkProof {
        proof: &[7; 96],
        instances: &instances,
    };
    chunk(contract, key).with_proof(proof).unwrap()
}

fn text(project: &ForgeProject, path: &str) -> String {
    let files = project.files();
    let file = files.iter().find(|file| file.path == path);
    file.unwrap_or_else(|| panic!("{path} is missing"))
        .contents
        .clone()
}

#[test]
fn files_have_no_holes_left() {
    for chunks in [1_u8, 3] {
        let chunks = (0..chunks)
            .map(|i| proved(&format!("V{}", i / 2), i))
            .collect();
        for file in ForgeProject::new(chunks).unwrap().files() {
            assert!(
                !file.contents.contains("{{"),
                "{}: {}",
                file.path,
                file.contents
            );
            assert!(file.contents.ends_with('\n'), "{}", file.path);
        }
    }
}

#[test]
fn imports_name_files_of_the_project() {
    let project = ForgeProject::new(vec![proved("A", 1), proved("B", 2)]).unwrap();
    let files = project.files();
    for file in files.iter().filter(|file| file.path.ends_with(".sol")) {
        let folder: Vec<&str> = file.path.split('/').collect();
        for import in file.contents.split("from \"").skip(1) {
            let import = import.split('"').next().unwrap();
            let mut parts: Vec<&str> = folder[..folder.len() - 1].to_vec();
            for part in import.split('/') {
                match part {
                    "." => {}
                    ".." => drop(parts.pop()),
                    name => parts.push(name),
                }
            }
            let wanted = parts.join("/");
            assert!(
                files.iter().any(|file| file.path == wanted),
                "{} imports {wanted}",
                file.path
            );
        }
    }
}

#[test]
fn chunks_of_one_shape_share_a_verifier() {
    let project = ForgeProject::new(vec![proved("V", 1), proved("V", 2)]).unwrap();
    let script = text(&project, "script/Deploy.s.sol");
    assert_eq!(script.matches("new V()").count(), 1, "{script}");
    assert_eq!(script.matches("deployChunk(\n").count(), 2, "{script}");
    let verifiers = project.files();
    let verifiers = verifiers
        .iter()
        .filter(|file| file.path.starts_with("src/verifiers/"));
    assert_eq!(verifiers.count(), 1);
}

#[test]
fn without_proofs_there_are_no_tests() {
    let project = ForgeProject::new(vec![chunk("V", 1)]).unwrap();
    assert!(!project.has_tests());
    assert!(
        project
            .files()
            .iter()
            .all(|file| !file.path.starts_with("test/"))
    );
    assert!(text(&project, "README.md").contains("--proof"));
    assert!(text(&project, "foundry.toml").contains(template::SOLC_VERSION));
}

#[test]
fn fixture_holds_proof_and_public_inputs() {
    let project = ForgeProject::new(vec![proved("V", 1)]).unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&text(&project, "test/fixtures/chunk0.json")).unwrap();
    assert_eq!(json["scalars"], 1);
    assert_eq!(json["proof"], format!("0x{}", "07".repeat(96)));
    assert_eq!(json["instances"][1], format!("0x{:064x}", 11));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    assert_eq!(
        ForgeProject::new(Vec::new()).unwrap_err(),
        ProjectError::NoChunks
    );
    assert_eq!(
        ForgeProject::new(vec![proved("V", 1), chunk("V", 2)]).unwrap_err(),
        ProjectError::MissingProof { chunk: 1 }
    );
    assert_eq!(
        ForgeProject::new(vec![chunk("V", 1), proved("V", 2)]).unwrap_err(),
        ProjectError::MissingProof { chunk: 0 }
    );
    let mut other = chunk("V", 2);
    other.solidity.push('\n');
    assert_eq!(
        ForgeProject::new(vec![chunk("V", 1), other]).unwrap_err(),
        ProjectError::NameTaken {
            name: "V".to_owned()
        }
    );
    let short = ChunkProof {
        proof: &[0; 95],
        instances: &[],
    };
    assert!(matches!(
        chunk("V", 1).with_proof(short),
        Err(ProjectError::ProofLength {
            expected: 96,
            got: 95,
            ..
        })
    ));
    let few = ChunkProof {
        proof: &[0; 96],
        instances: &[],
    };
    assert!(matches!(
        chunk("V", 1).with_proof(few),
        Err(ProjectError::InstanceCount {
            expected: 2,
            got: 0,
            ..
        })
    ));
}
