//! The structured reference string as a back end holds it.

use crate::error::{PlonkError, Result};
use chainfer_compute::backend::Compute;
use halo2_proofs::SerdeFormat;
use halo2_proofs::poly::commitment::ParamsProver as _;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, G1Affine};
use halo2curves::serde::SerdeObject as _;
use std::io::{self, Write};

/// Powers of tau of one size, in both bases.
#[derive(Debug)]
pub struct Setup<B> {
    k: u32,
    /// For coefficients.
    monomial: B,
    /// For values on the domain.
    lagrange: B,
}

impl<B> Setup<B> {
    /// From the powers of tau, and the same in the Lagrange basis: 2^k points each.
    ///
    /// # Errors
    /// The numbers of points differ or are no power of two, or the back end fails.
    pub fn new<C: Compute<Bases = B>>(
        compute: &C,
        monomial: Vec<G1Affine>,
        lagrange: Vec<G1Affine>,
    ) -> Result<Self> {
        let n = monomial.len();
        if !n.is_power_of_two() || lagrange.len() != n {
            return Err(PlonkError::Mismatch {
                what: "points of the setup in the Lagrange basis",
                expected: n,
                got: lagrange.len(),
            });
        }
        Ok(Setup {
            k: n.ilog2(),
            monomial: compute.bases(monomial)?,
            lagrange: compute.bases(lagrange)?,
        })
    }

    /// From halo2's parameters.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_halo2<C: Compute<Bases = B>>(
        compute: &C,
        params: &ParamsKZG<Bn256>,
    ) -> Result<Self> {
        let mut points = Points {
            skip: HEAD + params.get_g().len() * POINT,
            wanted: params.get_g().len(),
            pending: Vec::new(),
            points: Vec::new(),
        };
        params.write_custom(&mut points, SerdeFormat::RawBytesUnchecked)?;
        Self::new(compute, params.get_g().to_vec(), points.points)
    }

    /// log2 of the number of points.
    pub fn k(&self) -> u32 {
        self.k
    }

    pub(crate) fn monomial(&self) -> &B {
        &self.monomial
    }

    pub(crate) fn lagrange(&self) -> &B {
        &self.lagrange
    }

    /// # Errors
    /// The setup is not of 2^k points.
    pub(crate) fn require_k(&self, k: u32) -> Result<()> {
        if self.k == k {
            return Ok(());
        }
        Err(PlonkError::Mismatch {
            what: "log2 of the rows of the setup",
            expected: k as usize,
            got: self.k as usize,
        })
    }
}

/// In front of the points: k.
const HEAD: usize = 4;
const POINT: usize = 64;

/// Collects the points in the Lagrange basis from what halo2 writes, which has no other way to them.
struct Points {
    skip: usize,
    wanted: usize,
    pending: Vec<u8>,
    points: Vec<G1Affine>,
}

impl Write for Points {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        self.pending.extend(&bytes[skipped..]);
        let whole = self.pending.len() / POINT * POINT;
        for point in self.pending[..whole].chunks_exact(POINT) {
            if self.points.len() < self.wanted {
                self.points.push(G1Affine::from_raw_bytes_unchecked(point));
            }
        }
        self.pending.drain(..whole);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
