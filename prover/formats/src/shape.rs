//! The parameters that fix a chunk's constraint system.

use serde::{Deserialize, Serialize};

/// Parameters of the constraint system. Two chunks of one shape differ only in fixed values and copy constraints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircuitShape {
    /// log2 of the number of rows.
    pub k: u32,
    /// Activation range and divisor R.
    pub range: u32,
    /// Values of the high limb of a range check: the table has R / limbs entries. 1, 2 or 4.
    pub limbs: u32,
    /// Value lanes: activations per row.
    pub lanes: usize,
    /// Horner accumulators over activations (one per distinct column offset).
    pub taps: usize,
    /// Weights folded in one row.
    pub weights_per_row: usize,
    /// Poseidon lanes.
    pub hash_lanes: usize,
    /// Whether the chunk has max pooling.
    pub pooling: bool,
    /// Whether the chunk has the compact arrangement, few columns for many rows, rather than the wide one.
    #[serde(default)]
    pub stacked: bool,
    /// Whether the chunk has functions by table.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub functions: bool,
    /// Whether the chunk has products of elements.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub products: bool,
}

/// Largest circuit: 2^24 rows.
pub const MAX_K: u32 = 24;

/// A parameter that no plan produces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("circuit shape: {field} is {got}, allowed {allowed}")]
pub struct ShapeError {
    /// Which parameter.
    pub field: &'static str,
    /// Value found.
    pub got: u64,
    /// Values allowed.
    pub allowed: &'static str,
}

impl CircuitShape {
    /// Checks a shape that comes from a file.
    ///
    /// # Errors
    /// Names a parameter that no plan produces.
    pub fn validate(&self) -> Result<(), ShapeError> {
        let check = |ok: bool, field, got: u64, allowed| {
            if ok {
                Ok(())
            } else {
                Err(ShapeError {
                    field,
                    got,
                    allowed,
                })
            }
        };
        check((5..=MAX_K).contains(&self.k), "k", self.k.into(), "5 to 24")?;
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
        check(
            (1..=4).contains(&self.lanes),
            "lanes",
            self.lanes as u64,
            "1 to 4",
        )?;
        check(
            !self.pooling || self.stacked || self.lanes >= 2,
            "lanes",
            self.lanes as u64,
            "2 to 4 with max pooling in the wide arrangement",
        )?;
        check(self.taps <= 64, "taps", self.taps as u64, "at most 64")?;
        check(
            !self.products || self.taps >= 2,
            "taps",
            self.taps as u64,
            "2 to 64 with products",
        )?;
        check(
            !self.products || self.stacked || self.lanes == 1,
            "lanes",
            self.lanes as u64,
            "1 with products",
        )?;
        let table_fits = u64::from(self.range) + 6 < 1u64 << self.k;
        check(
            !self.functions || table_fits,
            "range",
            self.range.into(),
            "less than the rows with functions",
        )?;
        let w = self.weights_per_row;
        check(
            (1..=16).contains(&w),
            "weights_per_row",
            w as u64,
            "1 to 16",
        )?;
        check(
            (1..=16).contains(&self.hash_lanes),
            "hash_lanes",
            self.hash_lanes as u64,
            "1 to 16",
        )?;
        let single = [
            ("lanes", self.lanes as u64),
            ("hash_lanes", self.hash_lanes as u64),
            ("limbs", self.limbs.into()),
            ("weights_per_row", w as u64),
        ];
        for (field, got) in single {
            check(
                !self.stacked || got == 1,
                field,
                got,
                "1 in the compact arrangement",
            )?;
        }
        Ok(())
    }

    /// Entries of the lookup table.
    pub fn table(&self) -> u32 {
        self.range / self.limbs.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> CircuitShape {
        CircuitShape {
            k: 10,
            range: 512,
            limbs: 2,
            lanes: 2,
            taps: 3,
            weights_per_row: 4,
            hash_lanes: 1,
            pooling: true,
            stacked: false,
            functions: false,
            products: false,
        }
    }

    #[test]
    fn validate_every_parameter_out_of_bounds_is_named() {
        good().validate().unwrap();
        type Change = fn(&mut CircuitShape);
        let cases: [(&str, Change); 16] = [
            ("k", |s| s.k = 4),
            ("k", |s| s.k = 25),
            ("range", |s| s.range = 14),
            ("range", |s| s.range = 511),
            ("range", |s| s.range = 1 << 17),
            ("range", |s| s.k = 8),
            ("limbs", |s| s.limbs = 0),
            ("limbs", |s| s.limbs = 3),
            ("lanes", |s| s.lanes = 1),
            ("lanes", |s| s.stacked = true),
            ("taps", |s| s.taps = 65),
            ("weights_per_row", |s| s.weights_per_row = 0),
            ("hash_lanes", |s| s.hash_lanes = usize::MAX),
            ("lanes", |s| s.products = true),
            ("taps", |s| (s.products, s.taps) = (true, 1)),
            ("range", |s| {
                (s.functions, s.range, s.limbs) = (true, 1024, 4)
            }),
        ];
        for (field, change) in cases {
            let mut shape = good();
            change(&mut shape);
            assert_eq!(shape.validate().unwrap_err().field, field, "{shape:?}");
        }
    }

    #[test]
    fn operators_that_a_shape_lacks_are_not_written() {
        let json = serde_json::to_string(&good()).unwrap();
        assert!(!json.contains("functions") && !json.contains("products"));
        let shape = CircuitShape {
            functions: true,
            ..good()
        };
        let json = serde_json::to_string(&shape).unwrap();
        assert!(json.contains("functions"));
        assert_eq!(serde_json::from_str::<CircuitShape>(&json).unwrap(), shape);
    }

    #[test]
    fn shape_without_stacked_is_the_wide_arrangement() {
        let mut json = serde_json::to_value(good()).unwrap();
        json.as_object_mut().unwrap().remove("stacked");
        let shape: CircuitShape = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(shape, good());
        json["spin"] = 1.into();
        assert!(serde_json::from_value::<CircuitShape>(json).is_err());
    }
}
