//! Cuts, leaves and what chunks expose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chainfer_model::ModelError;
use chainfer_model::partition::{
    BoundaryVisibility, ChunkCount, CostModel, chunk_costs, partition,
};
use chainfer_model::partitioned::{Leaf, LeafClass, Visibility};
use chainfer_model::quantized::{
    Dims, QLayer, QLinear, QTensor, QTerm, QuantParams, QuantizedGraph, TensorId, TermMap,
};

const LEN: usize = 40;

/// Layer `n` reads the tensors listed and writes the next one; tensor 0.. are the inputs.
fn graph(inputs: usize, layers: &[&[usize]], outputs: &[usize]) -> QuantizedGraph {
    let dims = Dims { c: LEN, h: 1, w: 1 };
    let tensor = |n: usize| QTensor {
        name: format!("t{n}"),
        dims,
        external_shape: vec![1, LEN],
        element_order: None,
        quant: QuantParams {
            scale: 1.0,
            zero_point: 0,
        },
        factors: None,
        before: None,
    };
    let layer = |n: usize, reads: &[usize]| {
        let term = |t: &usize| QTerm {
            input: TensorId(*t),
            map: TermMap::Dense {
                weights: vec![1; LEN * LEN],
            },
        };
        QLayer::Linear(QLinear {
            name: format!("l{n}"),
            output: TensorId(inputs + n),
            terms: reads.iter().map(term).collect(),
            element_bias: vec![0; LEN],
        })
    };
    QuantizedGraph {
        tables: Vec::new(),
        range: 4080,
        tensors: (0..inputs + layers.len()).map(tensor).collect(),
        layers: layers
            .iter()
            .enumerate()
            .map(|(n, l)| layer(n, l))
            .collect(),
        inputs: (0..inputs).map(TensorId).collect(),
        outputs: outputs.iter().map(|t| TensorId(*t)).collect(),
    }
}

fn cut(
    graph: QuantizedGraph,
    n: usize,
) -> Result<chainfer_model::partitioned::PartitionedModel, ModelError> {
    partition(
        graph,
        ChunkCount::Exactly(n),
        BoundaryVisibility::default(),
        &CostModel::default(),
    )
}

fn leaves(list: &[Leaf]) -> Vec<(usize, LeafClass)> {
    list.iter().map(|l| (l.tensor.0, l.class)).collect()
}

#[test]
fn chain_is_cut_evenly_with_one_leaf_a_cut() {
    let model = cut(graph(1, &[&[0], &[1], &[2], &[3]], &[4]), 2).unwrap();
    let ends: Vec<usize> = model.chunks.iter().map(|c| c.end_layer).collect();
    assert_eq!(ends, [2, 4]);
    assert_eq!(
        leaves(&model.leaves),
        [
            (0, LeafClass::Input),
            (2, LeafClass::Cut),
            (4, LeafClass::Output)
        ]
    );
    let visibilities: Vec<Visibility> = model.leaves.iter().map(|l| l.visibility).collect();
    assert_eq!(
        visibilities,
        [
            Visibility::Committed,
            Visibility::Committed,
            Visibility::Public
        ]
    );
    let [a, b] = model.chunks.as_slice() else {
        panic!()
    };
    assert_eq!(
        (&a.reads, &a.writes, &a.exposes),
        (&vec![0], &vec![1], &vec![0])
    );
    assert_eq!(
        (&b.reads, &b.writes, &b.exposes),
        (&vec![1], &vec![2], &vec![2])
    );
}

#[test]
fn skip_connection_over_cuts_is_one_leaf_for_all_readers() {
    // t1 is read by layers 1, 2 and 3.
    let model = cut(graph(1, &[&[0], &[1], &[1, 2], &[1, 3]], &[4]), 4).unwrap();
    assert_eq!(
        leaves(&model.leaves),
        [
            (0, LeafClass::Input),
            (1, LeafClass::Cut),
            (2, LeafClass::Cut),
            (3, LeafClass::Cut),
            (4, LeafClass::Output)
        ]
    );
    let reads: Vec<&[usize]> = model.chunks.iter().map(|c| c.reads.as_slice()).collect();
    assert_eq!(reads, [&[0][..], &[1], &[1, 2], &[1, 3]]);
}

