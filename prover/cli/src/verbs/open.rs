//! `chainfer open`: prints one committed tensor of an inference, with the Merkle path from its leaf to the root, or checks such an opening.

use super::{
    deploy,
    setup::{say, setup_facts},
    verify::read_proof,
};
use crate::{
    args::OpenArgs,
    failure::bad_input,
    output::{Page, Progress, Report},
};
use anyhow::Context as _;
use chainfer_engine::{
    bundle::PublicBundle,
    inference::{Opening, open, verify_inference},
};
use chainfer_formats::{Scalar, SecretFile, files};
use serde_json::{Value, json};
use std::path::Path;

/// Largest opening that is read, in bytes.
const MAX_OPENING: u64 = 1 << 28;

/// Opens a tensor from the secret file, or reads an opening; checks it against bundle and proof as far as they are given.
pub(crate) fn run(args: &OpenArgs, progress: Progress) -> anyhow::Result<Report> {
    let known = args.known.load()?;
    let opening = match &args.tensor {
        Some(tensor) => {
            let secret = SecretFile::read(&args.file)
                .with_context(|| format!("cannot use {}", args.file.display()))?;
            open(&secret, tensor)?
        }
        None => read(&args.file)?,
    };
    let Some(bundle) = &args.bundle else {
        return Report::new(&opening, page(&opening, "Tensor"));
    };
    let bundle = deploy::open(bundle)?;
    let manifest = bundle.manifest();
    let status = known.status(&manifest.srs);
    if args.proof.is_some() {
        say(&status, progress);
    }
    let verdict = check(&opening, &bundle, args.proof.as_deref())?;
    if !args.verify {
        if let Err(refusal) = verdict {
            return Err(bad_input(format!("the opening does not hold: {refusal}")));
        }
        return Report::new(&opening, page(&opening, "Tensor"));
    }
    let with_proof = args.proof.is_some();
    match verdict {
        Ok(()) => {
            let mut shown = serde_json::to_value(&opening)?;
            let mut page = if manifest.input_or_output(opening.leaf_index).is_some() {
                page(&opening, "VALID: tensor")
            } else {
                // Nothing that is proven says what the integers of such a tensor stand for, nor its shape.
                if let Value::Object(fields) = &mut shown {
                    fields.remove("values");
                    fields.remove("shape");
                }
                integers_page(&opening, "VALID: tensor")
            };
            if with_proof {
                page = setup_facts(page, &status, &manifest.srs);
            }
            let json = json!({
                "valid": true, "root_is_proven": with_proof, "setup": status.word(), "setup_name": status.name(), "opening": shown,
            });
            if !with_proof {
                page = page.text(
                    "  the root was not compared: pass --proof PROOF, or compare it with that of a verified proof",
                );
            }
            Report::new(&json, page)
        }
        Err(reason) => {
            let json: Value = json!({ "valid": false, "reason": reason });
            let page = Page::new().text(format!("INVALID: {reason}"));
            Ok(Report::new(&json, page)?.negative())
        }
    }
}

/// Reads an opening that somebody shows.
fn read(path: &Path) -> anyhow::Result<Opening> {
    let context = || format!("cannot use the opening {}", path.display());
    let bytes = files::read_named(path, MAX_OPENING).with_context(context)?;
    serde_json::from_slice(&bytes)
        .map_err(|e| bad_input(format!("{} is not an opening: {e}", path.display())))
}

/// Whether an opening holds; the inner error says why not.
fn check(
    opening: &Opening,
    bundle: &PublicBundle,
    proof: Option<&Path>,
) -> anyhow::Result<Result<(), String>> {
    if let Err(refusal) = opening.verify(bundle.manifest()) {
        return Ok(Err(refusal.to_string()));
    }
    let Some(proof) = proof else {
        return Ok(Ok(()));
    };
    let proof = match read_proof(proof)? {
        Ok(proof) => proof,
        Err(refusal) => return Ok(Err(format!("the proof: {refusal}"))),
    };
    if let Err(refusal) = verify_inference(bundle, &proof) {
        return Ok(Err(format!("the proof: {refusal}")));
    }
    Ok(same_root(opening.root, proof.root))
}

fn same_root(opening: Scalar, proof: Scalar) -> Result<(), String> {
    if opening == proof {
        return Ok(());
    }
    Err(format!(
        "the opening is under the root {opening}, the proof is of {proof}"
    ))
}

fn page(opening: &Opening, title: &str) -> Page {
    let shown: Vec<String> = opening.values.iter().map(|v| format!("{v:.4}")).collect();
    let title = format!("{title} {} {:?}", opening.name, opening.shape);
    (facts(opening, &title).heading("Values")).text(format!("  {}", shown.join(" ")))
}

fn integers_page(opening: &Opening, title: &str) -> Page {
    let shown: Vec<String> = opening.raw.iter().map(ToString::to_string).collect();
    let title = format!("{title} {}, {} values", opening.name, opening.raw.len());
    (facts(opening, &title).heading("Integers"))
        .text(format!("  {}", shown.join(" ")))
        .text("  the bundle states scale and shape of model inputs and outputs alone: of this tensor, the integers are what is shown")
}

fn facts(opening: &Opening, title: &str) -> Page {
    let mut page = Page::new()
        .heading(title)
        .fact("root", opening.root)
        .fact(
            "leaf",
            format!("{} (position {})", opening.leaf, opening.leaf_index),
        )
        .fact("salt", opening.salt);
    for (level, sibling) in opening.path.iter().enumerate() {
        page = page.fact(format!("sibling {level}"), sibling);
    }
    page
}
