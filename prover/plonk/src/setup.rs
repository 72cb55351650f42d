//! The structured reference string as a back end holds it.

use crate::error::{PlonkError, Result};
use crate::source::{Basis, Lent, PointSource};
use chainfer_compute::backend::Compute;
use halo2_proofs::SerdeFormat;
use halo2_proofs::poly::commitment::ParamsProver as _;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, G1Affine};
use halo2curves::serde::SerdeObject as _;
use std::io::{self, Write};
use std::sync::Arc;

/// Powers of tau of one size, in both bases.
#[derive(Debug)]
pub struct Setup<B> {
    k: u32,
    points: Points<B>,
}

#[derive(Debug)]
enum Points<B> {
    Held {
        monomial: B,
        lagrange: B,
    },
    /// Read for every step that commits.
    Read(Arc<dyn PointSource>),
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
        if !n.is_power_of_two() {
            return Err(PlonkError::Mismatch {
                what: "points of the setup",
                expected: n.next_power_of_two(),
                got: n,
            });
        }
        require_points(&lagrange, n)?;
        Ok(Setup {
            k: n.ilog2(),
            points: Points::Held {
                monomial: compute.bases(monomial)?,
                lagrange: compute.bases(lagrange)?,
            },
        })
    }

    /// With all points of a source.
    ///
    /// # Errors
    /// As [`new`](Self::new); what the source says.
    pub fn from_source<C: Compute<Bases = B>>(
        compute: &C,
        source: &dyn PointSource,
    ) -> Result<Self> {
        // One after the other: a basis takes twice its memory while the back end takes it.
        let read = |basis| -> Result<B> {
            let points = source.points(basis)?;
            require_points(&points, 1 << source.k())?;
            Ok(compute.bases(points)?)
        };
        Ok(Setup {
            k: source.k(),
            points: Points::Held {
                monomial: read(Basis::Monomial)?,
                lagrange: read(Basis::Lagrange)?,
            },
        })
    }

    /// Of a source whose points are read whenever a step commits, and kept no longer.
    pub fn streamed(source: Arc<dyn PointSource>) -> Self {
        Setup {
            k: source.k(),
            points: Points::Read(source),
        }
    }

    /// From halo2's parameters.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_halo2<C: Compute<Bases = B>>(
        compute: &C,
        params: &ParamsKZG<Bn256>,
    ) -> Result<Self> {
        Self::from_source(compute, params)
    }

    /// log2 of the number of points.
    pub fn k(&self) -> u32 {
        self.k
    }

    /// A basis, to commit with.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn basis<C: Compute<Bases = B>>(
        &self,
        compute: &C,
        basis: Basis,
    ) -> Result<Lent<'_, B>> {
        match (&self.points, basis) {
            (Points::Held { monomial, .. }, Basis::Monomial) => Ok(Lent::Held(monomial)),
            (Points::Held { lagrange, .. }, Basis::Lagrange) => Ok(Lent::Held(lagrange)),
            (Points::Read(source), _) => {
                let points = source.points(basis)?;
                require_points(&points, 1 << self.k)?;
                Ok(Lent::Made(compute.bases(points)?))
            }
        }
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

fn require_points(points: &[G1Affine], expected: usize) -> Result<()> {
    if points.len() == expected {
        return Ok(());
    }
    Err(PlonkError::Mismatch {
        what: "points of a basis of the setup",
        expected,
        got: points.len(),
    })
}

impl PointSource for ParamsKZG<Bn256> {
    fn k(&self) -> u32 {
        self.get_g().len().ilog2()
    }

    fn points(&self, basis: Basis) -> Result<Vec<G1Affine>> {
        if basis == Basis::Monomial {
            return Ok(self.get_g().to_vec());
        }
        let wanted = self.get_g().len();
        let mut written = Written {
            skip: HEAD + wanted * POINT,
            wanted,
            pending: Vec::new(),
            points: Vec::with_capacity(wanted),
        };
        self.write_custom(&mut written, SerdeFormat::RawBytesUnchecked)?;
        Ok(written.points)
    }
}

/// In front of the points: k.
const HEAD: usize = 4;
const POINT: usize = 64;

/// Collects the points in the Lagrange basis from what halo2 writes, which has no other way to them.
struct Written {
    skip: usize,
    wanted: usize,
    pending: Vec<u8>,
    points: Vec<G1Affine>,
}

impl Write for Written {
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
