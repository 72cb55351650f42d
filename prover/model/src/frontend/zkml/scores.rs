//! The end of a classifier: probabilities have the order of the scores that they are made of.

use super::schema::Model;
use chainfer_formats::FinalFunction;
use std::collections::BTreeMap;

/// What may stand behind probabilities.
const VIEWS: &[&str] = &["Noop", "Reshape"];

/// Layers that are left out, by their position, with the function that each computes.
pub(super) fn ends(model: &Model) -> BTreeMap<usize, End> {
    let mut ends = BTreeMap::new();
    for output in &model.out_idxes {
        let mut tensor = *output;
        // From the output to what it is made of, as long as nothing else reads that.
        for _ in 0..=VIEWS.len() {
            let uses = |idx: i64| {
                let reads = model.layers.iter().flat_map(|l| &l.inp_idxes);
                reads.chain(&model.out_idxes).filter(|i| **i == idx).count()
            };
            let mut layers = model.layers.iter().enumerate();
            let maker = layers.find(|(_, layer)| layer.out_idxes == [tensor]);
            let Some((n, layer)) = maker.filter(|_| uses(tensor) == 1) else {
                break;
            };
            let function = match layer.layer_type.as_str() {
                "Logistic" => FinalFunction::Sigmoid,
                // With a mask it changes which score is the largest.
                "Softmax" if layer.params.is_empty() => FinalFunction::Softmax,
                view if VIEWS.contains(&view) => {
                    tensor = layer.inp_idxes.first().copied().unwrap_or(-1);
                    continue;
                }
                _ => break,
            };
            let end = End {
                output: *output,
                function,
            };
            ends.insert(n, end);
            break;
        }
    }
    ends
}

/// What a layer that is left out stands behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The output that is scores then.
    pub(super) output: i64,
    pub(super) function: FinalFunction,
}
