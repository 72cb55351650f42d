//! Where the tensors of a chunk stand among the rows of activations.

pub(crate) mod pairs;
pub(crate) mod place;
pub(crate) mod tensor;
pub(crate) mod windows;
