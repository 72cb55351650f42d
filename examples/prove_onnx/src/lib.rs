//! Proves an inference of an ONNX model with chainfer's crates: compile, prove, verify.
//!
//! ```text
//! cargo run --release -p prove-onnx -- MODEL.onnx INPUT.json FOLDER
//! ```

use anyhow::{Context as _, Result};
use chainfer_engine::{
    bundle::{CompileOptions, PublicBundle, compile},
    inference::{ContextSource, ProveOptions, prove_inference, verify_inference},
    srs::SrsStore,
};
use chainfer_formats::ProofFile;
use chainfer_model::{
    io::load_inputs,
    load_model,
    partition::{BoundaryVisibility, ChunkCount, CostModel, partition},
    quantise::{QuantOptions, Sample, SaturationPolicy, quantise},
};
use std::path::Path;

/// Compiles a model into `folder/bundle`, proves its inference on an input, and returns the proof.
///
/// The input is a JSON file `{"input_data": [[…]]}`, with one flat list of numbers for each input of the model.
///
/// # Errors
/// The model or the input cannot be used, or `folder/bundle` exists.
pub fn prove(model: &Path, input: &Path, folder: &Path) -> Result<ProofFile> {
    // From floating point to integers. Ranges are measured on sample inputs: here only on the input itself.
    let float = load_model(model).context("the model")?;
    let specs = float.input_specs();
    let reals = load_inputs(input, &specs, float.fixed_point()).context("the input")?;
    let samples = [Sample(reals.clone())];
    let quantised = quantise(&float, &samples, &QuantOptions::default())?;
    let graph = quantised.graph;

    // Cut into chunks, each of which is a circuit with keys of its own. Inputs stay secret, outputs are public.
    let chunks = ChunkCount::Exactly(2);
    let visibility = BoundaryVisibility::default();
    let model = partition(graph, chunks, visibility, &CostModel::default())?;

    // The keys, under the insecure development setup: anybody can forge proofs under it.
    let store = SrsStore::user()?;
    let options = CompileOptions::default();
    let compiled = compile(&model, &options, &store, &folder.join("bundle"))?;

    // The proof. A real one would be bound to a request on a chain: `ContextSource::Binding`.
    let saturate = SaturationPolicy::Saturate;
    let values = model.graph.quantise_inputs(&reals, saturate)?;
    let context = ContextSource::Explicit(Default::default());
    let options = ProveOptions::default();
    let made = prove_inference(&compiled.bundle, &store, &values, context, &options)?;
    Ok(made.proof)
}

/// Verifies a proof and returns the model's first output. This takes nothing but the public part of the bundle.
///
/// # Errors
/// The bundle cannot be used, or the proof is not valid.
pub fn verify(bundle: &Path, proof: &ProofFile) -> Result<Vec<f64>> {
    let public = PublicBundle::open(bundle)?;
    verify_inference(&public, proof)?;
    let output = proof.outputs.first().context("the model has no output")?;
    output.values.clone().context("the output is committed")
}
