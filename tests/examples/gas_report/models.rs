//! Chunk proofs of whole models.

use std::path::Path;

use anyhow::{Result, ensure};
use chainfer_circuits::Objective;
use chainfer_engine::{field::to_fr, inference::verify_inference};
use chainfer_tests::{Source, prove};
use halo2curves::bn256::Fr;
use serde_json::{Value, json};

use crate::common::{
    batch::{Member, batch},
    gas::statement,
    input::{Input, Key},
};

/// The demo model.
pub(crate) const DIGITS: &str = "digits";
/// The network that zkml publishes.
const MNIST: &str = "zkml MNIST";

/// Every figure of a model, cut in `chunks`, proved for an objective.
fn model(name: &str, source: &Source, chunks: usize, objective: Objective) -> Result<Value> {
    let word = match objective {
        Objective::Gas => "gas",
        Objective::Memory => "memory",
        Objective::Time => "time",
    };
    eprintln!("{name} in {chunks} chunks for {word}");
    let folder = tempfile::tempdir()?;
    let proved = prove(source, chunks, objective, folder.path())?;
    let (public, file) = (proved.bundle.public(), &proved.proved.proof);
    verify_inference(public, file)?;
    ensure!(file.chunks.len() == chunks, "{} chunks", file.chunks.len());
    let metrics = &proved.proved.metrics;
    let (mut parts, mut members) = (Vec::new(), Vec::new());
    for (i, chunk) in file.chunks.iter().enumerate() {
        let mut words = vec![file.root, file.context];
        words.extend(&chunk.public_values);
        let instances = words
            .iter()
            .map(|scalar| to_fr(*scalar))
            .collect::<Vec<Fr>>();
        let vk = public.verifying_key(i)?;
        let key = Key {
            name: &format!("Chunk{i}Verifier"),
            vk: &vk,
            params: &public.verifier_params()[i],
            lengths: &[instances.len()],
        };
        let input = Input::new(chunk.proof.to_vec(), &[instances]);
        let mut part = statement(&key, &input);
        if chunks > 1 {
            members.push(Member::new("chunk", &key, input));
        }
        part["name"] = format!("{name} {chunks}/{word} chunk {i}").into();
        part["chunk"] = i.into();
        part["proving_cpu_seconds"] = seconds(metrics.chunks[i].cost.cpu_s);
        parts.push(part);
    }
    let batches: Vec<Value> = if members.is_empty() {
        Vec::new()
    } else {
        vec![batch(&format!("{name} {chunks}/{word}"), &members)]
    };
    Ok(json!({
        "batches": batches,
        "name": format!("{name} in {chunks} for {word}"),
        "model": name,
        "chunks": chunks,
        "optimize": word,
        "proving_cpu_seconds": seconds(metrics.cost.cpu_s),
        "parts": parts,
    }))
}

/// To a hundredth; nothing more is stable.
fn seconds(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| {
        ((value * 100.0).round() / 100.0).into()
    })
}

fn each(name: &str, source: &Source, counts: &[usize]) -> Result<Vec<Value>> {
    let mut models = Vec::new();
    for chunks in counts {
        for objective in [Objective::Time, Objective::Gas] {
            models.push(model(name, source, *chunks, objective)?);
        }
    }
    Ok(models)
}

/// The demo model, whole and as the demo cuts it.
pub(crate) fn digits() -> Result<Vec<Value>> {
    each(DIGITS, &chainfer_tests::digits(), &[1, 3])
}

/// zkml's MNIST network, whole and in 4 chunks.
pub(crate) fn mnist(folder: &Path) -> Result<Vec<Value>> {
    let input = folder.join("input.json");
    let source = Source {
        model: folder.join("mnist.onnx"),
        calibration: input.clone(),
        input,
    };
    each(MNIST, &source, &[1, 4])
}
