//! Machines of support vectors.

use super::classifier::{Second, function, no_transform};
use super::{classes, features, floats};
use crate::error::Result;
use crate::float::{Dense, FloatId, FloatOp, Function};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand::Tensor as T};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

/// Classes that are told apart in pairs.
const MAX_CLASSES: usize = 64;

/// How near an input is to a support vector.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kernel {
    /// `x · v`
    Linear,
    /// `exp(-gamma |x - v|^2)`
    Radial { gamma: f64 },
    /// `(gamma x · v + shift) ^ degree`
    Polynomial { gamma: f64, shift: f64, degree: f64 },
    /// `tanh(gamma x · v + shift)`
    Sigmoid { gamma: f64, shift: f64 },
}

impl Kernel {
    fn of(node: &NodeProto) -> Result<Self> {
        let params = floats(node, "kernel_params");
        let at = |n: usize| params.get(n).copied().unwrap_or(0.0);
        let (gamma, shift, degree) = (at(0), at(1), at(2));
        if ![gamma, shift, degree].iter().all(|v| v.is_finite()) {
            return Err(refuse(node, "a parameter that is not a finite number"));
        }
        match node.text("kernel_type").unwrap_or_default().as_str() {
            "" | "LINEAR" => Ok(Self::Linear),
            "RBF" => Ok(Self::Radial { gamma }),
            "POLY" => Ok(Self::Polynomial {
                gamma,
                shift,
                degree,
            }),
            "SIGMOID" => Ok(Self::Sigmoid { gamma, shift }),
            other => Err(refuse(node, format!("kernel_type {other} is unknown"))),
        }
    }
}

/// The sums of the kernels times each row of `coefficients`, plus `rho`.
fn decisions(
    importer: &mut Importer,
    node: &NodeProto,
    count: usize,
    coefficients: Vec<f64>,
    rho: Vec<f64>,
) -> Result<FloatId> {
    let (input, features) = features(importer, node)?;
    let vectors = floats(node, "support_vectors");
    if count == 0
        || coefficients.len() != count * rho.len()
        || Some(vectors.len()) != count.checked_mul(features)
    {
        return Err(refuse(
            node,
            format!(
                "{} numbers of {count} support vectors, {} coefficients and {} rho, for {features} features",
                vectors.len(),
                coefficients.len(),
                rho.len()
            ),
        ));
    }
    let kernel = Kernel::of(node)?;
    let rows = vectors.chunks_exact(features);
    if kernel == Kernel::Linear {
        let mut weights = vec![0.0; rho.len() * features];
        let outputs = weights.chunks_exact_mut(features);
        for (output, coefficients) in outputs.zip(coefficients.chunks_exact(count)) {
            for (row, coefficient) in rows.clone().zip(coefficients) {
                for (weight, value) in output.iter_mut().zip(row) {
                    *weight += coefficient * value;
                }
            }
        }
        return dense(importer, node, input, weights, rho);
    }
    let near = match kernel {
        // |x - v|^2 = |x|^2 - 2 x · v + |v|^2
        Kernel::Radial { gamma } => {
            let square = importer.op(node, FloatOp::Mul, &[input, input])?;
            let both = importer.concatenated(node, &[T(square), T(input)], 1)?;
            let both = importer.only_tensor(node, both)?;
            let ones = std::iter::repeat_n(-gamma, features);
            let weights = rows
                .clone()
                .flat_map(|row| ones.clone().chain(row.iter().map(|v| 2.0 * gamma * v)));
            let sizes = rows.map(|row| -gamma * row.iter().map(|v| v * v).sum::<f64>());
            let (weights, sizes) = (weights.collect(), sizes.collect());
            let distance = dense(importer, node, both, weights, sizes)?;
            importer.function(node, distance, Function::Exp)?
        }
        Kernel::Polynomial { gamma, shift, .. } | Kernel::Sigmoid { gamma, shift } => {
            let weights = vectors.iter().map(|v| gamma * v).collect();
            let sums = dense(importer, node, input, weights, vec![shift; count])?;
            match kernel {
                Kernel::Polynomial { degree, .. } => {
                    if degree < 1.0 || degree != degree.floor() {
                        return Err(refuse(
                            node,
                            format!("degree {degree}; supported: whole numbers"),
                        ));
                    }
                    importer.power(node, sums, degree)?
                }
                _ => importer.function(node, sums, Function::Tanh)?,
            }
        }
        Kernel::Linear => return Err(refuse(node, "kernel_type LINEAR")),
    };
    dense(importer, node, near, coefficients, rho)
}

fn dense(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
    weights: Vec<f64>,
    bias: Vec<f64>,
) -> Result<FloatId> {
    let op = Dense {
        outputs: bias.len(),
        weights,
        bias: Some(bias),
    };
    importer.op(node, FloatOp::Dense(op), &[input])
}

pub(super) fn regressor(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    no_transform(node)?;
    if node.int("one_class", 0) != 0 {
        return Err(refuse(node, "one_class; supported: regression"));
    }
    let rho = floats(node, "rho").first().copied().unwrap_or(0.0);
    if floats(node, "support_vectors").is_empty() {
        return Err(refuse(node, "no support vectors; use LinearRegressor"));
    }
    let coefficients = floats(node, "coefficients");
    decisions(importer, node, coefficients.len(), coefficients, vec![rho])
}

/// A score for each pair of classes; of two classes it is that of the second.
pub(super) fn classifier(importer: &mut Importer, node: &NodeProto) -> Result<(FloatId, Second)> {
    if !floats(node, "prob_a").is_empty() {
        return Err(refuse(
            node,
            "probabilities; supported: scores; train it with probability=False",
        ));
    }
    let per_class = node.ints("vectors_per_class").unwrap_or_default();
    let per_class: Option<Vec<usize>> = per_class
        .iter()
        .map(|n| usize::try_from(*n).ok().filter(|n| *n < 1 << 24))
        .collect();
    let per_class = per_class.unwrap_or_default();
    let (classes, named) = (per_class.len(), classes(node));
    let second = if classes == 2 {
        Second::Opposite
    } else {
        Second::Both
    };
    let plain = second == Second::Opposite || function(node)?.is_none();
    if !(2..=MAX_CLASSES).contains(&classes) || named != classes || !plain {
        return Err(refuse(
            node,
            format!(
                "{named} classes, {classes} of which have support vectors; supported: 2 to {MAX_CLASSES}, without a post_transform for more than two"
            ),
        ));
    }
    let count: usize = per_class.iter().sum();
    let given = floats(node, "coefficients");
    let rho = floats(node, "rho");
    let pairs = classes * (classes - 1) / 2;
    if given.len() != (classes - 1) * count || rho.len() < pairs {
        return Err(refuse(
            node,
            format!(
                "{} coefficients and {} rho for {count} support vectors of {classes} classes",
                given.len(),
                rho.len()
            ),
        ));
    }
    let starts: Vec<usize> = (0..classes)
        .map(|class| per_class[..class].iter().sum())
        .collect();
    let mut coefficients = vec![0.0; pairs * count];
    let mut rows = coefficients.chunks_exact_mut(count.max(1));
    for first in 0..classes {
        for other in first + 1..classes {
            let Some(row) = rows.next() else { break };
            // Those of the first class have their coefficients against the other, and the other way round.
            for (class, against) in [(first, other - 1), (other, first)] {
                let own = starts[class]..starts[class] + per_class[class];
                row[own.clone()].copy_from_slice(&given[against * count..][own]);
            }
        }
    }
    let rho = rho[..pairs].to_vec();
    let scores = decisions(importer, node, count, coefficients, rho)?;
    Ok((scores, second))
}
