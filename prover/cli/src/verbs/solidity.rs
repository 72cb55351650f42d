//! `chainfer solidity`: a bundle's verifiers as a forge project, with their sizes and, given a proof, their tests.

use crate::{
    args::SolidityArgs,
    output::{Align, Page, Progress, Report, Table, thousands},
    solidity::{
        BundleProject, CODE_LIMIT, ChunkVerifier, Compiled, Solc, distinct, folder, project,
        read_checked,
    },
};
use anyhow::{Context as _, bail};
use chainfer_engine::{bundle::PublicBundle, inference::ProofFile};
use chainfer_verifier_gen::GeneratedVerifier;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

#[derive(Debug, Serialize)]
struct Contract {
    chunk: usize,
    /// The shared verifier, which other chunks may have too.
    name: String,
    file: PathBuf,
    /// Bytes of runtime code, where a compiler was found.
    runtime_size: Option<usize>,
    key_file: PathBuf,
    key_size: usize,
    key_code_hash: String,
    proof_bytes: usize,
    gas_estimate: u64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    project: PathBuf,
    /// Whether there is a test suite.
    tests: bool,
    interface: PathBuf,
    contracts: Vec<Contract>,
    /// Everything that was written, relative to the project.
    files: Vec<String>,
    runtime_size_limit: usize,
}

/// Runs the verb.
pub(crate) fn run(args: &SolidityArgs, progress: Progress) -> anyhow::Result<Report> {
    let bundle = PublicBundle::open(&args.bundle)
        .with_context(|| format!("cannot use the bundle {}", args.bundle.display()))?;
    let chunks = read_checked(&bundle)?;
    let solc = Solc::find_optional(&args.solc)?;
    folder::require_free(&args.output)?;
    let proof = args
        .proof
        .as_deref()
        .map(|path| {
            ProofFile::read(path)
                .with_context(|| format!("cannot use the proof {}", path.display()))
        })
        .transpose()?;
    let BundleProject { project, verifiers } = match &args.proof {
        Some(path) => {
            project(&bundle, proof.as_ref()).with_context(|| path.display().to_string())?
        }
        None => project(&bundle, None)?,
    };
    let sizes = sizes(solc.as_ref(), &distinct(&chunks), progress)?;
    check_sizes(&sizes)?;
    let files = project.files();
    folder::write(&args.output, &files)?;
    let outcome = Outcome {
        project: args.output.clone(),
        tests: project.has_tests(),
        interface: args.output.join("src/interfaces/IHalo2Verifier.sol"),
        contracts: contracts(&args.output, &verifiers, &sizes)?,
        files: files.into_iter().map(|file| file.path).collect(),
        runtime_size_limit: CODE_LIMIT,
    };
    Report::new(&outcome, page(&outcome))
}

/// Bytes of runtime code by contract, as far as a compiler can tell.
fn sizes(
    solc: Option<&Solc>,
    verifiers: &[&ChunkVerifier],
    progress: Progress,
) -> anyhow::Result<BTreeMap<String, usize>> {
    let Some(solc) = solc else {
        progress.warn("no Solidity compiler found, so no code sizes; give --solc PATH");
        return Ok(BTreeMap::new());
    };
    progress.say("compiling the verifiers");
    let compiled = compile_verifiers(solc, verifiers, BTreeMap::new(), &[])?;
    Ok(verifiers
        .iter()
        .zip(compiled)
        .map(|(verifier, compiled)| (verifier.contract.clone(), compiled.runtime_size))
        .collect())
}

fn contracts(
    folder: &Path,
    verifiers: &[GeneratedVerifier],
    sizes: &BTreeMap<String, usize>,
) -> anyhow::Result<Vec<Contract>> {
    verifiers
        .iter()
        .enumerate()
        .map(|(chunk, verifier)| {
            let name = verifier.contract_name.clone();
            let key = verifier
                .key
                .as_ref()
                .with_context(|| format!("chunk {chunk} has no key contract"))?;
            Ok(Contract {
                chunk,
                file: folder.join(format!("src/verifiers/{name}.sol")),
                runtime_size: sizes.get(&name).copied(),
                name,
                key_file: folder.join(format!("src/keys/Chunk{chunk}Key.sol")),
                key_size: key.runtime.len(),
                key_code_hash: alloy::primitives::B256::from(key.code_hash).to_string(),
                proof_bytes: verifier.proof_len,
                gas_estimate: verifier.gas_estimate,
            })
        })
        .collect()
}

fn check_sizes(sizes: &BTreeMap<String, usize>) -> anyhow::Result<()> {
    match sizes.iter().find(|(_, size)| **size > CODE_LIMIT) {
        None => Ok(()),
        Some((name, size)) => bail!(
            "{name} has {size} bytes of code, {CODE_LIMIT} are allowed; compile the model with more chunks or --optimize gas"
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
            thousands(contract.key_size as u64),
            thousands(contract.gas_estimate),
        ]);
    }
    let folder = outcome.project.display();
    let next = if outcome.tests {
        format!("  next: cd {folder} && forge test")
    } else {
        "  without --proof PROOF there are no tests".to_owned()
    };
    Page::new()
        .heading(format!(
            "A forge project of {} chunks in {folder}",
            outcome.contracts.len()
        ))
        .table(table)
        .text(format!(
            "  the limit is {} bytes of code a contract",
            thousands(CODE_LIMIT as u64)
        ))
        .text(next)
}
