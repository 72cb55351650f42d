//! What a front end makes of each node of a model file, so that a user sees everything that is in the way at once.

use crate::error::{ModelError, Result};
use crate::float::FloatGraph;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a model file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadOptions {
    /// Lengths of the dimensions that the file leaves open, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dims: BTreeMap<String, usize>,
    /// Whether a Softmax, LogSoftmax or Sigmoid at the end is left out, so that the scores before it are the output.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_final_softmax: bool,
}

impl LoadOptions {
    /// Whether nothing is asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A model that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedModel {
    /// The network.
    pub graph: FloatGraph,
    /// What of the file is not part of it, and why.
    pub warnings: Vec<String>,
}

impl From<FloatGraph> for LoadedModel {
    fn from(graph: FloatGraph) -> Self {
        Self {
            graph,
            warnings: Vec::new(),
        }
    }
}

/// Whether a node can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// It can.
    Supported,
    /// It depends on shapes and constants only, and is computed when the model is read.
    Constant,
    /// No output that can be proved depends on it.
    Dropped,
    /// It cannot.
    Unsupported {
        /// What is in the way.
        reason: String,
        /// What would help; empty if that is not known.
        remedy: String,
    },
    /// It reads what a node computes that cannot be read, so it was looked at by its name and attributes only.
    Unknown,
}

/// A node of a model file, or an input or a constant that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedNode {
    /// Name in the source model.
    pub name: String,
    /// Operator in the source format.
    pub operator: String,
    /// Whether it can be read.
    pub support: Support,
}

/// A readable model file, node by node, and the model if every node is supported.
#[derive(Debug)]
pub struct Survey {
    /// In the order in which they are computed.
    pub nodes: Vec<SurveyedNode>,
    /// The model, or what is in its way.
    pub model: Result<LoadedModel>,
}

/// What a front end says of nodes while it goes through them.
#[derive(Debug, Default)]
pub(super) struct Collector {
    nodes: Vec<SurveyedNode>,
    /// The first error of a node, which is the whole message where it is the only one.
    first: Option<ModelError>,
}

impl Collector {
    /// A node that was looked at.
    pub(super) fn node(&mut self, name: &str, operator: &str, support: Support) {
        self.nodes.push(SurveyedNode {
            name: name.to_owned(),
            operator: operator.to_owned(),
            support,
        });
    }

    /// A node that cannot be read.
    pub(super) fn block(&mut self, name: &str, operator: &str, error: ModelError) {
        let support = blocked(&error).map_or_else(
            || {
                let text = match &error {
                    ModelError::Malformed { detail, .. } => detail.clone(),
                    other => other.to_string(),
                };
                let (reason, remedy) = text.split_once("; ").unwrap_or((&text, ""));
                Support::Unsupported {
                    reason: reason.to_owned(),
                    remedy: remedy.to_owned(),
                }
            },
            |node| node.support,
        );
        self.node(name, operator, support);
        self.first.get_or_insert(error);
    }

    /// The survey. The model is made if nothing is in its way; `supported` lists what can be read.
    ///
    /// # Errors
    /// The model cannot be made although every node can be read.
    pub(super) fn finish(
        self,
        supported: String,
        model: impl FnOnce() -> Result<LoadedModel>,
    ) -> Result<Survey> {
        let is_blocked = |n: &&SurveyedNode| matches!(n.support, Support::Unsupported { .. });
        let blockers: Vec<SurveyedNode> = self.nodes.iter().filter(is_blocked).cloned().collect();
        let model = match (self.first, blockers.len()) {
            (None, _) => Ok(model()?),
            (Some(only), 1) => Err(only),
            (Some(_), _) => Err(ModelError::Blocked(Blockers {
                nodes: blockers,
                supported,
            })),
        };
        Ok(Survey {
            nodes: self.nodes,
            model,
        })
    }
}

/// The node that an error is about.
pub(super) fn blocked(error: &ModelError) -> Option<SurveyedNode> {
    let (name, operator, reason, remedy) = match error {
        ModelError::UnsupportedOperator {
            node, op, remedy, ..
        } => (
            node,
            op,
            "the operator is not supported".to_owned(),
            remedy.clone(),
        ),
        ModelError::UnsupportedUse { node, op, reason } => {
            let (reason, remedy) = reason.split_once("; ").unwrap_or((reason, ""));
            (node, op, reason.to_owned(), remedy.to_owned())
        }
        _ => return None,
    };
    Some(SurveyedNode {
        name: name.clone(),
        operator: operator.clone(),
        support: Support::Unsupported { reason, remedy },
    })
}

/// So many nodes are named in an error.
const SHOWN: usize = 20;

/// Several nodes that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blockers {
    /// Those nodes.
    pub nodes: Vec<SurveyedNode>,
    /// The operators that can be read, as a list.
    pub supported: String,
}

impl std::fmt::Display for Blockers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} nodes are not supported:", self.nodes.len())?;
        for node in self.nodes.iter().take(SHOWN) {
            write!(f, "\n  node {}: {}", node.name, node.operator)?;
            if let Support::Unsupported { reason, remedy } = &node.support {
                write!(f, ": {reason}")?;
                if !remedy.is_empty() {
                    write!(f, "; {remedy}")?;
                }
            }
        }
        if self.nodes.len() > SHOWN {
            write!(
                f,
                "\n  and {} more (`chainfer inspect` lists all)",
                self.nodes.len() - SHOWN
            )?;
        }
        write!(f, "\nsupported operators: {}", self.supported)
    }
}
