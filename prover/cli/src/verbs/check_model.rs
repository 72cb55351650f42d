//! `chainfer check-model`: checks that a registry's record of a model matches a bundle.
//!
//! The registry sees only the hash of a manifest, so a registrant can record any keys, layout and scales with it. Whoever relies on a
//! model should compare its record with a bundle that they have reviewed. Once is enough: a record never changes.
//!
//! A record that matches a bundle says that the keys are as registered, and no more: a bundle's keys may be of anything. So the bundle is
//! audited, too, against the model or else against the structure that it states.

use super::{
    audit::{self, Verdict as Audited, add_to_page},
    deploy::{compile_contracts, open},
    setup::say,
};
use crate::{
    args::CheckModelArgs,
    chain,
    failure::bad_input,
    output::{Page, Progress, Report},
};
use alloy::primitives::{Address, B256, keccak256};
use anyhow::Context as _;
use chainfer_chain::{
    abi::VerifierStatus,
    registry::{Difference, Registration, Registry, compare},
    rpc::{Rpc, RpcConfig},
};
use chainfer_engine::bundle::{PublicBundle, StructureFile};
use chainfer_formats::{SetupStatus, ids::model_id};
use serde::Serialize;

/// What the check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// The record matches the bundle, and everything of the bundle was compared with the model.
    AsCompiled,
    /// The same, but for the values of hidden weights.
    AsCompiledExceptWeights,
    /// The record matches the bundle, and the bundle's keys are of the structure that it states, with any weights.
    StructureAudited,
    /// The record matches the bundle, which was not audited.
    AsRegistered,
    /// The record does not match the bundle, or the bundle not what it was compared with.
    NotAsCompiled,
    /// There is no record.
    NotRegistered,
}

#[derive(Clone, Debug, Serialize)]
struct Outcome {
    verdict: Verdict,
    /// Whether the record matches the bundle and the bundle the model, with nothing left out.
    as_compiled: bool,
    /// Whether the record matches the bundle.
    record_matches: bool,
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
    /// Whether the registry has the code that this program was built with. Any other contract may answer what it likes.
    registry_as_built: bool,
    /// Whether the model is frozen: then its attestations do not count.
    frozen: bool,
    deprecated: bool,
    /// Chunks whose verifier the registry's owner or guardian has frozen or removed: no proof of theirs is taken.
    inactive_verifiers: Vec<usize>,
    /// Where the record differs from the bundle.
    differences: Vec<Difference>,
    /// The audit of the bundle, unless only the record was compared.
    audit: Option<audit::Outcome>,
}

impl Outcome {
    fn judge(&self) -> Verdict {
        match (self.registered, self.record_matches, &self.audit) {
            (false, ..) => Verdict::NotRegistered,
            (true, false, _) => Verdict::NotAsCompiled,
            (true, true, None) => Verdict::AsRegistered,
            (true, true, Some(audit)) => match audit.verdict {
                Audited::AsCompiled => Verdict::AsCompiled,
                Audited::AsCompiledExceptWeights => Verdict::AsCompiledExceptWeights,
                Audited::StructureAudited => Verdict::StructureAudited,
                Audited::NotAsCompiled => Verdict::NotAsCompiled,
            },
        }
    }
}

