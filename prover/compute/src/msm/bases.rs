//! A basis, and its table.

use super::{digits, plan, table};
use crate::lanes::Arithmetic;
use halo2curves::bn256::{Fq, G1Affine};
use halo2curves::group::prime::PrimeCurveAffine as _;
use halo2curves::serde::SerdeObject as _;

/// A point in a cache line of its own. At infinity, both coordinates are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Point(pub(super) G1Affine);

/// The points that scalars are multiplied by, 64 bytes each, and as often again for every row of their table.
#[derive(Debug)]
pub struct Bases {
    /// The basis, then the other rows of its table.
    pub(super) points: Vec<Point>,
    length: usize,
    /// Width of the digits of the table.
    pub(super) table: Option<u32>,
    /// Indices of points at infinity, in order.
    pub(super) infinities: Vec<usize>,
}

/// Bytes of a point: x and y, each as its Montgomery form's four words, least significant first.
const POINT_BYTES: usize = 64;

/// A table that is not one of this basis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The number of bytes is not that of a table of this basis.
    #[error("table of {got} bytes, expected {expected}")]
    Length {
        /// Bytes of a table of this basis.
        expected: usize,
        /// Bytes that were given.
        got: usize,
    },
    /// Not the basis' points are in its first row.
    #[error("the table starts with another basis")]
    Basis,
    /// A coordinate is not below the modulus.
    #[error("coordinate of point {point} of the table is not reduced")]
    Coordinate {
        /// Place of the point in the table.
        point: usize,
    },
}

impl Bases {
    /// A basis without a table.
    pub fn new(points: &[G1Affine]) -> Self {
        Bases {
            points: points.iter().copied().map(Point).collect(),
            length: points.len(),
            table: None,
            infinities: (0..points.len())
                .filter(|&i| bool::from(points[i].is_identity()))
                .collect(),
        }
    }

    /// A basis with a table of multiples, which takes about twenty times the memory of the basis (6 MB for 2^12 points, 19 MB for
    /// 2^14). Sums with large scalars over 2^10 points take 0.63 times as long by it, over 2^12 points 0.8, over 2^14 points 0.95; those
    /// over more points gain nothing.
    pub fn with_table(arithmetic: Arithmetic, points: &[G1Affine]) -> Self {
        let mut bases = Self::new(points);
        let (width, rows) = table_shape(points.len());
        bases.points = table::multiples(arithmetic, &bases.points, width, rows);
        // Points at infinity have multiples of another point there, and are not used.
        bases.table = Some(width);
        bases
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes of the table of a basis of so many points, by [`write_table`](Self::write_table).
    pub fn table_bytes(length: usize) -> usize {
        table_shape(length).1 * length * POINT_BYTES
    }

    /// Appends the table to `out`, to be kept in a file. Nothing where there is none.
    pub fn write_table(&self, out: &mut Vec<u8>) {
        if self.table.is_some() {
            out.reserve(self.points.len() * POINT_BYTES);
            for Point(point) in &self.points {
                out.extend_from_slice(&point.x.to_raw_bytes());
                out.extend_from_slice(&point.y.to_raw_bytes());
            }
        }
    }

    /// A basis with a table that was written before. The multiples are believed: the caller makes sure that the bytes are those that
    /// were written, for example by their digest.
    ///
    /// # Errors
    /// [`TableError`] where the bytes are not a table of these points.
    pub fn read_table(points: &[G1Affine], bytes: &[u8]) -> Result<Self, TableError> {
        let expected = Self::table_bytes(points.len());
        if bytes.len() != expected {
            return Err(TableError::Length {
                expected,
                got: bytes.len(),
            });
        }
        let mut bases = Self::new(points);
        let read = |(point, bytes): (usize, &[u8])| {
            let coordinate = |bytes| Fq::from_raw_bytes(bytes);
            let (x, y) = bytes.split_at(POINT_BYTES / 2);
            match (coordinate(x), coordinate(y)) {
                (Some(x), Some(y)) => Ok(Point(G1Affine { x, y })),
                _ => Err(TableError::Coordinate { point }),
            }
        };
        let table: Vec<Point> = bytes
            .chunks_exact(POINT_BYTES)
            .enumerate()
            .map(read)
            .collect::<Result<_, _>>()?;
        let same = (0..points.len())
            .all(|i| table[i] == bases.points[i] || bool::from(points[i].is_identity()));
        if !same {
            return Err(TableError::Basis);
        }
        bases.points = table;
        bases.table = Some(table_shape(points.len()).0);
        Ok(bases)
    }
}

/// Width of digits, and number of rows.
fn table_shape(points: usize) -> (u32, usize) {
    let width = plan::table_width(points);
    let rows = plan::windows(width, digits::MAGNITUDE_BITS).len();
    (width, rows)
}
