#![doc = include_str!("../README.md")]

pub mod golden_trace;

use anyhow::{Context, Result};
use chainfer_circuits::Objective;
use chainfer_engine::bundle::{Bundle, CompileOptions, compile};
use chainfer_engine::inference::{ContextSource, InferenceProof, ProveOptions, prove_inference};
use chainfer_engine::srs::SrsStore;
use chainfer_formats::ids::model_id;
use chainfer_formats::{Address, Binding, U256};
use chainfer_model::float::FloatGraph;
use chainfer_model::io::{load_inputs, load_samples};
use chainfer_model::load_model;
use chainfer_model::partition::{BoundaryVisibility, ChunkCount, CostModel, partition};
use chainfer_model::partitioned::PartitionedModel;
use chainfer_model::quantise::{QuantOptions, SaturationPolicy, quantise};
use std::path::{Path, PathBuf};

/// Root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A committed model file and what goes with it.
pub fn fixture(name: &str) -> PathBuf {
    repository().join("tests/fixtures/models").join(name)
}

/// The folder of zkml's MNIST network, which is not part of this repository: `zkml-mnist` in the folder that `CHAINFER_DATA` names,
/// if there is one.
pub fn zkml_mnist() -> Option<PathBuf> {
    let folder = Path::new(&std::env::var_os("CHAINFER_DATA")?).join("zkml-mnist");
    folder.is_dir().then_some(folder)
}

/// A model with its files.
#[derive(Clone, Debug)]
pub struct Source {
    /// Model file.
    pub model: PathBuf,
    /// Input file.
    pub input: PathBuf,
    /// Calibration file.
    pub calibration: PathBuf,
}

/// The demo model.
pub fn digits() -> Source {
    Source {
        model: fixture("digits.onnx"),
        input: fixture("digits_input.json"),
        calibration: fixture("digits_calibration.json"),
    }
}

/// A compiled model and one proof.
#[derive(Debug)]
pub struct Proved {
    /// Bundle that `compile` wrote and opened.
    pub bundle: Bundle,
    /// Cache of trusted setups that was used.
    pub store: SrsStore,
    /// Proof of one inference, with its secret and figures.
    pub proved: InferenceProof,
    /// Float reference output.
    pub expected: Vec<f64>,
}

fn context(bundle: &Bundle) -> ContextSource {
    let binding = Binding {
        chain_id: 31337,
        registry: Address::repeat_byte(0x11),
        requester: Address::repeat_byte(0x22),
        nonce: U256::from(7).into(),
    };
    let model_id = model_id(
        bundle.public().manifest().manifest_id,
        Address::repeat_byte(0x33),
    );
    ContextSource::Binding { binding, model_id }
}

/// A model in chunks, its quantised input, and the float reference of its first output.
#[derive(Debug)]
pub struct Prepared {
    /// Quantised and cut.
    pub model: PartitionedModel,
    /// Quantised inputs.
    pub values: Vec<Vec<u32>>,
    /// Float reference output.
    pub expected: Vec<f64>,
}

/// Loads, quantises and cuts a model, and reads its input.
///
/// # Errors
/// Whatever a stage says, with its name.
pub fn prepare(source: &Source, chunks: usize) -> Result<Prepared> {
    let float: FloatGraph = load_model(&source.model).context("load")?;
    let specs = float.input_specs();
    let samples =
        load_samples(&source.calibration, &specs, float.fixed_point()).context("calibration")?;
    let inputs = load_inputs(&source.input, &specs, float.fixed_point()).context("input")?;
    let trace = float.execute(&inputs).context("float")?;
    let expected = float
        .outputs_of(&trace)
        .first()
        .map(|o| o.to_vec())
        .unwrap_or_default();
    let quantised = quantise(&float, &samples, &QuantOptions::default()).context("quantise")?;
    let model = partition(
        quantised.graph,
        ChunkCount::Exactly(chunks),
        BoundaryVisibility::default(),
        &CostModel::default(),
    )
    .context("partition")?;
    let values = model
        .graph
        .quantise_inputs(&inputs, SaturationPolicy::Saturate)
        .context("quantise inputs")?;
    Ok(Prepared {
        model,
        values,
        expected,
    })
}

/// Compiles a model in chunks and proves its input.
///
/// # Errors
/// Whatever a stage says, with its name.
pub fn prove(source: &Source, chunks: usize, objective: Objective, dir: &Path) -> Result<Proved> {
    let Prepared {
        model,
        values,
        expected,
    } = prepare(source, chunks)?;
    // A fixed seed: the same keys on every run, so that fixtures can be compared.
    let options = CompileOptions {
        objective,
        hiding_seed: Some([7; 32]),
        ..CompileOptions::default()
    };
    let store = SrsStore::new(std::env::temp_dir().join("chainfer-tests-srs")).context("srs")?;
    let compiled = compile(&model, &options, &store, &dir.join("bundle")).context("compile")?;
    let bundle = compiled.bundle;
    let proved = prove_inference(
        &bundle,
        &store,
        &values,
        context(&bundle),
        &ProveOptions::default(),
    )?;
    Ok(Proved {
        bundle,
        store,
        proved,
        expected,
    })
}
