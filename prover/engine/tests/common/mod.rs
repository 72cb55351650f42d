//! A tiny quantised network, cut into chunks by hand.

#![allow(dead_code)]

use chainfer_engine::{
    bundle::{Bundle, CompileOptions, PublicBundle, compile},
    inference::ContextSource,
    key_set,
    srs::SrsStore,
};
use chainfer_formats::{Address, B256, Binding, ChunkEntry, Scalar, U256, ids::model_id};
use chainfer_model::{
    partitioned::{ChunkSpec, Leaf, LeafClass, PartitionedModel, Visibility},
    quantized::{
        ConvMap, Dims, Operand, QFunction, QGather, QLayer, QLinear, QMatMul, QMaxPool, QProduct,
        QTensor, QTerm, QuantParams, QuantizedGraph, TensorId, TermMap,
    },
};
use serde_json::Value;
use std::path::Path;

pub(crate) const RANGE: u32 = 64;

pub(crate) fn word(value: u64) -> B256 {
    B256::from(U256::from(value))
}

/// The digest that belongs to these chunks and the bundle's keys.
pub(crate) fn key_set_of(chunks: &[ChunkEntry], bundle: &PublicBundle) -> Scalar {
    let digests: Vec<Scalar> = chunks
        .iter()
        .zip(bundle.verifying_keys())
        .map(|(chunk, vk)| {
            key_set::vk_key_digest(&chunk.shape, chunk.num_public, &vk.unwrap()).unwrap()
        })
        .collect();
    key_set::set_digest(&digests)
}

fn tensor(name: &str, len: usize) -> QTensor {
    QTensor {
        name: name.to_owned(),
        dims: Dims { c: len, h: 1, w: 1 },
        external_shape: vec![1, len],
        element_order: None,
        quant: QuantParams {
            scale: 0.125,
            zero_point: 20,
        },
        factors: None,
        before: None,
    }
}

fn dense(input: usize, output: usize, (rows, columns): (usize, usize)) -> QLayer {
    let weights = (0..rows * columns)
        .map(|i| (i as i64 * 37 + 11) % 41 - 20)
        .collect();
    QLayer::Linear(QLinear {
        name: format!("dense{output}"),
        output: TensorId(output),
        terms: vec![QTerm {
            input: TensorId(input),
            map: TermMap::Dense { weights },
        }],
        element_bias: (0..rows)
            .map(|i| 30 * i64::from(RANGE) + i as i64 * 17 + 32)
            .collect(),
    })
}

/// 5 inputs, 18 hidden values, 3 outputs; the output's user order is reversed.
pub(crate) fn model(input: Visibility, output: Visibility, chunks: usize) -> PartitionedModel {
    let mut graph = QuantizedGraph {
        tables: Vec::new(),
        range: RANGE,
        tensors: vec![
            tensor("pixels", 5),
            tensor("hidden", 18),
            tensor("logits", 3),
        ],
        layers: vec![dense(0, 1, (18, 5)), dense(1, 2, (3, 18))],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(2)],
    };
    graph.tensors[2].element_order = Some(vec![2, 1, 0]);
    let leaf = |tensor, class, visibility| Leaf {
        tensor: TensorId(tensor),
        class,
        visibility,
    };
    let chunk =
        |layers: (usize, usize), reads: &[usize], writes: &[usize], exposes: &[usize]| ChunkSpec {
            first_layer: layers.0,
            end_layer: layers.1,
            reads: reads.to_vec(),
            writes: writes.to_vec(),
            exposes: exposes.to_vec(),
        };
    let first = leaf(0, LeafClass::Input, input);
    let cut = leaf(1, LeafClass::Cut, Visibility::Committed);
    let last = leaf(2, LeafClass::Output, output);
    match chunks {
        1 => PartitionedModel {
            graph,
            leaves: vec![first, last],
            chunks: vec![chunk((0, 2), &[0], &[1], &[0, 1])],
        },
        _ => PartitionedModel {
            graph,
            leaves: vec![first, cut, last],
            chunks: vec![
                chunk((0, 1), &[0], &[1], &[0]),
                chunk((1, 2), &[1], &[2], &[2]),
            ],
        },
    }
}

pub(crate) fn two_chunks() -> PartitionedModel {
    model(Visibility::Committed, Visibility::Public, 2)
}

pub(crate) fn inputs() -> Vec<Vec<u32>> {
    vec![vec![3, 63, 0, 17, 40]]
}

pub(crate) fn compiled(
    model: &PartitionedModel,
    options: &CompileOptions<'_>,
    dir: &Path,
) -> (Bundle, SrsStore) {
    let store = SrsStore::new(dir.join("cache")).unwrap();
    let compiled = compile(model, options, &store, &dir.join("bundle")).unwrap();
    (compiled.bundle, store)
}

pub(crate) fn context(bundle: &Bundle) -> ContextSource {
    let binding = Binding {
        chain_id: 31337,
        registry: Address::repeat_byte(0x11),
        requester: Address::repeat_byte(0x22),
        nonce: word(7),
    };
    let manifest_id = bundle.public().manifest().manifest_id;
    ContextSource::Binding {
        binding,
        model_id: model_id(manifest_id, Address::repeat_byte(0x33)),
    }
}

