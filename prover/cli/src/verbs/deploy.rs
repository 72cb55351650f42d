//! `chainfer deploy`: verifiers, keys, registry and model on a chain.

use super::setup::{require_for_chain, setup_facts};
use crate::{
    args::{DeployArgs, KeysArg, SolcArgs},
    chain::{self, Transaction},
    failure::bad_input,
    output::{Align, Page, Progress, Report, Table, thousands},
    solidity::{
        CODE_LIMIT, Catalogue, ChunkVerifier, Compiled, Solc, artefacts, codes_of, distinct,
        read_checked,
    },
};
use alloy::primitives::{Address, B256, Bytes};
use anyhow::{Context as _, bail};
use chainfer_chain::{
    registry::{Registration, Registry},
    rpc::Rpc,
};
use chainfer_engine::bundle::PublicBundle;
use chainfer_formats::{
    ChainChunk, ChainModel, DeploymentFile, SetupStatus, SrsSpec,
    files::{self, Access},
    limits::DEVELOPMENT_CHAIN_ID,
};
use chainfer_relayer::{
    client::{
        ChunkCode, ClientConfig, DeployPlan, KeyPlacement, NewRegistry, RegistryPlan, Step,
        VerifierCode,
    },
    money::Gwei,
};
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// All contracts that a bundle needs, compiled.
#[derive(Debug)]
pub(crate) struct Contracts {
    /// The verifiers, without repetition.
    pub(crate) verifiers: Vec<VerifierCode>,
    /// The verifier and the key of each chunk.
    pub(crate) chunks: Vec<ChunkCode>,
    /// A new registry, which lists the catalogue and belongs to the sender.
    pub(crate) registry: NewRegistry,
    /// Creation code of the example dApp.
    pub(crate) payout: Bytes,
}

/// The deployment, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) chain_id: u64,
    pub(crate) registry: Address,
    pub(crate) model_id: B256,
    pub(crate) registrant: Address,
    pub(crate) record_hash: B256,
    /// What the registry is handed with every proof; it is in the file.
    #[serde(skip)]
    pub(crate) model: ChainModel,
    pub(crate) chunks: Vec<DeployedChunk>,
    pub(crate) transactions: Vec<Transaction>,
    pub(crate) total_gas: u64,
    /// Where the bundle is published, as the registry has it: what a first registration said, for good.
    pub(crate) uri: String,
    pub(crate) file: PathBuf,
    /// Where the record of another deployment went.
    pub(crate) earlier_record: Option<PathBuf>,
}

/// Where a chunk is verified, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DeployedChunk {
    pub(crate) verifier: Address,
    pub(crate) code_hash: B256,
    /// The contract that has the key; none if the key is handed in with every proof.
    pub(crate) key: Option<Address>,
    pub(crate) key_hash: B256,
}

#[derive(Serialize)]
struct Reported<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    #[serde(flatten)]
    setup: &'a SetupStatus,
}

/// Deploys what is missing, registers the model, and reports addresses and gas.
pub(crate) fn run(args: DeployArgs, progress: Progress) -> anyhow::Result<Report> {
    let registry = address("--registry", args.registry.as_deref())?;
    let owner = address("--owner", args.owner.as_deref())?;
    let guardian = address("--guardian", args.guardian.as_deref())?;
    let policy = args.setup.policy()?;
    let bundle = open(&args.bundle)?;
    let spec = &bundle.manifest().srs;
    let (outcome, setup) = chain::block_on(async {
        // Wallet, node and setup are checked before the compiler runs, which takes longer.
        let client = chain::client(args.sender).await?;
        let chain_id = chain::chain_id(&client.rpc).await?;
        if let Some(expected) = args.chain_id.filter(|expected| *expected != chain_id) {
            return Err(bad_input(format!(
                "--chain-id is {expected}, but the node of --rpc-url is of chain {chain_id}"
            )));
        }
        let setup = require_for_chain(&policy, spec, chain_id, progress)?;
        let contracts = compile_contracts(&args.solc, &bundle, progress)?;
        let target = Target {
            bundle: &bundle,
            registry: match registry {
                Some(address) => RegistryPlan::Existing(address),
                None => RegistryPlan::New(NewRegistry {
                    owner,
                    guardian,
                    ..contracts.registry.clone()
                }),
            },
            uri: &args.uri,
            chain_id,
            keys: keys(args.keys, args.expected_inferences),
            max_spend: args.max_spend,
        };
        let outcome = deploy(&client, &contracts, target, progress).await?;
        anyhow::Ok((outcome, setup))
    })?;
    let reported = Reported {
        outcome: &outcome,
        setup: &setup,
    };
    Report::new(&reported, page(&outcome, &setup, spec))
}

fn keys(keys: KeysArg, inferences: u64) -> KeyPlacement {
    match keys {
        KeysArg::Auto => KeyPlacement::Cheaper { inferences },
        KeysArg::Calldata => KeyPlacement::Calldata,
        KeysArg::Code => KeyPlacement::Code,
    }
}

