//! Points of a setup in a file of the cache: checked once, and read whenever they are asked for.

use super::{chain::Chain, lagrange::Weights, spec::describe, store::MAGIC};
use crate::{
    error::{EngineError, Result},
    sealed,
};
use chainfer_compute::scalar::root_of_unity;
use chainfer_formats::{B256, SrsSpec};
use chainfer_plonk::{Basis, PlonkError, PointSource};
use halo2curves::{
    bn256::{Fr, G1, G1Affine, G2Affine},
    ff::Field,
    group::{Group as _, prime::PrimeCurveAffine as _},
    serde::SerdeObject as _,
};
use rand::rngs::OsRng;
use rayon::prelude::*;
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// Flag and size before the powers.
const HEAD: u64 = 1 + 4;
const POINT: usize = 64;
/// Points that are read at a time.
const PART: usize = 1 << 15;

/// What a file says of its setup.
pub(super) struct Found {
    pub(super) tau_g2: G2Affine,
    spec: SrsSpec,
    file: File,
    hashes: [blake3::Hash; 2],
}

/// Reads a file of the cache once, and shows its points, part by part, before it is checked. With `all`, the points have to be the powers of
/// one tau and their Lagrange basis.
pub(super) fn scan(
    path: &Path,
    (k, digest): (u32, B256),
    all: bool,
    mut show: impl FnMut(Basis, &[G1Affine]),
) -> Result<Found> {
    let name = path.display().to_string();
    let refuse = |what: &str| {
        EngineError::malformed(
            name.as_str(),
            format!("{what}; remove the file and import the setup again"),
        )
    };
    // insecure flag, k, two bases of 64-byte points, two 128-byte points
    let expected = HEAD + (2u64 << k) * POINT as u64 + 256;
    let mut file = sealed::read(path, &MAGIC, expected)?;
    if file.left() != expected {
        let what = format!("not an SRS with 2^{k} powers");
        return Err(EngineError::malformed(name.as_str(), what));
    }
    let mut head = [0u8; HEAD as usize];
    file.fill(&mut head)?;
    if head[1..] != k.to_le_bytes() {
        let what = "the size field does not fit the file";
        return Err(EngineError::malformed(name.as_str(), what));
    }
    let n = 1usize << k;
    let rho = Fr::random(OsRng);
    let mut chain = Chain::new(rho);
    let mut weights = Weights::new(k, root_of_unity(k), rho);
    let mut of_basis = G1::identity();
    let mut tau_g1 = G1Affine::identity();
    let mut hashers = [blake3::Hasher::new(), blake3::Hasher::new()];
    for (basis, hasher) in [Basis::Monomial, Basis::Lagrange]
        .into_iter()
        .zip(&mut hashers)
    {
        for at in (0..n).step_by(PART) {
            let mut bytes = vec![0u8; POINT * PART.min(n - at)];
            file.fill(&mut bytes)?;
            hasher.update(&bytes);
            let points = parse(&bytes).ok_or_else(|| refuse(OFF_CURVE))?;
            if (basis, at) == (Basis::Monomial, 0) {
                tau_g1 = points.get(1).copied().unwrap_or(tau_g1);
            }
            match basis {
                _ if !all => {}
                Basis::Monomial => chain.add(at as u64, &points),
                Basis::Lagrange => of_basis += weights.combine(&points),
            }
            show(basis, &points);
        }
    }
    let mut g2 = [[0u8; 128]; 2];
    for point in &mut g2 {
        file.fill(point)?;
    }
    let tau_g2 = G2Affine::from_raw_bytes(&g2[1]).ok_or_else(|| refuse(OFF_CURVE))?;
    let file = file.finish()?;
    if all && (chain.first != G1Affine::generator() || !chain.is_of(&tau_g2)) {
        return Err(refuse("its points are not powers of one tau"));
    }
    if all && of_basis != chain.sum() {
        return Err(refuse("its Lagrange basis is not that of its powers"));
    }
    let spec = describe(tau_g1, tau_g2)?;
    if spec.insecure != (head[0] != 0) {
        let what = "it does not say what setup it is";
        return Err(EngineError::malformed(name.as_str(), what));
    }
    if spec.digest != digest {
        return Err(EngineError::DigestMismatch {
            what: name,
            expected: digest,
            got: spec.digest,
        });
    }
    Ok(Found {
        tau_g2,
        spec,
        file,
        hashes: hashers.map(|hasher| hasher.finalize()),
    })
}

const OFF_CURVE: &str = "a point is not on the curve";

/// Points, of which each must be on the curve.
fn parse(bytes: &[u8]) -> Option<Vec<G1Affine>> {
    bytes
        .par_chunks_exact(POINT)
        .map(G1Affine::from_raw_bytes)
        .collect()
}

/// The points of a file of the cache.
#[derive(Debug)]
pub(crate) struct StoredPoints {
    path: PathBuf,
    parts: sealed::Parts,
    k: u32,
    spec: SrsSpec,
    /// Of both bases, as they were checked.
    hashes: [blake3::Hash; 2],
}

impl StoredPoints {
    /// Checks a file, and keeps it open.
    pub(super) fn open(path: &Path, of: (u32, B256), all: bool) -> Result<Self> {
        let found = scan(path, of, all, |_, _| ())?;
        Ok(StoredPoints {
            path: path.to_owned(),
            parts: sealed::Parts::new(found.file),
            k: of.0,
            spec: found.spec,
            hashes: found.hashes,
        })
    }

    /// The setup's description.
    pub(super) fn spec(&self) -> &SrsSpec {
        &self.spec
    }
}

impl PointSource for StoredPoints {
    fn k(&self) -> u32 {
        self.k
    }

    fn points(&self, basis: Basis) -> Result<Vec<G1Affine>, PlonkError> {
        let refuse = |what: &str| PlonkError::Load(format!("{}: {what}", self.path.display()));
        let n = 1usize << self.k;
        let [monomial, lagrange] = &self.hashes;
        let (first, expected) = match basis {
            Basis::Monomial => (0, monomial),
            Basis::Lagrange => (n, lagrange),
        };
        let mut hasher = blake3::Hasher::new();
        let mut points = Vec::with_capacity(n);
        for at in (0..n).step_by(PART) {
            let mut bytes = vec![0u8; POINT * PART.min(n - at)];
            let from = HEAD + ((first + at) * POINT) as u64;
            self.parts
                .fill(&mut bytes, from)
                .map_err(|error| refuse(&error.to_string()))?;
            hasher.update(&bytes);
            points.extend(parse(&bytes).ok_or_else(|| refuse(OFF_CURVE))?);
        }
        if hasher.finalize() != *expected {
            return Err(refuse("it has been changed since it was opened"));
        }
        Ok(points)
    }
}
