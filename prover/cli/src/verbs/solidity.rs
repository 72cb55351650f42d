//! `chainfer solidity`: a bundle's verifiers as Solidity, with their sizes.

use crate::{
    args::SolidityArgs,
    output::{Align, Page, Progress, Report, Table, thousands},
    solidity::{CODE_LIMIT, Compiled, Solc, VerifierSource, embedded, generate, read_checked},
};
use anyhow::{Context as _, bail};
use chainfer_engine::bundle::{PublicBundle, VerifierRequest};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The interface that every verifier has, by its path among the embedded sources.
const INTERFACE: &str = "interfaces/IHalo2Verifier.sol";

#[derive(Debug, Serialize)]
struct Contract {
    chunk: usize,
    name: String,
    file: PathBuf,
    /// Bytes of runtime code, where a compiler was found.
    runtime_size: Option<usize>,
    gas_estimate: u64,
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
    let sources = read_checked(&bundle)?;
    let solc = Solc::find_optional(&args.solc)?;
    fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make {}", args.output.display()))?;
    let interface = args.output.join("IHalo2Verifier.sol");
    let text = embedded::SOURCES
        .iter()
        .find(|(path, _)| *path == INTERFACE)
        .map(|(_, text)| *text);
    write(
        &interface,
        text.context("the interface is not in this binary")?,
    )?;
    for source in &sources {
        write(&args.output.join(source.file()), &source.text)?;
    }
    let sizes = match &solc {
        Some(solc) => {
            progress.say("compiling the verifiers");
            compile_verifiers(solc, &sources, BTreeMap::new(), &[])?
                .into_iter()
                .map(|c| Some(c.runtime_size))
                .collect()
        }
        None => {
            progress.warn("no Solidity compiler found, so no code sizes; give --solc PATH");
            vec![None; sources.len()]
        }
    };
    let contracts = sources
        .iter()
        .zip(sizes)
        .map(|(source, runtime_size)| {
            Ok(Contract {
                chunk: source.chunk,
                name: source.contract.clone(),
                file: args.output.join(source.file()),
                runtime_size,
                gas_estimate: gas_estimate(&bundle, source)?,
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

fn gas_estimate(bundle: &PublicBundle, source: &VerifierSource) -> anyhow::Result<u64> {
    let request = VerifierRequest {
        chunk: source.chunk,
        contract: &source.contract,
        vk: &bundle.verifying_keys()[source.chunk],
        params: &bundle.verifier_params()[source.chunk],
        num_instances: 2 + bundle.manifest().chunks[source.chunk].num_public,
    };
    Ok(generate(&request)?.gas_estimate)
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
    verifiers: &[VerifierSource],
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
            thousands(contract.gas_estimate),
        ]);
    }
    Page::new()
        .heading(format!(
            "{} verifiers in {}",
            outcome.contracts.len(),
            folder.display()
        ))
        .table(table)
        .text(format!(
            "  the limit is {} bytes of code a contract",
            thousands(CODE_LIMIT as u64)
        ))
}
