//! The registry contract: what it records of models and inferences, and what a bundle asks it to record.

mod contract;
mod difference;
mod inference;
mod registration;

pub use contract::Registry;
pub use difference::{Comparison, Difference, compare};
pub use inference::{InferenceView, read_inference, read_output, read_output_values};
pub use registration::Registration;
