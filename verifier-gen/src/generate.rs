//! The pipeline from end to end: a verifying key becomes a contract.

use halo2_proofs::{plonk::VerifyingKey, poly::kzg::commitment::ParamsKZG};
use halo2curves::bn256::{Bn256, G1Affine};
use sha3::{Digest, Keccak256};

use crate::{
    contract::{
        abi,
        calldata::Entry,
        key::{Key, KeyContract},
        limits::CODE_LIMIT,
        shape::Shape,
        verifier::Verifier,
    },
    error::GenerateError,
    options::{GeneratorOptions, Mode},
    protocol::Protocol,
};

/// A verifier's source and what is known about it before it is compiled.
#[derive(Clone, Debug)]
pub struct GeneratedVerifier {
    /// Solidity source without imports, for solc 0.8.24 and later.
    pub solidity: String,
    /// Name of the contract in it.
    pub contract_name: String,
    /// Where the contract finds the verifying key.
    pub mode: Mode,
    /// The contract's interface as standard ABI JSON.
    pub abi: String,
    /// Identifies the constraint system and the version of this generator: equal for any two keys that one shared verifier serves,
    /// whatever their numbers of rows and public inputs. Keccak-256 of the shared source under the name `Halo2Verifier`, with zero in place
    /// of this id, so that keys fit one [`CodeStyle`](crate::CodeStyle) only: a verifier of another style refuses them.
    pub shape_id: [u8; 32],
    /// The key, for a shared verifier.
    pub key: Option<KeyContract>,
    /// Bytes of a proof.
    pub proof_len: usize,
    /// Public inputs over all instance columns.
    pub num_instances: usize,
    /// Points that the contract multiplies by a scalar, each about 6,400 gas.
    pub scaled_commitments: usize,
    /// Multiplications and additions of the field arithmetic.
    pub instructions: usize,
    /// Whether the arithmetic is interpreted.
    pub interpreted: bool,
    /// Gas of a transaction that calls `verifyProof`, calldata and base cost included: at most 12 % above what is used.
    pub gas_estimate: u64,
    /// Estimated bytes of runtime code: an upper bound with the optimizer on.
    pub code_size_estimate: usize,
}

impl GeneratedVerifier {
    /// Calldata of an entry point; `key` is the bytes of a key.
    ///
    /// # Errors
    /// A shared verifier needs a key, an embedded one takes none.
    pub fn encode_calldata(
        &self,
        entry: Entry,
        key: Option<&[u8]>,
        proof: &[u8],
        instances: &[halo2curves::bn256::Fr],
    ) -> Result<Vec<u8>, GenerateError> {
        match (self.mode, key) {
            (Mode::Embedded, None) => Ok(entry.encode(proof, instances)),
            (Mode::Shared, Some(key)) => Ok(entry.encode_shared(key, proof, instances)),
            (mode, _) => Err(GenerateError::KeyArgument { mode }),
        }
    }
}

