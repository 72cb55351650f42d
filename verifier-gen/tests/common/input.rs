//! What a verifier is given: a proof and public inputs, canonical or not.

use std::fmt::{self, Display, Formatter};

use halo2_proofs::{
    dev::MockProver,
    plonk::{ProvingKey, VerifyingKey},
    poly::kzg::commitment::ParamsKZG,
};
use halo2curves::{
    bn256::{Bn256, Fr, G1Affine},
    ff::PrimeField,
};
use sha3::{Digest, Keccak256};

use super::{
    circuits::Example,
    prove::{keys, params, prove, word},
};

/// A proof and public inputs as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) proof: Vec<u8>,
    pub(crate) instances: Vec<[u8; 32]>,
}

impl Input {
    pub(crate) fn new(proof: Vec<u8>, instances: &[Vec<Fr>]) -> Self {
        let instances = instances.iter().flatten().map(word).collect();
        Self { proof, instances }
    }

    /// Public inputs column by column, if each is below r and there are as many as there should be.
    pub(crate) fn canonical_instances(&self, lengths: &[usize]) -> Option<Vec<Vec<Fr>>> {
        if self.instances.len() != lengths.iter().sum::<usize>() {
            return None;
        }
        let mut values = self.instances.iter().map(|word| {
            let mut repr = *word;
            repr.reverse();
            Option::<Fr>::from(Fr::from_repr(repr))
        });
        lengths
            .iter()
            .map(|len| values.by_ref().take(*len).collect())
            .collect()
    }

    /// The canonical encoding of a call: a key, if the verifier takes one, the proof and public inputs.
    pub(crate) fn calldata(&self, signature: &str, key: Option<&[u8]>) -> Vec<u8> {
        let mut calldata = Keccak256::digest(signature)[..4].to_vec();
        let strings: Vec<&[u8]> = key.into_iter().chain([self.proof.as_slice()]).collect();
        let mut offset = 32 * (strings.len() + 1);
        let padded = |string: &[u8]| string.len().next_multiple_of(32);
        for string in &strings {
            calldata.extend(number(offset));
            offset += 32 + padded(string);
        }
        calldata.extend(number(offset));
        for string in &strings {
            calldata.extend(number(string.len()));
            let end = calldata.len() + padded(string);
            calldata.extend(*string);
            calldata.resize(end, 0);
        }
        calldata.extend(number(self.instances.len()));
        calldata.extend(self.instances.concat());
        calldata
    }
}

impl Display for Input {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "proof {}", hex::encode(&self.proof))?;
        write!(f, "instances {}", hex::encode(self.instances.concat()))
    }
}

/// A small number as a word.
pub(crate) fn number(value: usize) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&(value as u64).to_be_bytes());
    word
}

/// Where points and scalars lie in the proofs of a key: points, then scalars, then the opening's two points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProofShape {
    pub(crate) len: usize,
    pub(crate) scalars: usize,
}

impl ProofShape {
    fn new(vk: &VerifyingKey<G1Affine>, len: usize) -> Self {
        let cs = vk.cs();
        let permuted = cs.permutation().get_columns().len();
        let sets = permuted.div_ceil(cs.degree() - 2);
        let permutation = permuted + (3 * sets).saturating_sub(1);
        let queries = cs.advice_queries().len() + cs.fixed_queries().len();
        Self {
            len,
            scalars: queries + 1 + permutation + 5 * cs.lookups().len(),
        }
    }

    /// Words of the proof that are scalars.
    pub(crate) fn scalar_words(&self) -> std::ops::Range<usize> {
        let end = self.len / 32 - 4;
        end - self.scalars..end
    }

    /// The word at which each point of the proof starts.
    pub(crate) fn point_words(&self) -> Vec<usize> {
        let scalars = self.scalar_words();
        (0..scalars.start)
            .step_by(2)
            .chain([scalars.end, scalars.end + 2])
            .collect()
    }
}

/// A verifying key as the generators take it.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    /// Name of the contract.
    pub(crate) name: &'a str,
    pub(crate) vk: &'a VerifyingKey<G1Affine>,
    pub(crate) params: &'a ParamsKZG<Bn256>,
    /// Public inputs of each instance column.
    pub(crate) lengths: &'a [usize],
}

/// A circuit, its key and an honest proof.
pub(crate) struct Fixture<E> {
    circuit: E,
    pub(crate) pk: ProvingKey<G1Affine>,
    pub(crate) lengths: Vec<usize>,
    pub(crate) instances: Vec<Vec<Fr>>,
    pub(crate) honest: Input,
    pub(crate) shape: ProofShape,
}

impl<E: Example> Fixture<E> {
    pub(crate) fn new() -> Self {
        Self::of(E::example())
    }

    pub(crate) fn of(circuit: E) -> Self {
        let instances = circuit.instances();
        MockProver::run(E::K, &circuit, instances.clone())
            .unwrap()
            .assert_satisfied();
        let pk = keys(E::K, &circuit, E::COMPRESS_SELECTORS);
        let proof = prove(&pk, circuit.clone(), &instances, 2);
        Self {
            lengths: instances.iter().map(Vec::len).collect(),
            shape: ProofShape::new(pk.get_vk(), proof.len()),
            honest: Input::new(proof, &instances),
            circuit,
            pk,
            instances,
        }
    }

    /// Another honest proof of the same statement.
    pub(crate) fn prove(&self, seed: u64) -> Input {
        let proof = prove(&self.pk, self.circuit.clone(), &self.instances, seed);
        Input::new(proof, &self.instances)
    }

    pub(crate) fn vk(&self) -> &VerifyingKey<G1Affine> {
        self.pk.get_vk()
    }

    pub(crate) fn key(&self) -> Key<'_> {
        Key {
            name: E::NAME,
            vk: self.vk(),
            params: params(E::K),
            lengths: &self.lengths,
        }
    }
}