fn address(flag: &str, text: Option<&str>) -> anyhow::Result<Option<Address>> {
    text.map(|text| chain::address(flag, text)).transpose()
}

/// Opens a bundle's public part.
///
/// # Errors
/// The bundle is missing or damaged.
pub(crate) fn open(bundle: &Path) -> anyhow::Result<PublicBundle> {
    PublicBundle::open(bundle)
        .with_context(|| format!("cannot use the bundle {}", bundle.display()))
}

/// The code of a bundle's verifiers, compiled if they are not in the catalogue; registry and example dApp are embedded in this binary.
///
/// # Errors
/// The compiler cannot be used, a source was changed, or a verifier is too large.
pub(crate) fn compile_contracts(
    solc: &SolcArgs,
    bundle: &PublicBundle,
    progress: Progress,
) -> anyhow::Result<Contracts> {
    let chunks = read_checked(bundle)?;
    let sources = distinct(&chunks);
    let codes = codes_of(&sources, || {
        progress.say(format_args!(
            "compiling verifiers that are not in the catalogue, for {}",
            counted(chunks.len(), "chunk")
        ));
        Solc::find(solc).map(Some)
    })?;
    let verifiers = sources
        .iter()
        .zip(codes)
        .map(|(source, code)| {
            verifier(
                &source.contract,
                code.context("a verifier was not compiled")?,
            )
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let chunks = chunks
        .iter()
        .map(|chunk| chunk_code(chunk, &verifiers))
        .collect::<anyhow::Result<_>>()?;
    Ok(Contracts {
        verifiers,
        chunks,
        registry: NewRegistry {
            listed: Catalogue::embedded()?.code_hashes(),
            ..NewRegistry::of_sender(artefacts::REGISTRY.creation_code()?)
        },
        payout: artefacts::PAYOUT.creation_code()?,
    })
}

fn verifier(name: &str, code: Compiled) -> anyhow::Result<VerifierCode> {
    if code.runtime_size > CODE_LIMIT {
        bail!(
            "{name} has {} bytes of code, but at most {CODE_LIMIT} are allowed; compile the model with more chunks or with --optimize gas",
            code.runtime_size
        );
    }
    Ok(VerifierCode {
        name: name.to_owned(),
        creation_code: code.creation,
        runtime_code: Some(code.runtime),
    })
}

fn chunk_code(chunk: &ChunkVerifier, verifiers: &[VerifierCode]) -> anyhow::Result<ChunkCode> {
    let verifier = verifiers
        .iter()
        .position(|v| v.name == chunk.contract)
        .context("a chunk's verifier was not compiled")?;
    Ok(ChunkCode {
        verifier,
        key_name: chunk.key_name(),
        key: Bytes::copy_from_slice(chunk.key_bytes()),
    })
}

/// A number of things, in the plural where there is not one.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What to deploy and where. The caller has checked that the bundle's setup is allowed on the chain.
#[derive(Clone, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) bundle: &'a PublicBundle,
    pub(crate) registry: RegistryPlan,
    pub(crate) uri: &'a str,
    pub(crate) chain_id: u64,
    /// Where the keys are kept.
    pub(crate) keys: KeyPlacement,
    /// The most that all transactions together may cost, if the user says.
    pub(crate) max_spend: Option<Gwei>,
}

/// Deploys the contracts, registers the model and records both in the bundle.
///
/// # Errors
/// Bad input: the transactions would cost more than they may. Or the node refuses a transaction, or a transaction reverts.
pub(crate) async fn deploy(
    client: &ClientConfig,
    contracts: &Contracts,
    target: Target<'_>,
    progress: Progress,
) -> anyhow::Result<Outcome> {
    // What cannot be recorded afterwards is not paid for.
    let file = chain::record_path(target.bundle.dir(), target.chain_id);
    if let Some(folder) = file.parent() {
        files::create_dir(folder, Access::Public)?;
    }
    if fs::symlink_metadata(&file).is_ok_and(|found| found.is_dir()) {
        return Err(bad_input(format!(
            "{} is a folder, so the deployment could not be recorded there; remove it",
            file.display()
        )));
    }
    let plan = DeployPlan {
        registry: target.registry,
        verifiers: contracts.verifiers.clone(),
        chunks: contracts.chunks.clone(),
        keys: target.keys,
        registration: Registration::from_manifest(target.bundle.manifest(), target.uri)?,
    };
    let mut client = ClientConfig {
        chain_id: Some(target.chain_id),
        ..client.clone()
    };
    let outlay = chainfer_relayer::client::deployment_outlay(&client, &plan).await?;
    let rpc = Rpc::new(client.rpc.clone())?;
    if let RegistryPlan::Existing(registry) = &plan.registry
        && chain::deployed::other_code(&rpc, *registry)
            .await?
            .is_some()
    {
        progress.say(format_args!(
            "the registry {registry} has not the code of the one that this program was built with: whoever wrote it can take the limit, \
             and `attest` will ask for --registry"
        ));
    }
    let limit = chain::budget::limit(&rpc, &outlay, target.max_spend).await?;
    client.max_spend = Some(limit);
    progress.say(format_args!(
        "deploying to chain {}, for at most {limit}",
        target.chain_id
    ));
    let deployed = chainfer_relayer::client::deploy(&client, &plan).await?;
    let earlier_record = keep_earlier(&file, &deployed.file)?;
    deployed.file.write(&file)?;
    let uri = registered_uri(&rpc, &deployed.file).await;
    if uri.as_deref().is_some_and(|uri| uri != target.uri) {
        progress.say(format_args!(
            "warning: the model is registered already, with the URI {:?}, which stays: --uri {:?} was not recorded",
            uri.as_deref().unwrap_or_default(),
            target.uri
        ));
    }
    let uri = uri.unwrap_or_else(|| target.uri.to_owned());
    Ok(Outcome {
        uri,
        earlier_record,
        chain_id: deployed.file.chain_id,
        registry: deployed.file.registry,
        model_id: deployed.file.model_id,
        registrant: deployed.file.registrant,
        record_hash: deployed.file.model.record.hash(),
        model: deployed.file.model.clone(),
        chunks: deployed.file.model.chunks.iter().map(reported).collect(),
        transactions: named(&deployed.transactions),
        total_gas: deployed.total_gas,
        file,
    })
}

fn reported(chunk: &ChainChunk) -> DeployedChunk {
    DeployedChunk {
        verifier: chunk.verifier,
        code_hash: chunk.code_hash,
        key: chunk.key_contract(),
        key_hash: chunk.key_hash,
    }
}

/// The URI that the model was registered with, if the node finds the event.
async fn registered_uri(rpc: &Rpc, file: &DeploymentFile) -> Option<String> {
    let registry = Registry::new(rpc.clone(), file.registry);
    let hash = file.model.record.hash();
    let searched = registry.registered(file.model_id, hash, 0).await.ok()?;
    searched.map(|found| found.registration.uri)
}

/// Moves the record of another deployment aside: its addresses are nowhere else. Local chains begin anew, so there it is replaced.
fn keep_earlier(file: &Path, new: &DeploymentFile) -> anyhow::Result<Option<PathBuf>> {
    let Ok(earlier) = DeploymentFile::read(file) else {
        return Ok(None);
    };
    let same = earlier.registry == new.registry && earlier.model_id == new.model_id;
    if same || new.chain_id == DEVELOPMENT_CHAIN_ID {
        return Ok(None);
    }
    let name = format!("{}.{:#x}.json", earlier.chain_id, earlier.registry);
    let kept = file.with_file_name(name);
    fs::rename(file, &kept).with_context(|| format!("cannot keep {}", file.display()))?;
    Ok(Some(kept))
}

fn named(steps: &[Step]) -> Vec<Transaction> {
    steps
        .iter()
        .filter_map(|step| {
            Some(Transaction {
                what: step.what.clone(),
                ..Transaction::from_report(&step.transaction)?
            })
        })
        .collect()
}

/// A table of transactions.
pub(crate) fn transactions_table(transactions: &[Transaction]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("transaction", Left),
        ("gas", Right),
        ("block", Right),
        ("hash", Left),
    ]);
    for tx in transactions {
        table.row([
            tx.what.clone(),
            thousands(tx.gas_used),
            tx.block.to_string(),
            tx.hash.clone(),
        ]);
    }
    table
}

fn key_place(chunk: &DeployedChunk) -> String {
    match chunk.key {
        Some(address) => address.to_string(),
        None => "handed in with every proof".to_owned(),
    }
}

fn page(outcome: &Outcome, setup: &SetupStatus, spec: &SrsSpec) -> Page {
    let page = Page::new()
        .heading(format!("Deployed on chain {}", outcome.chain_id))
        .fact("registry", outcome.registry)
        .fact("model id", outcome.model_id)
        .fact("registrant", outcome.registrant);
    let mut page = setup_facts(page, setup, spec);
    for (index, chunk) in outcome.chunks.iter().enumerate() {
        page = page
            .fact(format!("verifier {index}"), chunk.verifier)
            .fact(format!("key {index}"), key_place(chunk));
    }
    page = page.fact("recorded in", outcome.file.display());
    if let Some(earlier) = &outcome.earlier_record {
        page = page.fact("earlier record", earlier.display());
    }
    if outcome.transactions.is_empty() {
        return page.text("  everything was deployed already: nothing was sent");
    }
    page.heading(format!("Total gas: {}", thousands(outcome.total_gas)))
        .table(transactions_table(&outcome.transactions))
}
