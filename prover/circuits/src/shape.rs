//! The parameters that fix a chunk's constraint system: data of the manifest, checked there.

use crate::error::CircuitError;
use chainfer_formats::shape::ShapeError;

pub use chainfer_formats::shape::CircuitShape;
pub(crate) use chainfer_formats::shape::MAX_K;

impl From<ShapeError> for CircuitError {
    fn from(error: ShapeError) -> Self {
        let ShapeError {
            field: what,
            got,
            allowed,
        } = error;
        Self::BadShape { what, got, allowed }
    }
}
