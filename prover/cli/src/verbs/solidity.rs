//! `chainfer solidity`: a bundle's verifiers as Solidity, with their sizes, and its keys as creation code.

use crate::{
    args::SolidityArgs,
    output::{Align, Page, Progress, Report, Table, thousands},
    solidity::{CODE_LIMIT, ChunkVerifier, Compiled, Solc, distinct, embedded, read_checked},
};
use alloy::hex;
use anyhow::{Context as _, bail};
use chainfer_engine::{bundle::PublicBundle, bytes::Bytes32};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The interface that every verifier has, by its path among the embedded sources.
const INTERFACE: &str = "interfaces/IHalo2SharedVerifier.sol";

#[derive(Debug, Serialize)]
struct Contract {
    chunk: usize,
    name: String,
    file: PathBuf,
    /// Bytes of runtime code, where a compiler was found.
    runtime_size: Option<usize>,
    gas_estimate: u64,
    key: Key,
}

/// The contract that holds a chunk's verifying key.
#[derive(Debug, Serialize)]
struct Key {
    /// Its creation code, hexadecimal.
    file: PathBuf,
    runtime_size: usize,
    code_hash: Bytes32,
}

#[derive(Debug, Serialize)]
struct Outcome {
    interface: PathBuf,
    contracts: Vec<Contract>,
    runtime_size_limit: usize,
}

/// Runs the verb.
pub(crate) fn run(args: &SolidityArgs, progress: Progress) -> anyhow::Result<Report> {
    let bundle = PublicBundle::open(&args.bundle)
        .with_context(|| format!("cannot use the bundle {}", args.bundle.display()))?;
    let chunks = read_checked(&bundle)?;
    let solc = Solc::find_optional(&args.solc)?;
    fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make {}", args.output.display()))?;
    let interface = args.output.join("IHalo2SharedVerifier.sol");
    let text = embedded::SOURCES
        .iter()
        .find(|(path, _)| *path == INTERFACE)
        .map(|(_, text)| *text);
    write(
        &interface,
        text.context("the interface is not in this binary")?,
    )?;
    let verifiers = distinct(&chunks);
    for verifier in &verifiers {
        write(&args.output.join(verifier.file()), &verifier.text)?;
        let abi = format!("{}.abi.json", verifier.contract);
        write(&args.output.join(abi), &verifier.abi)?;
    }
    let sizes: BTreeMap<&str, usize> = match &solc {
        Some(solc) => {
            progress.say("compiling the verifiers");
            let compiled = compile_verifiers(solc, &verifiers, BTreeMap::new(), &[])?;
            verifiers
                .iter()
                .zip(compiled)
                .map(|(v, c)| (v.contract.as_str(), c.runtime_size))
                .collect()
        }
        None => {
            progress.warn("no Solidity compiler found, so no code sizes; give --solc PATH");
            BTreeMap::new()
        }
    };
    let contracts = chunks
        .iter()
        .map(|chunk| {
            let key = args.output.join(format!("{}.hex", chunk.key_name()));
            write(&key, &hex::encode_prefixed(&chunk.key.creation))?;
            Ok(Contract {
                chunk: chunk.chunk,
                name: chunk.contract.clone(),
                file: args.output.join(chunk.file()),
                runtime_size: sizes.get(chunk.contract.as_str()).copied(),
                gas_estimate: chunk.gas_estimate,
                key: Key {
                    file: key,
                    runtime_size: chunk.key.runtime.len(),
                    code_hash: Bytes32(chunk.key.code_hash),
                },
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    check_sizes(&contracts)?;
    let outcome = Outcome {
        interface,
        contracts,
        runtime_size_limit: CODE_LIMIT,
    };
    Report::new(&outcome, page(&outcome, &args.output))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn check_sizes(contracts: &[Contract]) -> anyhow::Result<()> {
    match contracts
        .iter()
        .find(|c| c.runtime_size.is_some_and(|size| size > CODE_LIMIT))
    {
        None => Ok(()),
        Some(large) => bail!(
            "{} has {} bytes of code, {CODE_LIMIT} are allowed; compile the model with more chunks or --optimize gas",
            large.name,
            large.runtime_size.unwrap_or_default()
        ),
    }
}

/// Compiles the verifiers in one run of the compiler, with further sources and contracts behind them.
///
/// # Errors
/// The compiler cannot be run, or refuses a source.
pub(crate) fn compile_verifiers(
    solc: &Solc,
    verifiers: &[&ChunkVerifier],
    mut sources: BTreeMap<String, String>,
    further: &[(&str, &str)],
) -> anyhow::Result<Vec<Compiled>> {
    let mut wanted = Vec::new();
    for verifier in verifiers {
        let file = format!("verifiers/{}", verifier.file());
        sources.insert(file.clone(), verifier.text.clone());
        wanted.push((file, verifier.contract.clone()));
    }
    wanted.extend(
        further
            .iter()
            .map(|(file, name)| ((*file).to_owned(), (*name).to_owned())),
    );
    solc.compile(&sources, &wanted)
}

fn page(outcome: &Outcome, folder: &Path) -> Page {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("chunk", Right),
        ("contract", Left),
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
    Page::new()
        .heading(format!(
            "Verifiers and keys of {} chunks in {}",
            outcome.contracts.len(),
            folder.display()
        ))
        .table(table)
        .text(format!(
            "  the limit is {} bytes of code a contract",
            thousands(CODE_LIMIT as u64)
        ))
}
