//! What is written from the contracts is what it should be. Needs Python and the tools that `npm ci` brings.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn artefacts_and_typescript_are_what_the_sources_compile_to() {
    check("artefacts");
}

#[test]
fn cost_tables_are_those_of_the_snapshots() {
    check("registry-costs");
}

fn check(script: &str) {
    let checked = Command::new("python3")
        .arg(root().join("scripts").join(script))
        .arg("--check")
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}

/// The TypeScript of contracts/README.md, with what it takes for granted, under the compiler's strictest eyes.
#[test]
fn typescript_of_the_readme_fits_the_abis() {
    let readme = fs::read_to_string(root().join("contracts/README.md")).unwrap();
    let start = readme.find("```ts\n").unwrap() + "```ts\n".len();
    let snippet = &readme[start..start + readme[start..].find("```").unwrap()];
    let given = "import {createPublicClient, http} from \"viem\";\n\
        const client = createPublicClient({transport: http()});\n\
        const address = \"0x0000000000000000000000000000000000000001\" as const;\n\
        declare const modelId: `0x${string}`;\n\
        declare const inferenceId: `0x${string}`;\n\
        declare const provenValues: `0x${string}`;\n\
        declare const record: {keySet: bigint; chunks: `0x${string}`; inputs: `0x${string}`; \
        outputs: `0x${string}`; leafLengths: `0x${string}`};\n\
        declare const outputs: readonly {leaf: number; chunk: number; offset: number; length: number; \
        zeroPoint: number; visibility: number; scaleWad: bigint}[];\n\
        declare const shown: readonly {chunk: number; digest: `0x${string}`; values: readonly bigint[]}[];\n";
    let checks = "const wad: readonly bigint[] = scores;\nexport {wad};\n";
    assert!(compiles(&format!("{given}{snippet}{checks}")).is_ok());
    // It would say so: another function, another argument, another answer.
    for (from, to) in [
        ("\"dequantised\"", "\"dequantized\""),
        ("0n, record, outputs, shown]", "0n, record, outputs]"),
        ("readonly bigint[]", "readonly string[]"),
    ] {
        let wrong = format!("{given}{snippet}{checks}").replace(from, to);
        let said = compiles(&wrong).unwrap_err();
        assert!(said.contains("error TS"), "{from}: {said}");
    }
}

/// Type-checks a program that stands in the repository's root.
fn compiles(program: &str) -> Result<(), String> {
    let folder = tempfile::tempdir_in(root().join("contracts/abi")).unwrap();
    let abi = root().join("contracts/abi/index.js");
    let program = program.replace("./contracts/abi/index.js", "../index.js");
    assert!(!abi.exists(), "the ABIs are TypeScript alone");
    fs::write(folder.path().join("snippet.mts"), program).unwrap();
    let config = r#"{"extends": "../tsconfig.json", "include": ["*.mts", "../*.ts"]}"#;
    fs::write(folder.path().join("tsconfig.json"), config).unwrap();
    let ran = Command::new("node")
        .arg(root().join("node_modules/typescript/bin/tsc"))
        .arg("--project")
        .arg(folder.path())
        .output()
        .unwrap();
    match ran.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&ran.stdout).into_owned()),
    }
}
