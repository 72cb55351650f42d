//! `chainfer solidity`: writes a bundle's verifiers as a forge project, with tests if a proof is given, and reports their sizes.

use super::verify::read_proof;
use crate::{
    args::{SolcArgs, SolidityArgs},
    output::{Align, Page, Progress, Report, Table, thousands},
    solidity::{
        CODE_LIMIT, ChunkVerifier, Compiled, Solc, codes_of, distinct, folder, project,
        read_checked,
    },
};
use alloy::primitives::{B256, keccak256};
use anyhow::{Context as _, bail};
use chainfer_engine::bundle::PublicBundle;
use chainfer_verifier_gen::project::ProjectFile;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

#[derive(Debug, Serialize)]
struct Contract {
    chunk: usize,
    /// Name of the verifier, which several chunks may share.
    name: String,
    file: PathBuf,
    /// Bytes of runtime code, if a compiler was found.
    runtime_size: Option<usize>,
    /// Hash of that code, under which a registry lists the verifier.
    code_hash: Option<B256>,
    gas_estimate: u64,
    key: Key,
}

/// The contract that holds a chunk's verifying key.
#[derive(Debug, Serialize)]
struct Key {
    /// Its creation code, as a Solidity constant.
    file: PathBuf,
    runtime_size: usize,
    code_hash: B256,
}

#[derive(Debug, Serialize)]
struct Outcome {
    project: PathBuf,
    /// Whether there is a test suite.
    tests: bool,
    interface: PathBuf,
    contracts: Vec<Contract>,
    /// All files of the project, relative to its folder.
    files: Vec<String>,
    runtime_size_limit: usize,
}

/// Writes the project, and reports the verifiers' sizes if a compiler is found.
pub(crate) fn run(args: &SolidityArgs, progress: Progress) -> anyhow::Result<Report> {
    let bundle = PublicBundle::open(&args.bundle)
        .with_context(|| format!("cannot use the bundle {}", args.bundle.display()))?;
    let chunks = read_checked(&bundle)?;
    folder::require_free(&args.output)?;
    let project = match &args.proof {
        None => project(&bundle, &chunks, None)?,
        Some(path) => {
            let proof = read_proof(path)?
                .with_context(|| format!("cannot use the proof {}", path.display()))?;
            project(&bundle, &chunks, Some(&proof))
                .with_context(|| format!("cannot use the proof {}", path.display()))?
        }
    };
    let verifiers = distinct(&chunks);
    let codes = codes(&args.solc, &verifiers, progress)?;
    check_sizes(&codes)?;
    let mut files = project.files();
    files.extend(verifiers.iter().map(|verifier| ProjectFile {
        path: format!("abi/{}.json", verifier.contract),
        contents: verifier.abi.clone(),
    }));
    folder::write(&args.output, &files)?;
    let contracts = chunks
        .iter()
        .map(|chunk| contract(&args.output, chunk, &codes));
    let outcome = Outcome {
        project: args.output.clone(),
        tests: project.has_tests(),
        interface: args.output.join("src/interfaces/IHalo2Verifier.sol"),
        contracts: contracts.collect(),
        files: files.into_iter().map(|file| file.path).collect(),
        runtime_size_limit: CODE_LIMIT,
    };
    Report::new(&outcome, page(&outcome))
}

/// The code of verifiers by name; without a compiler those of the catalogue alone.
fn codes<'a>(
    solc: &SolcArgs,
    verifiers: &[&'a ChunkVerifier],
    progress: Progress,
) -> anyhow::Result<BTreeMap<&'a str, Compiled>> {
    let codes = codes_of(verifiers, || {
        let found = Solc::find_optional(solc)?;
        match &found {
            Some(_) => progress.say("compiling the verifiers"),
            None => progress.warn(
                "no Solidity compiler found, so sizes and hashes of code are unknown; pass --solc PATH",
            ),
        }
        Ok(found)
    })?;
    let names = verifiers.iter().map(|verifier| verifier.contract.as_str());
    let known = names.zip(codes);
    Ok(known
        .filter_map(|(name, code)| Some((name, code?)))
        .collect())
}

fn contract(folder: &Path, chunk: &ChunkVerifier, codes: &BTreeMap<&str, Compiled>) -> Contract {
    let code = codes.get(chunk.contract.as_str());
    Contract {
        chunk: chunk.chunk,
        name: chunk.contract.clone(),
        file: folder.join("src/verifiers").join(chunk.file()),
        runtime_size: code.map(|code| code.runtime_size),
        code_hash: code.map(|code| keccak256(&code.runtime)),
        gas_estimate: chunk.gas_estimate,
        key: Key {
            file: folder.join(format!("src/keys/{}.sol", chunk.key_name())),
            runtime_size: chunk.key.runtime.len(),
            code_hash: B256::from(chunk.key.code_hash),
        },
    }
}

fn check_sizes(codes: &BTreeMap<&str, Compiled>) -> anyhow::Result<()> {
    match codes.iter().find(|(_, c)| c.runtime_size > CODE_LIMIT) {
        None => Ok(()),
        Some((name, Compiled { runtime_size, .. })) => bail!(
            "{name} has {runtime_size} bytes of code, but at most {CODE_LIMIT} are allowed; compile the model with more chunks or with --optimize gas"
        ),
    }
}

fn page(outcome: &Outcome) -> Page {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("chunk", Right),
        ("shared verifier", Left),
        ("code bytes", Right),
        ("of limit", Right),
        ("key bytes", Right),
        ("verify gas, estimated", Right),
    ]);
    for contract in &outcome.contracts {
        table.row([
            contract.chunk.to_string(),
            contract.name.clone(),
            contract
                .runtime_size
                .map_or_else(|| "?".to_owned(), |size| thousands(size as u64)),
            contract.runtime_size.map_or_else(String::new, |size| {
                format!("{:.0} %", 100.0 * size as f64 / CODE_LIMIT as f64)
            }),
            thousands(contract.key.runtime_size as u64),
            thousands(contract.gas_estimate),
        ]);
    }
    let mut page = Page::new()
        .heading(format!(
            "Forge project with {} chunks in {}",
            outcome.contracts.len(),
            outcome.project.display()
        ))
        .table(table)
        .text(format!(
            "  a contract may have at most {} bytes of code",
            thousands(CODE_LIMIT as u64)
        ));
    let mut hashes: Vec<_> = outcome
        .contracts
        .iter()
        .filter_map(|c| Some((&c.name, c.code_hash?)))
        .collect();
    hashes.sort();
    hashes.dedup();
    for (name, code_hash) in hashes {
        page = page.fact(format!("code hash of {name}"), code_hash);
    }
    let folder = outcome.project.display();
    let next = if outcome.tests {
        format!("  next: cd {folder} && forge test")
    } else {
        "  no tests: pass --proof PROOF to write them".to_owned()
    };
    page.text(next)
}
