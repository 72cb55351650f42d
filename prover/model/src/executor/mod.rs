//! Integer reference executor: the oracle for the circuits and the source of every witness.

mod convert;
pub mod naive;
mod run;
mod strict;
mod validate;

pub(crate) use convert::quantise_clamped;
pub(crate) use run::layer_values;
pub(crate) use run::run;
pub use run::{Trace, accumulators, execute, linear_accumulators, max_pool, requantise};
pub use strict::{
    ClampTable, FloatClamp, Saturation, SaturationPolicy, execute_counting, execute_strict,
};
pub(crate) use validate::accumulator_limit;
pub(crate) use validate::check_bounds;
pub use validate::validate;
pub(crate) use validate::validate_layer;
