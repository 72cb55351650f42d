//! The table of zkml's layer types: one entry each, beside the function that reads it. Parameters are positional; see `schema` for the
//! file.

mod arithmetic;
mod linear;
mod movement;

use super::importer::Step;
use crate::error::{ModelError, Result};
use crate::frontend::compose::Operand;
use crate::frontend::operator::{OperatorInfo, list};

/// Reads a layer and gives its outputs.
type Reader = fn(&mut Step<'_>) -> Result<Vec<Operand>>;

/// One layer type.
struct LayerType {
    info: OperatorInfo,
    read: Reader,
}

const fn layer(
    name: &'static str,
    accepts: &'static str,
    becomes: &'static str,
    read: Reader,
) -> LayerType {
    LayerType {
        info: OperatorInfo {
            name,
            since: None,
            only: "",
            accepts,
            becomes,
        },
        read,
    }
}

const FAMILIES: [&[LayerType]; 3] = [arithmetic::LAYERS, linear::LAYERS, movement::LAYERS];

/// The layer types that this front end reads, by name.
pub fn zkml_layers() -> impl Iterator<Item = OperatorInfo> {
    let mut all: Vec<OperatorInfo> = FAMILIES.into_iter().flatten().map(|l| l.info).collect();
    all.sort_unstable_by_key(|o| o.name);
    all.into_iter()
}

/// The names of all layer types, for messages.
pub(super) fn supported() -> String {
    list(zkml_layers())
}

/// What helps against layer types that are not read.
fn remedy(name: &str) -> &'static str {
    match name {
        "Div" | "DivVar" => "write the quotient as a product: zkml's converter makes Mul of it",
        "Update" => {
            "it trains a network at a learning rate that is not in the file: give the network for inference"
        }
        _ => "",
    }
}

/// Reads a layer.
pub(super) fn read(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let mut types = FAMILIES.into_iter().flatten();
    match types.find(|l| l.info.name == step.layer.layer_type) {
        Some(known) => (known.read)(step),
        None => Err(ModelError::UnsupportedOperator {
            node: step.compose.name.clone(),
            op: step.layer.layer_type.clone(),
            remedy: remedy(&step.layer.layer_type).to_owned(),
            supported: supported(),
        }),
    }
}
