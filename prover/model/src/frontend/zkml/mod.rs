//! zkml's `.msgpack` models: channels last, fixed point at one scale factor, activations fused into layers.

mod importer;
mod layers;
mod schema;
mod scores;

pub use layers::zkml_layers;
pub use schema::zkml_inputs;

use super::compose::{Compose, Operand, T};
use super::guard::guarded;
use super::survey::{Collector, LoadOptions, LoadedModel, Support, Survey};
use crate::error::Result;
use crate::float::{FloatGraph, FloatOp};
use importer::{Importer, Step, Value};
use schema::{Layer, Model, malformed, shape_of};
use scores::End;
use std::collections::BTreeMap;

/// The float graph of a zkml model.
///
/// # Errors
/// The bytes are not a zkml model, or it has layers, or uses of them, that are not supported. Never panics.
pub fn from_zkml_bytes(bytes: &[u8]) -> Result<FloatGraph> {
    survey_zkml(bytes, &LoadOptions::default())?
        .model
        .map(|model| model.graph)
}

/// A zkml model, layer by layer.
///
/// # Errors
/// The bytes are not a zkml model, or broken. Never panics.
pub(super) fn survey_zkml(bytes: &[u8], options: &LoadOptions) -> Result<Survey> {
    guarded("zkml msgpack", || survey(&Model::parse(bytes)?, options))
}

fn survey(model: &Model, options: &LoadOptions) -> Result<Survey> {
    if let Some(name) = options.dims.keys().next() {
        return Err(malformed(format!(
            "--dim {name}: the file leaves no dimension open"
        )));
    }
    let ends = match options.drop_final_softmax {
        true => scores::ends(model),
        false => BTreeMap::new(),
    };
    let mut importer = Importer::new(model)?;
    let mut collector = Collector::default();
    for idx in &model.inp_idxes {
        let shape = model.input_shape(*idx)?;
        let id = importer.builder.input(&format!("input_{idx}"), &shape)?;
        importer.values.insert(*idx, Value::Known(T(id)));
    }
    for (position, layer) in model.layers.iter().enumerate() {
        let name = format!("{}_{position}", layer.layer_type);
        if let (Some(_), [from], [to]) = (
            ends.get(&position),
            layer.inp_idxes.as_slice(),
            layer.out_idxes.as_slice(),
        ) && let Some(scores) = importer.values.get(from).cloned()
        {
            importer.values.insert(*to, scores);
            collector.node(&name, &layer.layer_type, Support::Dropped);
            continue;
        }
        match results(&mut importer, layer, &name) {
            Ok(support) => collector.node(&name, &layer.layer_type, support),
            Err(error) => {
                collector.block(&name, &layer.layer_type, error);
                stand_in(&mut importer, layer, &name);
            }
        }
    }
    let mut outputs = Vec::with_capacity(model.out_idxes.len());
    for idx in &model.out_idxes {
        match importer.values.get(idx) {
            Some(Value::Known(T(id))) => outputs.push((*idx, *id)),
            Some(Value::Unknown) => {}
            _ => return Err(malformed(format!("no layer computes output {idx}"))),
        }
    }
    let mut builder = importer.builder;
    collector.finish(layers::supported(), move || {
        let mut ids = Vec::with_capacity(outputs.len());
        let mut warnings = Vec::new();
        for (idx, mut id) in outputs {
            let before = ends.values().find(|end| end.output == idx);
            let name = match before {
                Some(_) => format!("output_{idx}_scores"),
                None => format!("output_{idx}"),
            };
            // An input, or what is another output too, has a name already.
            if builder.producer(id).is_none() || ids.contains(&id) {
                let shape = builder.shape(id).to_vec();
                id = builder.node(&name, FloatOp::Reshape(shape), &[id])?;
            }
            builder.rename(id, &name);
            if let Some(End { function, .. }) = before {
                builder.leave_out(id, *function);
                warnings.push(format!(
                    "output output_{idx}: the scores before its {function} are the output {name} instead (--drop-final-softmax)"
                ));
            }
            ids.push(id);
        }
        Ok(LoadedModel {
            graph: builder.finish(&ids)?,
            warnings,
        })
    })
}

/// Reads a layer and defines its outputs.
fn results(importer: &mut Importer, layer: &Layer, name: &str) -> Result<Support> {
    let mut inputs = Vec::with_capacity(layer.inp_idxes.len());
    for idx in &layer.inp_idxes {
        match importer.values.get(idx) {
            Some(Value::Known(operand)) => inputs.push(operand.clone()),
            Some(Value::Unknown) => {
                stand_in(importer, layer, name);
                return Ok(Support::Unknown);
            }
            None => {
                return Err(malformed(format!(
                    "layer {name}: nothing computes its input {idx}"
                )));
            }
        }
    }
    let mut step = Step {
        compose: Compose {
            builder: &mut importer.builder,
            name: name.to_owned(),
            operator: layer.layer_type.clone(),
        },
        layer,
        inputs,
        least: importer.least,
    };
    let results = layers::read(&mut step)?;
    if results.len() != layer.out_idxes.len() {
        return Err(malformed(format!(
            "layer {name}: {} outputs are stated, {} are computed",
            layer.out_idxes.len(),
            results.len()
        )));
    }
    for (result, declared) in results.iter().zip(&layer.out_shapes) {
        let own = step.compose.shape(result);
        if shape_of(declared)? != own {
            return Err(malformed(format!(
                "layer {name}: output shape {declared:?} is declared, {own:?} is computed"
            )));
        }
    }
    let is_constant = results.iter().all(|r| matches!(r, Operand::Constant(_)));
    for (result, idx) in results.into_iter().zip(&layer.out_idxes) {
        importer.values.insert(*idx, Value::Known(result));
    }
    Ok(match is_constant {
        true => Support::Constant,
        false => Support::Supported,
    })
}

/// What stands for the outputs of a layer that is not read, so that those after it can be looked at.
fn stand_in(importer: &mut Importer, layer: &Layer, name: &str) {
    for (n, idx) in layer.out_idxes.iter().enumerate() {
        let shape = layer.out_shapes.get(n).and_then(|s| shape_of(s).ok());
        let made = shape.and_then(|s| importer.builder.input(name, &s).ok());
        let value = made.map_or(Value::Unknown, |id| Value::Known(T(id)));
        importer.values.insert(*idx, value);
    }
}
