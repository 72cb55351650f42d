//! The structured reference string: powers of a secret tau in the group.
//!
//! [`Srs::development`] makes one whose tau is public (a hash of a constant), the same on every machine: anybody can
//! forge proofs under it, so it is named insecure everywhere and serves local chains and tests alone.
//! [`import`] reads the setups of real ceremonies. [`SrsStore`] caches every SRS by digest and size.

mod affine;
mod chain;
mod fixed_base;
mod glv;
pub mod import;
mod lagrange;
mod prover;
mod spec;
mod store;
mod stored;
mod weighted_sums;

pub use prover::ProverSetup;
pub use spec::{validate, validate_known, verifier_params};
pub use store::{CachedSrs, Imported, ImportedSize, SourceRecord, SrsStore};

use crate::error::{EngineError, Result};
use chainfer_compute::{
    backend::Cpu,
    msm::Bases,
    scalar::{powers, root_of_unity},
};
use chainfer_formats::{B256, SrsSpec, digest::keccak256};
use chainfer_plonk::{PlonkError, Setup};
use fixed_base::GeneratorTable;
use halo2_proofs::poly::{commitment::Params, kzg::commitment::ParamsKZG};
use halo2curves::{
    bn256::{Bn256, Fr, G1Affine, G2Affine},
    ff::{BatchInvert, Field, FromUniformBytes},
    group::Curve,
};
use rand::{SeedableRng, rngs::StdRng};
use spec::describe;
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// KZG parameters over BN254.
pub type KzgParams = ParamsKZG<Bn256>;

/// Largest log2 of the number of powers that this crate makes or reads.
pub const MAX_K: u32 = 26;

const DEVELOPMENT_SEED: &[u8] = b"chainfer INSECURE development SRS, tau is public, version 1";

/// An SRS with its identity.
#[derive(Clone)]
pub struct Srs {
    params: Arc<KzgParams>,
    spec: SrsSpec,
    /// The points as the prover takes them, once they are asked for.
    setup: Arc<OnceLock<Arc<Setup<Bases>>>>,
}

impl fmt::Debug for Srs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srs")
            .field("k", &self.k())
            .field("spec", &self.spec)
            .finish()
    }
}

impl Srs {
    /// The insecure development SRS with 2^k powers.
    ///
    /// # Errors
    /// `k` is 0 or above [`MAX_K`].
    pub fn development(k: u32) -> Result<Self> {
        if !(1..=MAX_K).contains(&k) {
            return Err(EngineError::malformed(
                "SRS size",
                format!("k is {k}, allowed 1 to {MAX_K}"),
            ));
        }
        let span = tracing::info_span!("srs_development", k);
        let _entered = span.enter();
        let tau = development_tau();
        let n = 1usize << k;
        let table = GeneratorTable::new();
        let g = table.multiply(&powers(tau, n));
        let g_lagrange = table.multiply(&lagrange_at(tau, k));
        let params = assemble(k, g, g_lagrange, development_tau_g2());
        Self::from_params(params)
    }

    /// Takes parameters made elsewhere.
    ///
    /// # Errors
    /// The parameters' powers in G1 and G2 are not of one tau (first powers only; an import checks them all).
    pub fn from_params(params: KzgParams) -> Result<Self> {
        let tau_g1 = params
            .get_powers()
            .get(1)
            .copied()
            .ok_or_else(|| EngineError::malformed("SRS", "fewer than two powers"))?;
        let spec = describe(tau_g1, params.s_g2())?;
        Ok(Self {
            params: Arc::new(params),
            spec,
            setup: Arc::default(),
        })
    }

    /// The powers of tau, as halo2 takes them.
    pub fn params(&self) -> &KzgParams {
        &self.params
    }

    /// The back end that works with [`setup`](Self::setup).
    pub fn cpu(&self) -> Cpu {
        Cpu::detect()
    }

    /// The powers of tau, as the prover takes them.
    ///
    /// # Errors
    /// The back end fails.
    pub fn setup(&self) -> Result<Arc<Setup<Bases>>, PlonkError> {
        if let Some(setup) = self.setup.get() {
            return Ok(Arc::clone(setup));
        }
        let made = Arc::new(Setup::from_halo2(&self.cpu(), &self.params)?);
        Ok(Arc::clone(self.setup.get_or_init(|| made)))
    }

    /// log2 of the number of powers.
    pub fn k(&self) -> u32 {
        self.params.k()
    }

    /// Identity of the setup; the same for every size of it.
    pub fn digest(&self) -> B256 {
        self.spec.digest
    }

    /// What a verifier needs of it.
    pub fn spec(&self) -> &SrsSpec {
        &self.spec
    }

