//! `chainfer demo`: everything from compiling to reading the result in a contract, on a local chain, in a temporary folder unless
//! `--keep` is given.

mod anvil;
mod child;
mod dapp;
mod node;
mod report;
mod scene;
mod service;
mod stages;
mod tamper;

use crate::{
    args::DemoArgs,
    chain::Transaction,
    output::{Progress, Report},
    solidity::Solc,
    verbs::{compile, deploy, program::Plan, prove, shared::argmax, verify},
};
use alloy::primitives::{B256, U256};
use anvil::Anvil;
use anyhow::{Context as _, bail};
use chainfer_chain::{registry::Registration, wallet::WalletConfig};
use chainfer_engine::inference::{ContextSource, ProveOptions, verify_inference};
use chainfer_formats::{Binding, KnownSetups, ProofFile, limits::DEVELOPMENT_CHAIN_ID};
use chainfer_model::partition::ChunkCount;
use chainfer_relayer::client::{ClientConfig, KeyPlacement, RegistryPlan};
use dapp::{Claim, Payout, Terms};
use node::LocalNode;
use report::{Dapp, Outcome};
use scene::{Cast, Folder, ends, inference_id, input_words, narrow};
use serde_json::Value;
use service::Relayer;
use stages::Stages;
use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

/// The requester's nonce for the demo's inference.
const NONCE: u64 = 1;

/// Runs every step of the demo and reports how long each took.
pub(crate) fn run(args: DemoArgs, progress: Progress) -> anyhow::Result<Report> {
    // Whatever may be missing is checked before the work starts.
    Solc::find(&args.solc)?;
    let relayer_program = service::program(args.relayer.clone())?;
    for file in [&args.model, &args.input]
        .into_iter()
        .chain(&args.calibration)
    {
        fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let folder = Folder::new(args.keep.clone())?;
    let runtime =
        tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    let mut stages = Stages::new(progress);
    let here = folder.path();
    let bundle = here.join("bundle");

    let request = compile_request(&args, bundle.clone())?;
    let what = format!("compile the model in {} chunks", args.chunks);
    let compiled = stages.run("compile", &what, || compile::compile(&request, progress))?;

    let public = deploy::open(&bundle)?;
    let contracts = stages.run("contracts", "compile the Solidity verifiers", || {
        deploy::compile_contracts(&args.solc, &public, progress)
    })?;

    let anvil = stages.run("chain", "start a local Ethereum node", || {
        Anvil::start(&args.anvil, &here.join("anvil.log"))
    })?;
    let cast = Cast {
        registrant: anvil.account(0)?,
        relayer: anvil.account(1)?,
        requester: anvil.account(2)?.address,
        funder: anvil.account(3)?.address,
    };
    let node = LocalNode::new(&anvil.url)?;

    let deployed = stages.run(
        "deploy",
        "deploy verifiers, keys and registry, register the model",
        || {
            let mut client = ClientConfig::new(
                &anvil.url,
                WalletConfig::PrivateKey(cast.registrant.key.clone()),
            );
            client.state = Some(here.join("deploy.sqlite").into());
            client.engine.poll = Duration::from_millis(50);
            let target = deploy::Target {
                bundle: &public,
                registry: RegistryPlan::New(contracts.registry.clone()),
                uri: "",
                chain_id: DEVELOPMENT_CHAIN_ID,
                keys: KeyPlacement::default(),
                max_spend: None,
            };
            runtime.block_on(deploy::deploy(&client, &contracts, target, progress))
        },
    )?;

    let proof_path = here.join("proof.json");
    let proved = stages.run(
        "prove",
        "prove the chunks in parallel, bound to chain, registry and requester",
        || {
            prove::prove(
                &prove_request(&args, &bundle, &proof_path, &cast, &deployed),
                progress,
            )
        },
    )?;
    let native = verify::read_proof(&proof_path)??;
    stages.run("verify", "verify the proof off chain", || {
        Ok(verify_inference(&public, &native)?)
    })?;

    let input = ends(&public.manifest().inputs, &public.manifest().outputs)?;
    let predicted = proved
        .outputs
        .first()
        .and_then(|o| argmax(o.raw.as_deref()?))
        .context("the proof states no public output")?;
    let proof = ProofFile::read(&proof_path)?;
    let inference_id = inference_id(&proof)?;
    let bounty_claim = Claim::of(&proof)?;
    let registration = Registration::from_manifest(public.manifest(), "")?;
    let offer = Offer {
        creation: &contracts.payout,
        terms: Terms {
            registry: deployed.registry,
            model_id: deployed.model_id,
            registration: registration.with_chunks(&deployed.model),
        },
        class: narrow(predicted)?,
        claim: &bounty_claim,
    };
    let (payout, mut transactions, before) =
        stages.run("dapp", "deploy the dApp and escrow a bounty in it", || {
            runtime.block_on(open_bounty(
                &node,
                &cast,
                &offer,
                &input_words(&proof, input)?,
            ))
        })?;
    // The tampered proof is tried on this state, before the attestation.
    let untouched = runtime.block_on(node.head())?;

    let relayed = stages.run(
        "relay",
        "relay the proof through the chainfer-relayer service",
        || {
            let mut relayer = Relayer::start(
                &relayer_program,
                &anvil,
                cast.relayer,
                deployed.registry,
                here,
            )?;
            let text = fs::read_to_string(&proof_path).context("cannot read the proof")?;
            runtime.block_on(relayer.relay(text))
        },
    )?;
    let relay_transactions = relayed_transactions(&relayed)?;

    let (claimed, label, paid) =
        stages.run("claim", "the dApp reads the attestation and pays", || {
            runtime.block_on(claim(&node, &payout, &cast, &bounty_claim))
        })?;
    let tampered = stages.run(
        "tamper",
        "show the registry the proof with one bit flipped",
        || runtime.block_on(tamper::try_tampered(&node, &proof, untouched)),
    )?;

    let mut all = deployed.transactions.clone();
    all.append(&mut transactions);
    all.extend(relay_transactions);
    all.push(claimed);
    let outcome = Outcome {
        root: proved.root,
        context: proved.context,
        manifest_id: compiled.manifest_id,
        model_id: deployed.model_id,
        inference_id,
        chain_id: DEVELOPMENT_CHAIN_ID,
        registry: deployed.registry,
        requester: cast.requester,
        predicted_label: predicted,
        total_gas: all.iter().map(|t| t.gas_used).sum(),
        transactions: all,
        dapp: Dapp {
            address: payout.address,
            label,
            before_attestation: before,
            paid_wei: paid.to_string(),
        },
        tampered,
        chunks: proved.chunks,
        proof_bytes: proved.proof_bytes,
        outputs: proved.outputs,
        stages: stages.finish(),
        kept: args.keep,
    };
    Report::new(&outcome, report::page(&outcome))
}

fn compile_request(args: &DemoArgs, bundle: PathBuf) -> anyhow::Result<compile::Request> {
    Ok(compile::Request {
        model: args.model.clone(),
        reading: args.reading.load_options()?,
        plan: Plan {
            calibration: args.calibration.clone(),
            chunks: ChunkCount::Exactly(args.chunks.get()),
            ..Plan::default()
        },
        hiding_seed: None,
        srs: "development".to_owned(),
        known: KnownSetups::default(),
        output: bundle,
    })
}

fn prove_request(
    args: &DemoArgs,
    bundle: &Path,
    proof: &Path,
    cast: &Cast<'_>,
    deployed: &deploy::Outcome,
) -> prove::Request {
    let binding = Binding {
        chain_id: DEVELOPMENT_CHAIN_ID,
        registry: deployed.registry,
        requester: cast.requester,
        nonce: U256::from(NONCE).into(),
    };
    prove::Request {
        bundle: bundle.to_owned(),
        input: args.input.clone(),
        output: proof.to_owned(),
        // The folder is the demo's own.
        force: true,
        context: ContextSource::Binding {
            binding,
            model_id: deployed.model_id,
        },
        model: Some(deployed.model.clone()),
        options: ProveOptions {
            jobs: args.jobs.map(NonZeroUsize::get),
            ..ProveOptions::default()
        },
        choice: prove::Choice::default(),
        stats: false,
    }
}

/// The bounty that the funder offers.
struct Offer<'a> {
    creation: &'a alloy::primitives::Bytes,
    terms: Terms,
    class: u32,
    claim: &'a Claim,
}

