//! The end of a classifier: probabilities have the order of the scores that they are made of.

use super::schema::Subgraph;
use chainfer_formats::FinalFunction;
use std::collections::{BTreeMap, BTreeSet};

/// Functions of scores that keep their order.
const PROBABILITIES: [(&str, FinalFunction); 3] = [
    ("LOGISTIC", FinalFunction::Sigmoid),
    ("LOG_SOFTMAX", FinalFunction::LogSoftmax),
    ("SOFTMAX", FinalFunction::Softmax),
];
/// What may stand behind them.
const VIEWS: &[&str] = &["DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE"];

/// What is left out at the end of a graph.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Operators that give what they read: those that are left out, and those behind them.
    pub(super) passed: BTreeSet<usize>,
    /// Those that are left out.
    pub(super) dropped: BTreeSet<usize>,
    /// Outputs that are scores for it, and what is left out behind them.
    pub(super) outputs: BTreeMap<i32, FinalFunction>,
}

/// The operators at the end of a graph that give probabilities.
pub(super) fn ends(graph: &Subgraph<'_>) -> Ends {
    let mut ends = Ends::default();
    for output in &graph.outputs {
        let mut tensor = *output;
        let mut behind = BTreeSet::new();
        // From the output to what it is made of, as long as nothing else reads that.
        while let Some((n, operator)) = maker(graph, tensor) {
            let title = operator.title.as_str();
            let from = operator.inputs.first().copied().unwrap_or(-1);
            behind.insert(n);
            if let Some((_, function)) = PROBABILITIES.iter().find(|(name, _)| *name == title) {
                ends.dropped.insert(n);
                ends.passed.append(&mut behind);
                ends.outputs.insert(*output, *function);
                break;
            }
            if !VIEWS.contains(&title) || readers(graph, from) != 1 || behind.len() > VIEWS.len() {
                break;
            }
            tensor = from;
        }
    }
    ends
}

fn maker<'g, 'f>(
    graph: &'g Subgraph<'f>,
    tensor: i32,
) -> Option<(usize, &'g super::schema::Operator<'f>)> {
    // What is an output and is read as well is left as it is.
    let outputs = usize::from(graph.outputs.contains(&tensor));
    if tensor < 0 || readers(graph, tensor) > 1 || outputs + readers(graph, tensor) > 1 {
        return None;
    }
    let mut operators = graph.operators.iter().enumerate();
    operators.find(|(_, o)| o.outputs.contains(&tensor))
}

fn readers(graph: &Subgraph<'_>, tensor: i32) -> usize {
    let reads = graph.operators.iter().flat_map(|o| &o.inputs);
    reads.filter(|n| **n == tensor).count()
}
