//! What a front end says of an operator that it reads: one row of `docs/operators.md`.

/// An operator of a source format. The table of all of them is what support lists, error messages and the documentation
/// are made from; see [`super::onnx_operators`] and [`super::zkml_layers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorInfo {
    /// Name in the source format.
    pub name: &'static str,
    /// The first version of ONNX's operator set whose form of the operator is read; `None` in formats without versions.
    pub since: Option<i64>,
    /// The restriction that a user should know first, in a few words ("by a constant"); empty where there is none.
    pub only: &'static str,
    /// Attributes and shapes that are accepted.
    pub accepts: &'static str,
    /// What the operator becomes in the integer program.
    pub becomes: &'static str,
}

impl OperatorInfo {
    /// The name, followed by the restriction if there is one.
    pub fn label(&self) -> String {
        match self.only {
            "" => self.name.to_owned(),
            only => format!("{} ({only})", self.name),
        }
    }
}

/// The operators' labels as a list for messages.
pub(super) fn list(operators: impl Iterator<Item = OperatorInfo>) -> String {
    let labels: Vec<String> = operators.map(|o| o.label()).collect();
    labels.join(", ")
}
