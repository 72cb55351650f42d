//! Arrangements: how activations, RLC checks and hashing share rows and columns.
//!
//! [`wide`] has them in columns of their own: short circuits that prove fast. [`compact`] has them in the same columns, on rows of
//! their own: few columns, which makes proofs cheap to verify. Both have the same chips; nothing outside this folder asks which
//! one a shape has.

pub(crate) mod compact;
pub(crate) mod interface;
pub(crate) mod wide;

use crate::columns::Columns;
use crate::error::CircuitError;
use crate::shape::CircuitShape;
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
pub(crate) use interface::Arrangement;

/// The arrangement of a shape.
pub(crate) fn of(shape: &CircuitShape) -> &'static dyn Arrangement {
    if shape.stacked {
        &compact::Compact
    } else {
        &wide::Wide
    }
}

/// The columns and gates of a shape.
pub(crate) fn configure(
    meta: &mut ConstraintSystem<Fr>,
    shape: &CircuitShape,
) -> Result<Columns, CircuitError> {
    let arrangement = of(shape);
    let columns = Columns::allocate(meta, shape, arrangement.placement())?;
    arrangement.configure(meta, &columns)?;
    Ok(columns)
}

#[cfg(test)]
mod tests;