/// Compares a registered model with the bundle and audits the bundle; the report is negative if anything differs.
pub(crate) fn run(args: &CheckModelArgs, progress: Progress) -> anyhow::Result<Report> {
    let registry = chain::address("--registry", &args.registry)?;
    let named = args.registrant.as_deref();
    let named = named
        .map(|text| chain::address("--registrant", text))
        .transpose()?;
    // Opening the bundle recomputes the manifest's id and compares every key and source with it.
    let bundle = open(&args.bundle)?;
    if args.model.is_none() && !args.record_only {
        StructureFile::read(bundle.dir())
            .context("pass --model FILE, or --record-only to compare the record alone")?;
    }
    let manifest = bundle.manifest().clone();
    let setup = args.known.load()?.status(&manifest.srs);
    say(&setup, progress);
    let expected = Registration::from_manifest(&manifest, "")?;
    let mut outcome = chain::block_on(async {
        let config = RpcConfig::new(args.rpc.rpc_url.clone());
        let chain_id = chain::chain_id(&config).await?;
        let registrant = match named {
            Some(account) => account,
            None => recorded_registrant(&bundle, chain_id, registry)?,
        };
        let contracts = compile_contracts(&args.solc, &bundle, progress)?;
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
        let other = chain::deployed::other_code(&rpc, registry).await?;
        if let Some(what) = other.as_ref().filter(|_| !args.other_registry) {
            return Err(bad_input(format!(
                "--registry {registry}: {what}, not that of the registry which this program was built with; what it says of a model \
                 means nothing unless you know it and trust it: then pass --other-registry"
            )));
        }
        let mut outcome = Outcome {
            verdict: Verdict::NotRegistered,
            as_compiled: false,
            record_matches: false,
            registered: false,
            chain_id,
            registry,
            registrant,
            model_id: id,
            manifest_id: manifest.manifest_id,
            setup: setup.clone(),
            uri: String::new(),
            registry_as_built: other.is_none(),
            frozen: false,
            deprecated: false,
            inactive_verifiers: Vec::new(),
            differences: Vec::new(),
            audit: None,
        };
        if let Some(model) = node.model(id).await? {
            outcome.registered = true;
            // The registry stores a hash; what it is of is in the event.
            let Some(found) = node
                .registered(id, model.recordHash, args.from_block)
                .await?
            else {
                return Err(bad_input(format!(
                    "the node finds no event of the registration of {id} from block {} on, so there is nothing to compare; pass \
                     --from-block with the block of the registration or an earlier one, or use a node that keeps all events",
                    args.from_block
                )));
            };
            outcome.differences = compare(&found.registration, &expected, &code_hashes);
            outcome.record_matches = outcome.differences.is_empty();
            outcome.uri = found.registration.uri;
            outcome.frozen = model.frozen;
            outcome.deprecated = model.is_deprecated();
            for (chunk, hash) in code_hashes.iter().enumerate() {
                let Some(hash) = hash else { continue };
                if node.verifier_status(*hash).await? != VerifierStatus::Active {
                    outcome.inactive_verifiers.push(chunk);
                }
            }
        }
        anyhow::Ok(outcome)
    })?;
    if outcome.registered && !args.record_only {
        let model = args.model.as_deref();
        outcome.audit = Some(audit::audit(
            &args.bundle,
            &bundle,
            model,
            &args.again,
            progress,
        )?);
    }
    outcome.verdict = outcome.judge();
    outcome.as_compiled = outcome.verdict == Verdict::AsCompiled;
    let report = Report::new(&outcome, page(&outcome))?;
    Ok(match outcome.verdict {
        Verdict::NotAsCompiled | Verdict::NotRegistered => report.negative(),
        // Nobody should rely on it, whatever its keys are.
        _ if outcome.frozen => report.negative(),
        _ => report,
    })
}

/// The account that registered the model, from the bundle's record of its deployment.
fn recorded_registrant(
    bundle: &PublicBundle,
    chain_id: u64,
    registry: Address,
) -> anyhow::Result<Address> {
    let record = chain::deployed::read(bundle.dir(), chain_id, bundle.manifest()).map_err(|e| {
        bad_input(format!(
            "{e:#}; or pass --registrant ADDRESS, the account that registered the model"
        ))
    })?;
    if record.registry != registry {
        return Err(bad_input(format!(
            "the bundle's deployment on chain {chain_id} is of the registry {}, not of {registry}: pass --registrant ADDRESS",
            record.registry
        )));
    }
    Ok(record.registrant)
}

fn page(outcome: &Outcome) -> Page {
    let verdict = match (outcome.verdict, &outcome.audit) {
        (Verdict::NotRegistered, _) => "NOT REGISTERED".to_owned(),
        (Verdict::NotAsCompiled, _) => "NOT AS COMPILED".to_owned(),
        (_, Some(audit)) => audit::headline(audit),
        (_, None) => "AS REGISTERED".to_owned(),
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
    for chunk in &outcome.inactive_verifiers {
        page = page.fact(
            format!("verifier {chunk}"),
            "frozen, removed or not listed: the registry takes no proof of this chunk",
        );
    }
    for difference in &outcome.differences {
        page = page.fact(
            &difference.what,
            format!(
                "NO  expected {}, recorded {}",
                difference.expected, difference.found
            ),
        );
    }
    page = page.fact(
        "on trust",
        if outcome.registry_as_built {
            "the registry's governance, and that dApps use this registry: see `chainfer check-registry`"
        } else {
            "the registry: its code is not that of this program's build, and it may answer what it likes"
        },
    );
    match &outcome.audit {
        Some(audit) => add_to_page(page.heading("Audit of the bundle"), audit),
        None => page.fact(
            "on trust",
            "the bundle was not audited: its keys may be of any function, or prove any output",
        ),
    }
}