    /// The same setup with fewer powers.
    ///
    /// # Errors
    /// It has fewer than 2^k powers.
    pub fn downsize(&self, k: u32) -> Result<Self> {
        if k > self.k() || k == 0 {
            return Err(EngineError::malformed(
                "SRS size",
                format!("2^{k} powers asked for, the SRS has 2^{}", self.k()),
            ));
        }
        if k == self.k() {
            return Ok(self.clone());
        }
        let powers = self
            .params
            .get_powers()
            .get(..1 << k)
            .unwrap_or_default()
            .to_vec();
        let basis = lagrange::from_powers(&powers);
        Ok(Self {
            params: Arc::new(assemble(k, powers, basis, self.params.s_g2())),
            spec: self.spec.clone(),
            setup: Arc::default(),
        })
    }
}

/// halo2's trait for the powers is generic over the curve; this names what it returns.
trait Powers {
    fn get_powers(&self) -> &[G1Affine];
}

impl Powers for KzgParams {
    fn get_powers(&self) -> &[G1Affine] {
        halo2_proofs::poly::commitment::ParamsProver::get_g(self)
    }
}

fn development_tau() -> Fr {
    let mut wide = [0u8; 64];
    for (i, half) in wide.chunks_exact_mut(32).enumerate() {
        half.copy_from_slice(&keccak256(&[DEVELOPMENT_SEED, &[i as u8]]).0);
    }
    Fr::from_uniform_bytes(&wide)
}

/// tau of the development setup in G2.
fn development_tau_g2() -> G2Affine {
    (G2Affine::generator() * development_tau()).to_affine()
}

/// `L_i(tau)` for the domain of 2^k: `omega^i (tau^n - 1) / (n (tau - omega^i))`.
fn lagrange_at(tau: Fr, k: u32) -> Vec<Fr> {
    let n = 1usize << k;
    let roots = powers(root_of_unity(k), n);
    let mut values: Vec<Fr> = roots.iter().map(|root| tau - root).collect();
    // tau is a fixed hash and no root of unity, so no difference vanishes.
    values.iter_mut().batch_invert();
    let size = Fr::from(n as u64).invert().unwrap_or(Fr::ZERO);
    let scale = (tau.pow_vartime([n as u64]) - Fr::ONE) * size;
    for (value, root) in values.iter_mut().zip(&roots) {
        *value *= scale * root;
    }
    values
}

/// Parameters from their parts. An empty `g_lagrange` serves verification only.
fn assemble(k: u32, g: Vec<G1Affine>, g_lagrange: Vec<G1Affine>, s_g2: G2Affine) -> KzgParams {
    // `from_parts` is a method that ignores its receiver.
    static RECEIVER: OnceLock<KzgParams> = OnceLock::new();
    RECEIVER
        .get_or_init(|| KzgParams::setup(1, StdRng::seed_from_u64(0)))
        .from_parts(k, g, Some(g_lagrange), G2Affine::generator(), s_g2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::arithmetic::g_to_lagrange;
    use halo2curves::group::prime::PrimeCurveAffine;

    #[test]
    fn development_powers_follow_tau_and_lagrange_follows_powers() {
        let srs = Srs::development(5).unwrap();
        let tau = development_tau();
        let g = srs.params.get_powers();
        assert_eq!(g.len(), 32);
        for pair in g.windows(2) {
            assert_eq!((pair[0] * tau).to_affine(), pair[1]);
        }
        let lagrange = g_to_lagrange(g.iter().map(|p| p.to_curve()).collect(), 5);
        let mut bytes = Vec::new();
        srs.params.write(&mut bytes).unwrap();
        let mut expected = Vec::new();
        assemble(5, g.to_vec(), lagrange, srs.params.s_g2())
            .write(&mut expected)
            .unwrap();
        assert!(bytes == expected);
    }

    #[test]
    fn digest_of_every_size_is_the_development_digest() {
        let digest = chainfer_formats::srs::DEVELOPMENT_DIGEST;
        assert_eq!(Srs::development(3).unwrap().digest(), digest);
        assert_eq!(
            Srs::development(4).unwrap().downsize(2).unwrap().digest(),
            digest
        );
        assert_eq!(
            digest.to_string(),
            "0xa0765eab0168fc1e68c5b904af315320bdba19d9b12c032bc49d70f4e6b0c53c"
        );
    }

    #[test]
    fn development_size_out_of_bounds_is_refused() {
        assert!(Srs::development(0).is_err());
        assert!(Srs::development(MAX_K + 1).is_err());
        assert!(Srs::development(2).unwrap().downsize(3).is_err());
    }
}