#[test]
fn output_that_crosses_a_cut_is_an_exposed_cut_leaf() {
    let model = cut(graph(1, &[&[0], &[1]], &[1, 2]), 2).unwrap();
    assert_eq!(
        leaves(&model.leaves),
        [
            (0, LeafClass::Input),
            (1, LeafClass::Cut),
            (2, LeafClass::Output)
        ]
    );
    assert_eq!(model.leaves[1].visibility, Visibility::Public);
    assert_eq!(model.chunks[0].exposes, [0, 1]);
    assert_eq!(model.chunks[1].exposes, [2]);
}

#[test]
fn input_is_exposed_by_its_first_reader_only() {
    let model = cut(graph(2, &[&[0], &[0, 1, 2]], &[3]), 2).unwrap();
    assert_eq!(model.chunks[0].exposes, [0]);
    assert_eq!(model.chunks[1].exposes, [1, 3]);
    assert_eq!(model.chunks[1].reads, [0, 1, 2]);
}

#[test]
fn impossible_cuts_are_refused_with_the_reason() {
    let chain = || graph(1, &[&[0], &[1]], &[2]);
    for n in [0, 3] {
        let message = cut(chain(), n).unwrap_err().to_string();
        assert!(message.contains("1 to 2 are possible"), "{message}");
    }
    let unread = cut(graph(2, &[&[0]], &[2]), 1).unwrap_err().to_string();
    assert!(
        unread.contains("no layer reads the model input t1"),
        "{unread}"
    );
    let uncomputed = cut(graph(1, &[&[0]], &[1, 0]), 1).unwrap_err().to_string();
    assert!(
        uncomputed.contains("no layer computes the model output t0"),
        "{uncomputed}"
    );
    let twice = cut(graph(1, &[&[0]], &[1, 1]), 1).unwrap_err().to_string();
    assert!(twice.contains("listed twice"), "{twice}");
}

#[test]
fn largest_cost_is_the_least_possible() {
    let g = graph(1, &[&[0], &[1], &[1, 2], &[3], &[2, 4], &[5]], &[6]);
    let costs = CostModel::default();
    for n in 1..=6 {
        let model = cut(g.clone(), n).unwrap();
        let largest = *chunk_costs(&model, &costs).iter().max().unwrap();
        let best = (0u32..32)
            .filter(|mask| mask.count_ones() as usize == n - 1)
            .map(|mask| {
                let mut probe = model.clone();
                let mut ends: Vec<usize> = (0..5)
                    .filter(|b| mask >> b & 1 == 1)
                    .map(|b| b + 1)
                    .collect();
                ends.push(6);
                let mut first = 0;
                for (chunk, end) in probe.chunks.iter_mut().zip(ends) {
                    (chunk.first_layer, chunk.end_layer) = (first, end);
                    first = end;
                }
                *chunk_costs(&probe, &costs).iter().max().unwrap()
            })
            .min()
            .unwrap();
        assert_eq!(largest, best, "{n} chunks");
    }
}

#[test]
fn auto_takes_the_fewest_chunks_within_its_target() {
    let g = graph(1, &[&[0], &[1], &[2], &[3]], &[4]);
    let largest = |n| {
        let model = cut(g.clone(), n).unwrap();
        *chunk_costs(&model, &CostModel::default())
            .iter()
            .max()
            .unwrap()
    };
    let count = |auto_target| {
        let costs = CostModel {
            auto_target,
            ..CostModel::default()
        };
        let model = partition(
            g.clone(),
            ChunkCount::Auto,
            BoundaryVisibility::default(),
            &costs,
        );
        model.unwrap().chunks.len()
    };
    assert_eq!(count(u64::MAX), 1);
    assert_eq!(count(largest(1)), 1);
    assert_eq!(count(largest(1) - 1), 2);
    assert_eq!(count(largest(2)), 2);
    assert_eq!(count(1), 4);
}
