//! Names that stand for two things: readers differ in which of them they take, so the network that somebody looks at would be
//! another one than the network that is proved.

use super::node::{is_standard, malformed, refuse};
use super::order::sparse_names;
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::{GraphProto, ModelProto};

/// Refuses values that are defined twice, attributes that are given twice, and operator sets or operators with two definitions.
pub(super) fn check(proto: &ModelProto) -> Result<()> {
    let mut domains = BTreeMap::new();
    for import in &proto.opset_import {
        let domain = if is_standard(&import.domain) {
            "ai.onnx"
        } else {
            &import.domain
        };
        let before = domains.insert(domain, import.version);
        // Some exporters repeat themselves.
        if before.is_some_and(|version| version != import.version) {
            return Err(malformed(format!(
                "the operator set {domain} is imported twice, in two versions"
            )));
        }
    }
    // Operators of other domains are refused where they are used.
    let own = proto.functions.iter().find(|f| is_standard(f.domain()));
    if let Some(function) = own {
        return Err(malformed(format!(
            "the model defines the operator {} anew; inline it when you export the model (onnx.inliner.inline_local_functions)",
            function.name()
        )));
    }
    proto.graph.as_ref().map_or(Ok(()), values)
}

/// Every value has one definition: a constant, an input (which may have a constant of its name as its default), or a node.
fn values(graph: &GraphProto) -> Result<()> {
    let mut constants = BTreeSet::new();
    let dense = graph.initializer.iter().map(|t| t.name.as_str());
    let mut all = dense.chain(sparse_names(graph));
    if let Some(again) = all.find(|name| !constants.insert(*name)) {
        return Err(malformed(format!("constant {again} is there twice")));
    }
    let mut inputs = BTreeSet::new();
    let again = graph.input.iter().find(|i| !inputs.insert(i.name.as_str()));
    if let Some(again) = again {
        return Err(malformed(format!("input {} is there twice", again.name)));
    }
    let mut defined: BTreeSet<&str> = constants.union(&inputs).copied().collect();
    for node in &graph.node {
        let outputs = node.output.iter().filter(|name| !name.is_empty());
        for output in outputs {
            if !defined.insert(output.as_str()) {
                return Err(refuse(
                    node,
                    format!(
                        "its output {output} is defined elsewhere, too; supported: one definition of each value"
                    ),
                ));
            }
        }
        let mut attributes = BTreeSet::new();
        let again = node.attribute.iter().find(|a| !attributes.insert(&a.name));
        if let Some(again) = again {
            return Err(refuse(
                node,
                format!("attribute {} twice; supported: once", again.name),
            ));
        }
        for branch in node.attribute.iter().filter_map(|a| a.g.as_ref()) {
            values(branch)?;
        }
    }
    let mut outputs = BTreeSet::new();
    let again = graph.output.iter().find(|o| !outputs.insert(&o.name));
    again.map_or(Ok(()), |again| {
        Err(malformed(format!("output {} is there twice", again.name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{
        AttributeProto, FunctionProto, NodeProto, OperatorSetIdProto, SparseTensorProto,
        TensorProto, ValueInfoProto,
    };

    fn named(name: &str) -> ValueInfoProto {
        ValueInfoProto {
            name: name.to_owned(),
            ..ValueInfoProto::default()
        }
    }

    /// x -> Gemm with the constant w -> y
    fn model() -> ModelProto {
        let node = NodeProto {
            name: "layer".to_owned(),
            op_type: "Gemm".to_owned(),
            input: vec!["x".to_owned(), "w".to_owned()],
            output: vec!["y".to_owned()],
            attribute: vec![AttributeProto {
                name: "alpha".to_owned(),
                ..AttributeProto::default()
            }],
            ..NodeProto::default()
        };
        let weights = TensorProto {
            name: "w".to_owned(),
            ..TensorProto::default()
        };
        ModelProto {
            opset_import: vec![OperatorSetIdProto::default()],
            graph: Some(GraphProto {
                node: vec![node],
                initializer: vec![weights],
                input: vec![named("x"), named("w")],
                output: vec![named("y")],
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        }
    }

    #[test]
    fn one_definition_of_everything_is_accepted() {
        let mut model = model();
        let function = FunctionProto {
            name: Some("Rank".to_owned()),
            domain: Some("pkg.onnxscript.torch_lib.common".to_owned()),
            ..FunctionProto::default()
        };
        model.functions.push(function);
        // Twice the same version, as skl2onnx writes it.
        model.opset_import.push(model.opset_import[0].clone());
        check(&model).unwrap();
    }

    #[test]
    fn whatever_is_defined_twice_is_refused_by_name() {
        type Change = fn(&mut ModelProto, &mut GraphProto);
        let changes: [(&str, Change); 9] = [
            ("constant w", |_, g| {
                g.initializer.push(g.initializer[0].clone())
            }),
            ("input x", |_, g| g.input.push(named("x"))),
            ("output y", |_, g| g.output.push(named("y"))),
            ("node layer", |_, g| g.node.push(g.node[0].clone())),
            ("output x", |_, g| g.node[0].output[0] = "x".to_owned()),
            ("attribute alpha", |_, g| {
                let again = g.node[0].attribute[0].clone();
                g.node[0].attribute.push(again);
            }),
            ("ai.onnx", |m, _| {
                let domain = "ai.onnx".to_owned();
                m.opset_import
                    .push(OperatorSetIdProto { domain, version: 9 });
            }),
            ("constant w", |_, g| {
                g.sparse_initializer.push(SparseTensorProto {
                    values: Some(g.initializer[0].clone()),
                    ..SparseTensorProto::default()
                });
            }),
            ("operator Gemm", |m, _| {
                m.functions.push(FunctionProto {
                    name: Some("Gemm".to_owned()),
                    ..FunctionProto::default()
                });
            }),
        ];
        for (expected, change) in changes {
            let mut model = model();
            let mut graph = model.graph.take().unwrap();
            change(&mut model, &mut graph);
            model.graph = Some(graph);
            let refused = check(&model).unwrap_err().to_string();
            assert!(refused.contains(expected), "{expected}: {refused}");
        }
    }
}
