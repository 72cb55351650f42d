//! The verifiers under comparison. A further way to call our contracts is one more entry of [`ours`].

use chainfer_verifier_gen::{CodeStyle, Entry, GeneratedVerifier, GeneratorOptions, generate};
use halo2_proofs::plonk::VerifyingKey;
use halo2curves::{
    bn256::{Bn256, G1Affine, G2Affine},
    pairing::Engine,
};
use revm::primitives::Address;
use sha3::{Digest, Keccak256};

use super::{
    evm::{Evm, GAS_LIMIT, Outcome, Transaction},
    input::{Input, Key, number},
    mutate::decode_point,
    prove::verify_native,
    snark::snark_verifier_source,
    solc::{Code, Settings, compile},
};

/// What a verifier says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepts,
    Rejects,
    /// Neither: an answer that no verifier may give.
    Breaks(String),
}

/// A verifier of one key.
pub(crate) trait Target: Sync {
    fn name(&self) -> String;
    fn judge(&self, input: &Input) -> Verdict;
}

/// halo2's own verifier, behind strict parsing.
pub(crate) struct Native {
    vk: VerifyingKey<G1Affine>,
    lengths: Vec<usize>,
}

impl Native {
    pub(crate) fn new(key: &Key<'_>) -> Self {
        Self {
            vk: key.vk.clone(),
            lengths: key.lengths.to_vec(),
        }
    }
}

impl Target for Native {
    fn name(&self) -> String {
        "halo2".into()
    }

    fn judge(&self, input: &Input) -> Verdict {
        match input.canonical_instances(&self.lengths) {
            Some(instances) if verify_native(&self.vk, &input.proof, &instances).0 => {
                Verdict::Accepts
            }
            _ => Verdict::Rejects,
        }
    }
}

/// snark-verifier's contract.
pub(crate) struct EvmLoader {
    pub(crate) evm: Evm,
    pub(crate) at: Address,
    pub(crate) code: Code,
    pub(crate) deployment_gas: u64,
}

impl EvmLoader {
    pub(crate) fn new(key: &Key<'_>) -> Self {
        let source = snark_verifier_source(key.params, key.vk, key.lengths.to_vec());
        let code = compile(&source, "Halo2Verifier", Settings::FOREIGN);
        let mut evm = Evm::new();
        let (at, deployment_gas) = evm.create(&code.deployment);
        Self {
            evm,
            at,
            code,
            deployment_gas,
        }
    }

    pub(crate) fn calldata(input: &Input) -> Vec<u8> {
        [input.instances.concat(), input.proof.clone()].concat()
    }

    pub(crate) fn execute(&self, input: &Input) -> (Outcome, u64) {
        let tx = Transaction::new(self.at, Self::calldata(input));
        self.evm.execute(&tx, &[])
    }
}

impl Target for EvmLoader {
    fn name(&self) -> String {
        "EvmLoader".into()
    }

    fn judge(&self, input: &Input) -> Verdict {
        match self.execute(input).0 {
            Outcome::Returned { output, .. } if output.is_empty() => Verdict::Accepts,
            Outcome::Reverted(_) | Outcome::Halted(_) => Verdict::Rejects,
            other => Verdict::Breaks(format!("{other:?}")),
        }
    }
}

/// Errors of our contracts.
const ERRORS: [&str; 12] = [
    "InvalidKey(bytes32)",
    "InvalidKeyLength(uint256,uint256)",
    "InvalidProofLength(uint256,uint256)",
    "InvalidInstanceCount(uint256,uint256)",
    "NonCanonicalCalldata()",
    "InstanceOutOfRange(uint256)",
    "ScalarOutOfRange(uint256)",
    "InvalidPoint(uint256)",
    "DegenerateChallenge()",
    "PrecompileFailed(uint256)",
    "ProofRejected()",
    "UnexpectedMemoryLayout()",
];

/// Name of the error that revert data holds, if it is one of our contracts' and complete.
pub(crate) fn error_name(data: &[u8]) -> Option<&'static str> {
    ERRORS.into_iter().find(|error| {
        let arguments = error.matches("uint256").count() + error.matches("bytes32").count();
        data.len() == 4 + 32 * arguments && data[..4] == Keccak256::digest(error)[..4]
    })
}

/// One of our contracts and a way to call it.
#[derive(Clone)]
pub(crate) struct Ours {
    pub(crate) name: &'static str,
    pub(crate) entry: Entry,
    pub(crate) evm: Evm,
    pub(crate) at: Address,
    /// The key, in shared mode.
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) verifier: GeneratedVerifier,
    pub(crate) code: Code,
    pub(crate) deployment_gas: u64,
    pub(crate) key_gas: u64,
    /// [tau]_2 and [1]_2, to decide what `accumulate` returns.
    setup: [G2Affine; 2],
}

impl Ours {
    pub(crate) fn new(
        name: &'static str,
        key: &Key<'_>,
        options: &GeneratorOptions,
        settings: Settings,
    ) -> Self {
        let verifier = generate(key.vk, key.params, key.lengths, options).unwrap();
        let code = compile(&verifier.solidity, &verifier.contract_name, settings);
        let mut evm = Evm::new();
        let (at, deployment_gas) = evm.create(&code.deployment);
        let contract = verifier.key.as_ref();
        let key_gas = contract.map_or(0, |key| evm.create(&key.creation).1);
        let bytes = contract.map(|key| key.bytes.clone());
        Self {
            name,
            entry: Entry::Verify,
            evm,
            at,
            key: bytes,
            key_gas,
            verifier,
            code,
            deployment_gas,
            setup: [key.params.s_g2(), key.params.g2()],
        }
    }