/// Deploys the dApp, escrows the bounty, and gets the reason why it does not pay yet.
async fn open_bounty<'n>(
    node: &'n LocalNode,
    cast: &Cast<'_>,
    offer: &Offer<'_>,
    input_words: &[B256],
) -> anyhow::Result<(Payout<'n>, Vec<Transaction>, String)> {
    let (payout, created) = Payout::deploy(node, cast.funder, offer.creation, &offer.terms).await?;
    let opened = payout
        .open(cast.funder, cast.requester, input_words, offer.class)
        .await?;
    let refusal = payout.refusal(offer.claim).await?;
    Ok((payout, vec![created, opened], refusal))
}

/// Claims the bounty and checks that the requester got it.
async fn claim(
    node: &LocalNode,
    payout: &Payout<'_>,
    cast: &Cast<'_>,
    shown: &Claim,
) -> anyhow::Result<(Transaction, u64, U256)> {
    let label = payout.class_of(shown).await?;
    let before = node.balance(cast.requester).await?;
    let claimed = payout.claim(cast.funder, shown).await?;
    let paid = node.balance(cast.requester).await?.saturating_sub(before);
    if paid != dapp::bounty() {
        bail!(
            "the requester got {paid} wei, but the bounty is {}",
            dapp::bounty()
        );
    }
    Ok((claimed, label, paid))
}

/// The transactions in the answer of the relayer service.
fn relayed_transactions(job: &Value) -> anyhow::Result<Vec<Transaction>> {
    let list = job["transactions"]
        .as_array()
        .context("the relayer's answer lists no transactions")?;
    list.iter()
        .map(|tx| {
            let field = |name: &str| {
                tx[name]
                    .as_u64()
                    .with_context(|| format!("a relayed transaction lacks {name}"))
            };
            let chunks: Vec<String> = tx["chunks"]
                .as_array()
                .into_iter()
                .flatten()
                .map(Value::to_string)
                .collect();
            Ok(Transaction {
                what: Transaction::describe(tx["kind"].as_str().unwrap_or("relay"), &chunks),
                hash: tx["hash"]
                    .as_str()
                    .context("a relayed transaction has no hash")?
                    .to_owned(),
                gas_used: field("gas_used")?,
                block: field("block")?,
            })
        })
        .collect()
}
