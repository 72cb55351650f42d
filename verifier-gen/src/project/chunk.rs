//! One chunk of a project.

use halo2_proofs::plonk::VerifyingKey;
use halo2curves::bn256::{Fr, G1Affine};

use super::error::ProjectError;
use crate::{contract::key::KeyContract, protocol::Protocol};

/// A proof and its public inputs, column after column.
#[derive(Clone, Copy, Debug)]
pub struct ChunkProof<'a> {
    /// What the transcript wrote.
    pub proof: &'a [u8],
    /// Public inputs.
    pub instances: &'a [Fr],
}

/// A shared verifier, the key of one chunk and, for tests, a proof that it accepts.
#[derive(Clone, Debug)]
pub struct ProjectChunk {
    pub(super) contract: String,
    pub(super) solidity: String,
    pub(super) key_creation: Vec<u8>,
    pub(super) key_code_hash: [u8; 32],
    pub(super) proof_len: usize,
    pub(super) num_instances: usize,
    /// Scalars of a proof; all else are points.
    pub(super) num_scalars: usize,
    pub(super) proof: Option<Proof>,
}

/// As [`ChunkProof`], owned.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    pub(super) bytes: Vec<u8>,
    pub(super) instances: Vec<Fr>,
}

impl ProjectChunk {
    /// The chunk of `vk`, with what [`generate`](crate::generate) made for it in shared mode and for these numbers of public
    /// inputs: the verifier's name and source, and the key.
    ///
    /// # Errors
    /// No verifier is generated for such a key.
    pub fn new(
        vk: &VerifyingKey<G1Affine>,
        num_instances: &[usize],
        contract: &str,
        solidity: &str,
        key: &KeyContract,
    ) -> Result<Self, ProjectError> {
        let protocol = Protocol::new(vk, num_instances)?;
        Ok(Self {
            contract: contract.to_owned(),
            solidity: solidity.to_owned(),
            key_creation: key.creation.clone(),
            key_code_hash: key.code_hash,
            proof_len: protocol.proof_len(),
            num_instances: protocol.total_instances(),
            num_scalars: protocol.num_scalars,
            proof: None,
        })
    }

    /// Adds the proof that the tests start from. Whether it holds is for the caller to check.
    ///
    /// # Errors
    /// It does not have the lengths that the verifier takes.
    pub fn with_proof(mut self, proof: ChunkProof<'_>) -> Result<Self, ProjectError> {
        if proof.proof.len() != self.proof_len {
            return Err(ProjectError::ProofLength {
                name: self.contract,
                expected: self.proof_len,
                got: proof.proof.len(),
            });
        }
        if proof.instances.len() != self.num_instances {
            return Err(ProjectError::InstanceCount {
                name: self.contract,
                expected: self.num_instances,
                got: proof.instances.len(),
            });
        }
        self.proof = Some(Proof {
            bytes: proof.proof.to_vec(),
            instances: proof.instances.to_vec(),
        });
        Ok(self)
    }
}
