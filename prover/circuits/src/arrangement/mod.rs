//! Arrangements: how activations, the random-linear-combination check and hashing share rows and columns.
//!
//! [`wide`] has them side by side: short circuits that prove fast. [`compact`] has them in the same columns, on rows of their own:
//! few columns, which makes proofs cheap to verify. Both have the same chips; nothing outside this folder asks which one a shape
//! has.

pub(crate) mod compact;
pub(crate) mod interface;
pub(crate) mod wide;

use crate::columns::Columns;
use crate::error::CircuitError;
use crate::shape::{CircuitShape, MAX_K};
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

impl CircuitShape {
    /// Refuses parameters that no plan produces; call it on shapes that come from a file.
    pub fn validate(&self) -> Result<(), CircuitError> {
        let check = |ok: bool, what, got: u64, allowed| {
            if ok {
                Ok(())
            } else {
                Err(CircuitError::BadShape { what, got, allowed })
            }
        };
        check((5..=MAX_K).contains(&self.k), "k", self.k.into(), "5 to 20")?;
        let range_ok = self.range >= 16 && self.range.is_multiple_of(2) && self.range <= 1 << 16;
        check(range_ok, "range", self.range.into(), "even, 16 to 65536")?;
        let limbs_ok = matches!(self.limbs, 1 | 2 | 4) && self.range.is_multiple_of(self.limbs);
        check(
            limbs_ok,
            "limbs",
            self.limbs.into(),
            "1, 2 or 4, a divisor of the range",
        )?;
        let fits = u64::from(self.table()) + 6 < 1u64 << self.k;
        check(
            fits,
            "range",
            self.range.into(),
            "at most limbs times the rows",
        )?;
        let sizes = [
            ("lanes", self.lanes, 1..=4, "1 to 4"),
            ("taps", self.taps, 0..=64, "at most 64"),
            ("weights_per_row", self.weights_per_row, 1..=16, "1 to 16"),
            ("hash_lanes", self.hash_lanes, 1..=16, "1 to 16"),
        ];
        for (what, got, range, allowed) in sizes {
            check(range.contains(&got), what, got as u64, allowed)?;
        }
        of(self).check(self)
    }
}

#[cfg(test)]
mod tests;