/// Generates the verifier of `vk`, or of all keys with its constraint system.
///
/// `num_instances` gives the number of public inputs of each instance column: halo2's transcript does not absorb lengths, so
/// an embedded verifier fixes them, and a shared one takes them from the key. `params` gives the setup's points; only its first power and its G2 part are read.
///
/// # Errors
/// See [`GenerateError`]; all of them are properties of the circuit or of the options.
pub fn generate(
    vk: &VerifyingKey<G1Affine>,
    params: &ParamsKZG<Bn256>,
    num_instances: &[usize],
    options: &GeneratorOptions,
) -> Result<GeneratedVerifier, GenerateError> {
    if let Some(name) = &options.contract_name
        && !is_identifier(name)
    {
        return Err(GenerateError::ContractName(name.clone()));
    }
    let protocol = Protocol::new(vk, num_instances)?;
    let key = Key::new(vk, &protocol, params);
    let mut shape = Shape::new(vk, &protocol, &key, Mode::Shared)?;
    let shared = Verifier::new(&shape, options.code)?;
    let source = shared.source(&shape, "Halo2Verifier", &[0; 32]);
    let shape_id: [u8; 32] = Keccak256::digest(&source).into();
    let default_name = match options.mode {
        Mode::Embedded => "Halo2Verifier".to_owned(),
        Mode::Shared => format!("Halo2Verifier{}", hex::encode(&shape_id[..4])),
    };
    let contract_name = options.contract_name.clone().unwrap_or(default_name);
    let verifier = match options.mode {
        Mode::Shared => shared,
        Mode::Embedded => {
            shape = Shape::new(vk, &protocol, &key, Mode::Embedded)?;
            Verifier::new(&shape, options.code)?
        }
    };
    if verifier.code_size > CODE_LIMIT {
        return Err(GenerateError::CodeTooLarge {
            bytes: verifier.code_size,
            limit: CODE_LIMIT,
        });
    }
    tracing::debug!(
        name = contract_name,
        mode = ?options.mode,
        interpreted = verifier.is_interpreted(),
        multiplications = verifier.folding.multiplications,
        code = verifier.code_size,
        "generated a verifier"
    );
    Ok(GeneratedVerifier {
        solidity: verifier.source(&shape, &contract_name, &shape_id),
        contract_name,
        mode: options.mode,
        abi: abi::json(options.mode, verifier.carries_data()),
        shape_id,
        key: match options.mode {
            Mode::Shared => Some(KeyContract::new(&key, &shape_id)?),
            Mode::Embedded => None,
        },
        proof_len: protocol.proof_len(),
        num_instances: protocol.total_instances(),
        scaled_commitments: verifier.folding.multiplications,
        instructions: verifier.instructions,
        interpreted: verifier.is_interpreted(),
        gas_estimate: verifier.gas,
        code_size_estimate: verifier.code_size,
    })
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::numbers::MAX_K,
        options::CodeStyle,
        testing::{K, key, params, params_of},
    };
    use halo2curves::{
        bn256::Fr,
        ff::{Field, PrimeField},
    };

    #[test]
    fn shared_source_does_not_depend_on_the_key() {
        let params = params();
        let [one, other] = [[1, 2, 3], [4, 5, 6]].map(|weights| {
            let vk = key(&params, &weights);
            let embedded = generate(&vk, &params, &[3], &GeneratorOptions::new("V")).unwrap();
            let shared = generate(&vk, &params, &[3], &GeneratorOptions::shared()).unwrap();
            assert_eq!(embedded.shape_id, shared.shape_id);
            (embedded, shared)
        });
        assert_eq!(one.1.solidity, other.1.solidity);
        assert_eq!(one.1.contract_name, other.1.contract_name);
        assert_eq!(
            one.1.contract_name,
            format!("Halo2Verifier{}", hex::encode(&one.1.shape_id[..4]))
        );
        assert_ne!(one.0.solidity, other.0.solidity);
        let keys = [&one.1, &other.1].map(|verifier| verifier.key.clone().unwrap());
        assert_ne!(keys[0].code_hash, keys[1].code_hash);
    }

    /// k and the number of public inputs are data of the key: sources, ids and estimates of size are the same, in every code style.
    #[test]
    fn shared_source_does_not_depend_on_rows_and_public_inputs() {
        for code in [CodeStyle::Auto, CodeStyle::Inline, CodeStyle::Interpreted] {
            let options = GeneratorOptions::shared().with_code(code);
            let made = [(K, 0), (K, 1), (K, 400), (K - 2, 3), (K + 1, 3)].map(|(k, len)| {
                let params = params_of(k);
                generate(&key(&params, &[1, 2, 3]), &params, &[len], &options).unwrap()
            });
            let first = &made[0];
            for (i, other) in made.iter().enumerate().skip(1) {
                assert_eq!(first.solidity, other.solidity, "{code:?}");
                assert_eq!(first.shape_id, other.shape_id);
                assert_eq!(first.contract_name, other.contract_name);
                assert_eq!(first.code_size_estimate, other.code_size_estimate);
                let hashes = made[..i]
                    .iter()
                    .map(|made| made.key.as_ref().unwrap().code_hash);
                let hash = other.key.as_ref().unwrap().code_hash;
                assert!(hashes.into_iter().all(|known| known != hash));
            }
        }
    }

    /// halo2's own root of unity is the one that a shared verifier comes to.
    #[test]
    fn domain_s_root_follows_from_the_number_of_rows() {
        for k in [K - 2, K] {
            let params = params_of(k);
            let omega = key(&params, &[1]).get_domain().get_omega();
            let squared = Fr::ROOT_OF_UNITY.pow_vartime([1 << (Fr::S - k)]);
            assert_eq!((omega, Fr::S), (squared, MAX_K));
        }
    }

    #[test]
    fn embedded_key_leaves_out_zero_and_folds_equal_columns_once() {
        let params = params();
        let vk = key(&params, &[1, 2, 3]);
        let embedded = generate(&vk, &params, &[3], &GeneratorOptions::new("V")).unwrap();
        let shared = generate(&vk, &params, &[3], &GeneratorOptions::shared()).unwrap();
        assert_eq!(embedded.scaled_commitments + 2, shared.scaled_commitments);
    }

    #[test]
    fn code_style_is_the_one_that_was_asked_for() {
        let params = params();
        let vk = key(&params, &[1]);
        for (code, interpreted) in [
            (CodeStyle::Auto, false),
            (CodeStyle::Inline, false),
            (CodeStyle::Interpreted, true),
        ] {
            let options = GeneratorOptions::shared().with_code(code);
            let verifier = generate(&vk, &params, &[3], &options).unwrap();
            assert_eq!(verifier.interpreted, interpreted);
            assert_eq!(verifier.solidity.contains("function run("), interpreted);
        }
    }

    #[test]
    fn calldata_needs_a_key_in_shared_mode_alone() {
        let params = params();
        let vk = key(&params, &[1]);
        let embedded = generate(&vk, &params, &[0], &GeneratorOptions::new("V")).unwrap();
        let shared = generate(&vk, &params, &[0], &GeneratorOptions::shared()).unwrap();
        let call = |verifier: &GeneratedVerifier, key: Option<&[u8]>| {
            verifier.encode_calldata(Entry::Verify, key, &[], &[])
        };
        assert!(call(&embedded, None).is_ok());
        assert!(call(&shared, Some(&[1; 20])).is_ok());
        assert_eq!(
            call(&embedded, Some(&[1; 20])),
            Err(GenerateError::KeyArgument {
                mode: Mode::Embedded
            })
        );
        assert_eq!(
            call(&shared, None),
            Err(GenerateError::KeyArgument { mode: Mode::Shared })
        );
    }
}
