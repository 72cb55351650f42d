//! `chainfer verify`: verifies an inference proof against a bundle's public part.

use super::{
    prove::binding_facts,
    shared::{describe_srs, outputs_page},
};
use crate::{
    args::VerifyArgs,
    output::{Page, Progress, Report},
};
use anyhow::Context as _;
use chainfer_engine::{
    bundle::PublicBundle,
    inference::{ProofFile, verify_inference},
};
use serde_json::json;
use std::{path::Path, time::Instant};

/// Runs the verb.
pub(crate) fn run(args: &VerifyArgs, progress: Progress) -> anyhow::Result<Report> {
    let (bundle, proof) = read(&args.bundle, &args.proof)?;
    let start = Instant::now();
    let checked = verify_inference(&bundle, &proof);
    let check_s = start.elapsed().as_secs_f64();
    let wall_s = progress.elapsed_s();
    if let Err(refusal) = checked {
        let reason = refusal.to_string();
        let json = json!({ "valid": false, "reason": reason, "wall_s": wall_s });
        let page = Page::new().text(format!("INVALID: {reason}"));
        return Ok(Report::new(&json, page)?.negative());
    }
    let manifest = bundle.manifest();
    let json = json!({
        "valid": true,
        "manifest_id": proof.manifest_id,
        "model_id": proof.model_id,
        "root": proof.root,
        "context": proof.context,
        "binding": proof.binding,
        "insecure_srs": manifest.srs.insecure,
        "chunks": proof.chunks.len(),
        "outputs": proof.outputs,
        "check_s": check_s,
        "wall_s": wall_s,
    });
    let mut page = Page::new()
        .heading(format!(
            "VALID: {} chunk proofs in {:.0} ms",
            proof.chunks.len(),
            1000.0 * check_s
        ))
        .fact("manifest id", proof.manifest_id)
        .fact("trusted setup", describe_srs(&manifest.srs))
        .fact("root", proof.root)
        .fact("context", proof.context);
    if let Some(binding) = &proof.binding {
        page = binding_facts(page, binding);
    }
    Report::new(&json, outputs_page(page, &proof.outputs))
}

/// Opens a bundle and a proof.
///
/// # Errors
/// One of the two cannot be used.
pub(crate) fn read(bundle: &Path, proof: &Path) -> anyhow::Result<(PublicBundle, ProofFile)> {
    let opened = PublicBundle::open(bundle)
        .with_context(|| format!("cannot use the bundle {}", bundle.display()))?;
    let proof = ProofFile::read(proof)
        .with_context(|| format!("cannot use the proof {}", proof.display()))?;
    Ok((opened, proof))
}
