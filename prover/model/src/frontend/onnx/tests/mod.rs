//! Models built in memory, read as files are.

mod blockers;
mod composed;
mod constants;
mod files;
mod garbage;
mod learning;
mod legacy;
mod movement;
mod quantised;
mod recurrent;
mod repros;
mod sampled;

use super::{Folder, survey_proto};
use crate::error::Result;
use crate::float::FloatGraph;
use crate::frontend::{LoadOptions, Support, Survey};
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// A value of element type float. Lengths that are no numbers are names.
fn value(name: &str, shape: &[&str]) -> ValueInfoProto {
    let dim = |length: &&str| Dimension {
        value: match length.parse() {
            Ok(n) => Some(dimension::Value::DimValue(n)),
            Err(_) if length.is_empty() => None,
            Err(_) => Some(dimension::Value::DimParam((*length).to_owned())),
        },
        ..Dimension::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: 1,
        shape: Some(TensorShapeProto {
            dim: shape.iter().map(dim).collect(),
        }),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

fn untyped(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        name: name.to_owned(),
        ..ValueInfoProto::default()
    }
}

fn floats(name: &str, dims: &[i64], data: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: 1,
        dims: dims.to_vec(),
        float_data: data.to_vec(),
        ..TensorProto::default()
    }
}

fn ints(name: &str, data: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: 7,
        dims: vec![data.len() as i64],
        int64_data: data.to_vec(),
        ..TensorProto::default()
    }
}

/// A node that is named after its first output.
fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("{output} node"),
        op_type: op.to_owned(),
        input: inputs.iter().map(|i| (*i).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

/// A node of several outputs, named after the first.
fn node_of(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        output: outputs.iter().map(|o| (*o).to_owned()).collect(),
        ..node(op, inputs, outputs[0])
    }
}

trait With {
    fn with(self, attribute: AttributeProto) -> Self;
    fn int(self, name: &str, i: i64) -> Self;
    fn ints(self, name: &str, ints: &[i64]) -> Self;
    fn text(self, name: &str, text: &str) -> Self;
}

impl With for NodeProto {
    fn with(mut self, attribute: AttributeProto) -> Self {
        self.attribute.push(attribute);
        self
    }

    fn int(self, name: &str, i: i64) -> Self {
        self.with(AttributeProto {
            name: name.to_owned(),
            i,
            r#type: 2,
            ..AttributeProto::default()
        })
    }

    fn text(self, name: &str, text: &str) -> Self {
        self.with(AttributeProto {
            name: name.to_owned(),
            s: text.as_bytes().to_vec(),
            r#type: 3,
            ..AttributeProto::default()
        })
    }

    fn ints(self, name: &str, ints: &[i64]) -> Self {
        self.with(AttributeProto {
            name: name.to_owned(),
            ints: ints.to_vec(),
            r#type: 7,
            ..AttributeProto::default()
        })
    }
}

/// A model with the inputs x and z.
fn model_of_two(
    opset: i64,
    inputs: [&[&str]; 2],
    constants: &[TensorProto],
    nodes: &[NodeProto],
) -> ModelProto {
    let mut model = model(opset, inputs[0], constants, nodes);
    if let Some(graph) = &mut model.graph {
        graph.input.push(value("z", inputs[1]));
    }
    model
}

/// A model with the input x and the output y.
fn model(opset: i64, input: &[&str], constants: &[TensorProto], nodes: &[NodeProto]) -> ModelProto {
    ModelProto {
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: opset,
        }],
        graph: Some(GraphProto {
            node: nodes.to_vec(),
            initializer: constants.to_vec(),
            input: vec![value("x", input)],
            output: vec![untyped("y")],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

fn survey(model: &ModelProto) -> Result<Survey> {
    survey_proto(model, Folder::none(), &LoadOptions::default())
}

fn read(model: &ModelProto) -> Result<FloatGraph> {
    Ok(survey(model)?.model?.graph)
}

fn refusal(model: &ModelProto) -> String {
    read(model).unwrap_err().to_string()
}

/// The first output for these inputs.
fn run(model: &ModelProto, inputs: &[&[f64]]) -> Vec<f64> {
    let graph = read(model).unwrap();
    let inputs: Vec<Vec<f64>> = inputs.iter().map(|i| i.to_vec()).collect();
    let values = graph.execute(&inputs).unwrap();
    graph.outputs_of(&values)[0].to_vec()
}

/// The first output for an input of small different numbers.
fn output(model: &ModelProto) -> Vec<f64> {
    let graph = read(model).unwrap();
    let inputs = graph.inputs().iter().map(|id| {
        let count = graph.tensor(*id).len();
        (0..count).map(|n| n as f64).collect()
    });
    let inputs: Vec<Vec<f64>> = inputs.collect();
    let values = graph.execute(&inputs).unwrap();
    graph.outputs_of(&values)[0].to_vec()
}

/// Values that differ by rounding only.
fn assert_near(got: &[f64], expected: &[f64]) {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
    assert!(
        got.len() == expected.len() && got.iter().zip(expected).all(near),
        "{got:?}, expected {expected:?}"
    );
}

/// Names of the nodes that are not supported.
fn unsupported(survey: &Survey) -> Vec<&str> {
    let blocked =
        |n: &&crate::frontend::SurveyedNode| matches!(n.support, Support::Unsupported { .. });
    survey
        .nodes
        .iter()
        .filter(blocked)
        .map(|n| n.name.as_str())
        .collect()
}
