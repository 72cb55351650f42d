//! `chainfer verify`: verifies an inference proof against a bundle's public part.

use super::{
    prove::binding_facts,
    setup::{say, setup_facts},
    shared::{outputs_page, scores_before},
};
use crate::{
    args::VerifyArgs,
    chain,
    output::{Page, Progress, Report},
};
use anyhow::Context as _;
use chainfer_engine::{bundle::PublicBundle, inference::verify_inference};
use chainfer_formats::{FormatError, ProofFile, SetupStatus, ids::model_id};
use serde_json::json;
use std::{fmt, path::Path, time::Instant};

/// Verifies the proof; a refused one gives a negative report, not an error.
pub(crate) fn run(args: &VerifyArgs, progress: Progress) -> anyhow::Result<Report> {
    let known = args.known.load()?;
    let (bundle, proof) = read(&args.bundle, &args.proof)?;
    let status = known.status(&bundle.manifest().srs);
    say(&status, progress);
    if args.require_known_setup && !status.is_known() {
        let reason = format!(
            "the bundle's trusted setup is {}, and a known one is required (--require-known-setup): a valid proof under it \
             convinces nobody",
            status.word()
        );
        return invalid(reason, &status, progress);
    }
    let proof = match proof {
        Ok(proof) => proof,
        Err(refusal) => return invalid(refusal.to_string(), &status, progress),
    };
    let registrant = args
        .registrant
        .as_deref()
        .map(|text| chain::address("--registrant", text))
        .transpose()?;
    if let Some(registrant) = registrant {
        let expected = model_id(bundle.manifest().manifest_id, registrant);
        if proof.model_id != Some(expected) {
            let named = proof
                .model_id
                .map_or_else(|| "none".to_owned(), |id| id.to_string());
            let reason = format!(
                "it names the model id {named}; that of this bundle, registered by {registrant}, is {expected}"
            );
            return invalid(reason, &status, progress);
        }
    }
    let start = Instant::now();
    if let Err(refusal) = verify_inference(&bundle, &proof) {
        return invalid(refusal.to_string(), &status, progress);
    }
    let check_s = start.elapsed().as_secs_f64();
    let wall_s = progress.elapsed_s();
    let manifest = bundle.manifest();
    let before = scores_before(&manifest.outputs);
    let json = json!({
        "valid": true,
        "manifest_id": proof.manifest_id,
        "model_id": proof.model_id,
        "model_id_checked": registrant.is_some(),
        "root": proof.root,
        "context": proof.context,
        "binding": proof.binding,
        "setup": status.word(),
        "setup_name": status.name(),
        "insecure_srs": manifest.srs.insecure,
        "chunks": proof.chunks.len(),
        "outputs": proof.outputs,
        "scores_before": before,
        "check_s": check_s,
        "wall_s": wall_s,
    });
    let page = Page::new()
        .heading(format!(
            "VALID: {} chunk proofs in {:.0} ms",
            proof.chunks.len(),
            1000.0 * check_s
        ))
        .fact("manifest id", proof.manifest_id);
    let mut page = setup_facts(page, &status, &manifest.srs)
        .fact("root", proof.root)
        .fact("context", proof.context);
    if let Some(id) = proof.model_id {
        let remark = match registrant {
            Some(registrant) => format!("registered by {registrant}"),
            None => "as the proof names it; --registrant ADDRESS checks it".to_owned(),
        };
        page = page.fact("model id", format!("{id} ({remark})"));
    }
    if let Some(binding) = &proof.binding {
        page = binding_facts(page, binding);
    }
    Report::new(&json, outputs_page(page, &proof.outputs, &before))
}

fn invalid(reason: String, status: &SetupStatus, progress: Progress) -> anyhow::Result<Report> {
    let json = json!({
        "valid": false, "reason": reason, "setup": status.word(), "setup_name": status.name(), "wall_s": progress.elapsed_s(),
    });
    let page = Page::new().text(format!("INVALID: {reason}"));
    Ok(Report::new(&json, page)?.negative())
}

/// Opens a bundle and a proof, see [`read_proof`].
///
/// # Errors
/// One of the two cannot be used.
pub(crate) fn read(
    bundle: &Path,
    proof: &Path,
) -> anyhow::Result<(PublicBundle, Result<ProofFile, Refusal>)> {
    let opened = PublicBundle::open(bundle)
        .with_context(|| format!("cannot use the bundle {}", bundle.display()))?;
    Ok((opened, read_proof(proof)?))
}

/// Reads a proof. If its fields contradict each other, that is not bad input but an invalid proof: the inner error.
///
/// # Errors
/// The file cannot be used.
pub(crate) fn read_proof(path: &Path) -> anyhow::Result<Result<ProofFile, Refusal>> {
    match ProofFile::read(path) {
        Ok(proof) => Ok(Ok(proof)),
        Err(error) if error.is_contradiction() => Ok(Err(Refusal(error))),
        Err(error) => {
            Err(error).with_context(|| format!("cannot use the proof {}", path.display()))
        }
    }
}

/// Why a proof is invalid, apart from its curve points.
#[derive(Debug)]
pub(crate) struct Refusal(FormatError);

// Not the cause: a refused proof is exit code 1, a file that cannot be used is 2.
impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