/// A grouped convolution over a padded image, a maximum, and a dense layer: 1 chunk, 3 outputs.
pub(crate) fn with_windows() -> PartitionedModel {
    let image = |name: &str, c, h, w| QTensor {
        dims: Dims { c, h, w },
        external_shape: vec![1, c, h, w],
        ..tensor(name, 1)
    };
    let conv = QLayer::Linear(QLinear {
        name: "conv".to_owned(),
        output: TensorId(1),
        terms: vec![QTerm {
            input: TensorId(0),
            map: TermMap::Conv(ConvMap {
                pre_pool: [1, 1],
                kernel: [3, 2],
                stride: [1, 1],
                pad: [1, 0],
                groups: 2,
                weights: (0..4 * 3 * 2).map(|i| (i * 29 + 7) % 31 - 15).collect(),
            }),
        }],
        element_bias: (0..4 * 4 * 4).map(|i| 20 * i64::from(RANGE) + i).collect(),
    });
    let pool = QLayer::MaxPool(QMaxPool {
        name: "pool".to_owned(),
        input: TensorId(1),
        output: TensorId(2),
        kernel: [2, 2],
        stride: [2, 2],
        pad: [0, 0],
    });
    let graph = QuantizedGraph {
        tables: Vec::new(),
        range: RANGE,
        tensors: vec![
            image("image", 2, 4, 5),
            image("features", 4, 4, 4),
            image("pooled", 4, 2, 2),
            tensor("logits", 3),
        ],
        layers: vec![conv, pool, dense(2, 3, (3, 16))],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(3)],
    };
    let leaf = |tensor, class, visibility| Leaf {
        tensor: TensorId(tensor),
        class,
        visibility,
    };
    PartitionedModel {
        graph,
        leaves: vec![
            leaf(0, LeafClass::Input, Visibility::Committed),
            leaf(3, LeafClass::Output, Visibility::Public),
        ],
        chunks: vec![ChunkSpec {
            first_layer: 0,
            end_layer: 3,
            reads: vec![0],
            writes: vec![1],
            exposes: vec![0, 1],
        }],
    }
}

/// A gather of two inputs, a function, a product and a matrix product: 1 chunk, which has the gather and the matrix product as outputs.
pub(crate) fn of_activations() -> PartitionedModel {
    let name = |output: usize| format!("layer{output}");
    let operand = |tensor, elements| Operand {
        tensor: TensorId(tensor),
        elements,
    };
    let layers = vec![
        QLayer::Gather(QGather {
            name: name(2),
            sources: vec![TensorId(0), TensorId(1)],
            output: TensorId(2),
            elements: vec![4, 0, 2, 1],
        }),
        QLayer::Function(QFunction {
            name: name(3),
            input: TensorId(2),
            output: TensorId(3),
            table: 0,
        }),
        QLayer::Product(QProduct {
            name: name(4),
            left: operand(3, None),
            right: operand(0, Some(vec![0, 2, 1, 1])),
            output: TensorId(4),
            weights: [1, -2, 3],
            element_bias: vec![64, 32, 0, 7],
        }),
        QLayer::MatMul(QMatMul {
            name: name(5),
            left: operand(2, Some(vec![0, 3, 1, 2])),
            right: TensorId(4),
            output: TensorId(5),
            matrices: 2,
            inner: 2,
            weights: [1, 2, -3],
            element_bias: vec![64, 32],
        }),
    ];
    let graph = QuantizedGraph {
        tables: vec![(0..RANGE).map(|x| (x * x + 5) % RANGE).collect()],
        range: RANGE,
        tensors: [("x", 3), ("w", 2), ("g", 4), ("f", 4), ("p", 4), ("y", 2)]
            .map(|(name, len)| tensor(name, len))
            .to_vec(),
        layers,
        inputs: vec![TensorId(0), TensorId(1)],
        outputs: vec![TensorId(2), TensorId(5)],
    };
    let leaf = |tensor, class, visibility| Leaf {
        tensor: TensorId(tensor),
        class,
        visibility,
    };
    PartitionedModel {
        graph,
        leaves: vec![
            leaf(0, LeafClass::Input, Visibility::Committed),
            leaf(1, LeafClass::Input, Visibility::Committed),
            leaf(2, LeafClass::Output, Visibility::Public),
            leaf(5, LeafClass::Output, Visibility::Public),
        ],
        chunks: vec![ChunkSpec {
            first_layer: 0,
            end_layer: 4,
            reads: vec![0, 1],
            writes: vec![2, 3],
            exposes: vec![0, 1, 2, 3],
        }],
    }
}

/// Every place in a document, innermost first.
pub(crate) fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            for (i, item) in list.iter().enumerate() {
                places(item, &format!("{at}/{i}"), found);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                places(item, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
    found.push(at.to_owned());
}
