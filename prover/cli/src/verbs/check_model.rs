//! `chainfer check-model`: is what a registry recorded about a model what the bundle says?
//!
//! The registry does not see the manifest behind a model's id, so a registrant can name any keys, any layout and any scale under
//! it. Whoever relies on a model checks it once, against a bundle that they have looked at: a record never changes.

use super::deploy::{compile_contracts, open};
use crate::{
    args::CheckModelArgs,
    chain,
    failure::bad_input,
    output::{Page, Progress, Report},
    solidity::Solc,
};
use alloy::{
    primitives::{Address, B256, keccak256},
    sol_types::SolCall,
};
use anyhow::Context as _;
use chainfer_chain::{
    abi::ChainferRegistry,
    registry::{Difference, Registration, Registry, compare},
    rpc::{At, CallRequest, Rpc, RpcConfig},
};
use chainfer_formats::{DeploymentFile, Manifest, ids::model_id};
use serde::Serialize;
use std::path::Path;

#[derive(Clone, Debug, Serialize)]
struct Outcome {
    /// The model is registered, and all that is recorded is what the bundle says.
    as_compiled: bool,
    registered: bool,
    chain_id: u64,
    registry: Address,
    registrant: Address,
    model_id: B256,
    manifest_id: B256,
    /// Where the registrant says that the bundle is; not compared.
    uri: String,
    /// Whether proofs and attestations of it count now.
    frozen: bool,
    deprecated: bool,
    differences: Vec<Difference>,
}

/// Runs the verb.
pub(crate) fn run(args: &CheckModelArgs, progress: Progress) -> anyhow::Result<Report> {
    let registry = chain::address("--registry", &args.registry)?;
    let named = args.registrant.as_deref();
    let named = named
        .map(|text| chain::address("--registrant", text))
        .transpose()?;
    let solc = Solc::find(&args.solc)?;
    // Opening it recomputes the manifest's id, and compares every key and source with it.
    let bundle = open(&args.bundle)?;
    let manifest = Manifest::read(&args.bundle.join("public").join("manifest.json"))?;
    let expected = Registration::from_manifest(&manifest, "")?;
    let outcome = chain::block_on(async {
        let config = RpcConfig::new(args.rpc_url.clone());
        let chain_id = chain::chain_id(&config).await?;
        let registrant = match named {
            Some(account) => account,
            None => recorded_registrant(&args.bundle, chain_id, registry)?,
        };
        let contracts = compile_contracts(&solc, &bundle, progress)?;
        let code_hashes: Vec<Option<B256>> = contracts
            .chunks
            .iter()
            .map(|chunk| {
                let verifier = contracts.verifiers.get(chunk.verifier)?;
                verifier.runtime_code.as_ref().map(keccak256)
            })
            .collect();
        let rpc = Rpc::new(config)?;
        let node = Registry::new(rpc.clone(), registry);
        let id = model_id(manifest.manifest_id, registrant);
        progress.say(format_args!("reading model {id} on chain {chain_id}"));
        let mut outcome = Outcome {
            as_compiled: false,
            registered: false,
            chain_id,
            registry,
            registrant,
            model_id: id,
            manifest_id: manifest.manifest_id,
            uri: String::new(),
            frozen: false,
            deprecated: false,
            differences: Vec::new(),
        };
        if let Some(model) = node.model(id).await? {
            outcome.registered = true;
            let compared = compare(&node, id, &model, &expected, &code_hashes).await?;
            outcome.differences = compared.differences;
            outcome.as_compiled = outcome.differences.is_empty();
            outcome.uri = model.uri;
            let frozen = ChainferRegistry::isFrozenCall { modelId: id };
            outcome.frozen = ask(&rpc, registry, frozen).await?;
            let deprecated = ChainferRegistry::isDeprecatedCall { modelId: id };
            outcome.deprecated = ask(&rpc, registry, deprecated).await?;
        }
        anyhow::Ok(outcome)
    })?;
    let report = Report::new(&outcome, page(&outcome))?;
    Ok(if outcome.as_compiled {
        report
    } else {
        report.negative()
    })
}

async fn ask<C: SolCall>(rpc: &Rpc, registry: Address, call: C) -> anyhow::Result<C::Return> {
    let request = CallRequest::new(Address::ZERO, Some(registry), call.abi_encode().into());
    let answer = rpc.call(&request, At::Latest).await?;
    Ok(C::abi_decode_returns_validate(&answer)?)
}

/// Who registered the bundle's model there, as `deploy` wrote it down.
fn recorded_registrant(bundle: &Path, chain_id: u64, registry: Address) -> anyhow::Result<Address> {
    let path = chain::deployment_path(bundle, chain_id);
    if !path.is_file() {
        return Err(bad_input(format!(
            "there is no {}: give --registrant ADDRESS, the account that registered the model",
            path.display()
        )));
    }
    let record = DeploymentFile::read(&path).context("cannot use the bundle's deployment")?;
    if record.registry != registry {
        return Err(bad_input(format!(
            "{} is of the registry {}, not {registry}: give --registrant ADDRESS",
            path.display(),
            record.registry
        )));
    }
    Ok(record.registrant)
}

fn page(outcome: &Outcome) -> Page {
    let verdict = match (outcome.registered, outcome.as_compiled) {
        (_, true) => "AS COMPILED",
        (true, _) => "NOT AS COMPILED",
        _ => "NOT REGISTERED",
    };
    let mut page = Page::new()
        .heading(format!("{verdict}: chain {}", outcome.chain_id))
        .fact("registry", outcome.registry)
        .fact("model id", outcome.model_id)
        .fact("registrant", outcome.registrant)
        .fact("manifest id", outcome.manifest_id);
    if !outcome.registered {
        return page.text(
            "  this registrant has not registered the bundle's manifest there; another may have",
        );
    }
    let standing = match (outcome.frozen, outcome.deprecated) {
        (true, _) => "frozen: it vouches for nothing",
        (_, true) => "deprecated: what is proven from now on does not count",
        _ => "neither frozen nor deprecated",
    };
    page = page.fact("standing", standing).fact("uri", &outcome.uri);
    for difference in &outcome.differences {
        page = page.fact(
            &difference.what,
            format!(
                "NO  expected {}, recorded {}",
                difference.expected, difference.found
            ),
        );
    }
    page
}
