//! `chainfer check-model`: checks that a registry's record of a model matches a bundle.
//!
//! The registry sees only the hash of a manifest, so a registrant can record any keys, layout and scales with it. Whoever relies on a
//! model should compare its record with a bundle that they have reviewed. Once is enough: a record never changes.

use super::{
    deploy::{compile_contracts, open},
    setup::say,
};
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
use chainfer_formats::{DeploymentFile, Manifest, SetupStatus, ids::model_id};
use serde::Serialize;
use std::path::Path;

#[derive(Clone, Debug, Serialize)]
struct Outcome {
    /// Whether the model is registered and its record matches the bundle.
    as_compiled: bool,
    registered: bool,
    chain_id: u64,
    registry: Address,
    registrant: Address,
    model_id: B256,
    manifest_id: B256,
    /// What the bundle's trusted setup is.
    #[serde(flatten)]
    setup: SetupStatus,
    /// Where the bundle is published, according to the registrant; not compared.
    uri: String,
    /// Whether the model is frozen: then its attestations do not count.
    frozen: bool,
    deprecated: bool,
    differences: Vec<Difference>,
}

/// Compares a registered model with the bundle; the report is negative if they differ.
pub(crate) fn run(args: &CheckModelArgs, progress: Progress) -> anyhow::Result<Report> {
    let registry = chain::address("--registry", &args.registry)?;
    let named = args.registrant.as_deref();
    let named = named
        .map(|text| chain::address("--registrant", text))
        .transpose()?;
    let solc = Solc::find(&args.solc)?;
    // Opening the bundle recomputes the manifest's id and compares every key and source with it.
    let bundle = open(&args.bundle)?;
    let manifest = Manifest::read(&args.bundle.join("public").join("manifest.json"))?;
    let setup = args.known.load()?.status(&manifest.srs);
    say(&setup, progress);
    let expected = Registration::from_manifest(&manifest, "")?;
    let outcome = chain::block_on(async {
        let config = RpcConfig::new(args.rpc.rpc_url.clone());
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
            setup: setup.clone(),
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

/// The account that registered the model, from the bundle's record of its deployment.
fn recorded_registrant(bundle: &Path, chain_id: u64, registry: Address) -> anyhow::Result<Address> {
    let path = chain::deployment_path(bundle, chain_id);
    if !path.is_file() {
        return Err(bad_input(format!(
            "there is no {}: pass --registrant ADDRESS, the account that registered the model",
            path.display()
        )));
    }
    let record = DeploymentFile::read(&path).context("cannot use the bundle's deployment")?;
    if record.registry != registry {
        return Err(bad_input(format!(
            "{} is of the registry {}, not of {registry}: pass --registrant ADDRESS",
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
        .fact("manifest id", outcome.manifest_id)
        .fact("trusted setup", &outcome.setup);
    if !outcome.registered {
        return page.text(
            "  this registrant has not registered the bundle's manifest with this registry; another may have",
        );
    }
    let status = match (outcome.frozen, outcome.deprecated) {
        (true, _) => "frozen: its attestations do not count",
        (_, true) => "deprecated: attestations proven after the deprecation do not count",
        _ => "neither frozen nor deprecated",
    };
    page = page.fact("status", status).fact("uri", &outcome.uri);
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
