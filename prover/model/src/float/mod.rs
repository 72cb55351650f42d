//! The float graph: what every front end produces and the quantiser consumes.
//!
//! Shapes are those of the source model, batch included (always 1). Spatial operators read `[1, C, H, W]`; a front end
//! whose models are laid out otherwise inserts [`FloatOp::Transpose`] nodes, which the quantiser folds away.

mod builder;
mod exec;
mod function;
mod graph;
mod ops;

pub use crate::window::Padding;
pub use builder::GraphBuilder;
pub(crate) use builder::MAX_ELEMENTS;
pub use exec::FloatTrace;
pub use function::Function;
pub use graph::{FloatGraph, FloatId, FloatNode, FloatTensor};
pub(crate) use ops::transpose_sources;
pub use ops::{BatchNorm, Bounds, Constant, Conv, Dense, Element, FloatOp, Pool, Rearrange};
