//! Scalars and points as the EVM reads them.

use std::io;

use halo2curves::{
    CurveAffine,
    bn256::{Fr, G1Affine},
    ff::PrimeField,
};

/// Bytes of one encoded scalar.
pub const SCALAR_LEN: usize = 32;

/// Bytes of one encoded point (both coordinates).
pub const POINT_LEN: usize = 64;

pub(crate) fn encode_scalar(scalar: &Fr) -> [u8; SCALAR_LEN] {
    let mut bytes = scalar.to_repr();
    bytes.reverse();
    bytes
}

pub(crate) fn encode_point(point: &G1Affine) -> io::Result<[u8; POINT_LEN]> {
    let coordinates = Option::from(point.coordinates())
        .ok_or_else(|| invalid("point is not on the curve"))
        .map(|c: halo2curves::Coordinates<G1Affine>| (*c.x(), *c.y()))?;
    let mut bytes = [0u8; POINT_LEN];
    let (x, y) = bytes.split_at_mut(SCALAR_LEN);
    for (out, coordinate) in [(x, coordinates.0), (y, coordinates.1)] {
        let mut repr = coordinate.to_repr();
        repr.reverse();
        out.copy_from_slice(&repr);
    }
    Ok(bytes)
}

pub(crate) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