    /// The contract with the key inside.
    pub(crate) fn embedded(key: &Key<'_>) -> Self {
        Self::compiled(key, Settings::PROJECT)
    }

    pub(crate) fn compiled(key: &Key<'_>, settings: Settings) -> Self {
        Self::new(
            "embedded",
            key,
            &GeneratorOptions::embedded(key.name),
            settings,
        )
    }

    /// The contract for every key of the shape, and a key.
    pub(crate) fn shared(key: &Key<'_>) -> Self {
        Self::new(
            "shared",
            key,
            &GeneratorOptions::shared(),
            Settings::PROJECT,
        )
    }

    /// The same contract's other entry point.
    pub(crate) fn accumulate(&self, name: &'static str) -> Self {
        Self {
            name,
            entry: Entry::Accumulate,
            ..self.clone()
        }
    }

    pub(crate) fn code_style(&self) -> CodeStyle {
        match self.verifier.interpreted {
            true => CodeStyle::Interpreted,
            false => CodeStyle::Inline,
        }
    }

    pub(crate) fn signature(&self) -> &'static str {
        match (self.entry, &self.key) {
            (Entry::Verify, None) => "verifyProof(bytes,uint256[])",
            (Entry::Verify, Some(_)) => "verifyProof(bytes,bytes,uint256[])",
            (Entry::Accumulate, None) => "accumulate(bytes,uint256[])",
            (Entry::Accumulate, Some(_)) => "accumulate(bytes,bytes,uint256[])",
        }
    }

    /// The same verifier, asked with another key.
    pub(crate) fn with_key(&self, key: Vec<u8>) -> Self {
        Self {
            key: Some(key),
            ..self.clone()
        }
    }

    pub(crate) fn calldata(&self, input: &Input) -> Vec<u8> {
        input.calldata(self.signature(), self.key.as_deref())
    }

    pub(crate) fn call(&self, calldata: Vec<u8>) -> Outcome {
        self.evm.call(self.at, calldata)
    }

    /// What an outcome means.
    pub(crate) fn verdict(&self, outcome: &Outcome) -> Verdict {
        match outcome {
            Outcome::Returned { .. } if self.entry == Entry::Verify && outcome.is_true() => {
                Verdict::Accepts
            }
            Outcome::Returned { output, .. }
                if self.entry == Entry::Accumulate && output.len() == 128 =>
            {
                self.decide(output)
            }
            Outcome::Reverted(data) if error_name(data).is_some() => Verdict::Rejects,
            other => Verdict::Breaks(format!("{other:?}")),
        }
    }

    /// The deferred pairing.
    fn decide(&self, points: &[u8]) -> Verdict {
        let (Some(lhs), Some(rhs)) = (decode_point(points), decode_point(&points[64..])) else {
            return Verdict::Breaks(format!("no points: {}", hex::encode(points)));
        };
        let [tau, one] = self.setup;
        if Bn256::pairing(&lhs, &tau) == Bn256::pairing(&rhs, &one) {
            Verdict::Accepts
        } else {
            Verdict::Rejects
        }
    }

    /// Asserts that a call reverts with this error and these arguments.
    #[track_caller]
    pub(crate) fn assert_error(&self, calldata: Vec<u8>, error: &str, arguments: &[usize]) {
        let mut expected = Keccak256::digest(error)[..4].to_vec();
        expected.extend(arguments.iter().flat_map(|argument| number(*argument)));
        let outcome = self.call(calldata);
        assert_eq!(
            outcome,
            Outcome::Reverted(expected),
            "{}: {error}",
            self.name
        );
    }

    /// Asserts that a well-formed, wrong proof is rejected, and by the pairing alone.
    #[track_caller]
    pub(crate) fn assert_unsatisfied(&self, input: &Input) {
        let calldata = self.calldata(input);
        match self.entry {
            Entry::Verify => self.assert_error(calldata, "ProofRejected()", &[]),
            Entry::Accumulate => {
                let outcome = self.call(calldata);
                assert!(matches!(outcome, Outcome::Returned { .. }), "{outcome:?}");
                assert_eq!(self.verdict(&outcome), Verdict::Rejects, "{}", self.name);
            }
        }
    }
}

impl Target for Ours {
    fn name(&self) -> String {
        format!("ours, {}", self.name)
    }

    fn judge(&self, input: &Input) -> Verdict {
        let tx = Transaction::new(self.at, self.calldata(input));
        let (outcome, gas) = self.evm.execute(&tx, &[]);
        if gas >= GAS_LIMIT {
            return Verdict::Breaks("all gas is gone".into());
        }
        self.verdict(&outcome)
    }
}

/// Every way to have a proof verified by our contracts.
pub(crate) fn ours(key: &Key<'_>) -> Vec<Ours> {
    let embedded = Ours::embedded(key);
    let shared = Ours::shared(key);
    let style = CodeStyle::Interpreted;
    let embedded_options = GeneratorOptions::embedded(key.name).with_code(style);
    let shared_options = GeneratorOptions::shared().with_code(style);
    vec![
        embedded.accumulate("embedded accumulate"),
        embedded,
        shared.accumulate("shared accumulate"),
        shared,
        Ours::new(
            "embedded interpreted",
            key,
            &embedded_options,
            Settings::PROJECT,
        ),
        Ours::new(
            "shared interpreted",
            key,
            &shared_options,
            Settings::PROJECT,
        ),
    ]
}
