//! The contract's interface as standard ABI JSON.

use super::errors::{
    DEGENERATE_CHALLENGE, INSTANCE_OUT_OF_RANGE, INVALID_INSTANCE_COUNT, INVALID_KEY,
    INVALID_KEY_LENGTH, INVALID_POINT, INVALID_PROOF_LENGTH, NON_CANONICAL_CALLDATA,
    PRECOMPILE_FAILED, PROOF_REJECTED, SCALAR_OUT_OF_RANGE, SolidityError,
    UNEXPECTED_MEMORY_LAYOUT,
};
use crate::options::Mode;

/// Errors in the order of the source, then functions.
pub(crate) fn json(mode: Mode, carries_data: bool) -> String {
    let mut errors = vec![
        INVALID_PROOF_LENGTH,
        INVALID_INSTANCE_COUNT,
        NON_CANONICAL_CALLDATA,
        INSTANCE_OUT_OF_RANGE,
        SCALAR_OUT_OF_RANGE,
        INVALID_POINT,
        DEGENERATE_CHALLENGE,
        PRECOMPILE_FAILED,
        PROOF_REJECTED,
    ];
    if mode == Mode::Shared {
        errors.extend([INVALID_KEY_LENGTH, INVALID_KEY]);
    }
    if carries_data {
        errors.push(UNEXPECTED_MEMORY_LAYOUT);
    }
    let mut entries: Vec<String> = errors.iter().map(error).collect();
    let mut parameters = vec![("proof", "bytes"), ("instances", "uint256[]")];
    if mode == Mode::Shared {
        parameters.insert(0, ("key", "bytes"));
    }
    for (name, output) in [("verifyProof", "bool"), ("accumulate", "uint256[4]")] {
        entries.push(format!(
            r#"{{"type":"function","name":"{name}","inputs":[{}],"outputs":[{}],"stateMutability":"view"}}"#,
            list(&parameters),
            parameter("", output)
        ));
    }
    format!("[{}]", entries.join(","))
}

fn error(error: &SolidityError) -> String {
    format!(
        r#"{{"type":"error","name":"{}","inputs":[{}]}}"#,
        error.name,
        list(error.parameters)
    )
}

fn list(parameters: &[(&str, &str)]) -> String {
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, kind)| parameter(name, kind))
        .collect();
    parameters.join(",")
}

fn parameter(name: &str, kind: &str) -> String {
    format!(r#"{{"name":"{name}","type":"{kind}","internalType":"{kind}"}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    const ARTEFACT: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../contracts/artefacts/IHalo2VerifierErrors.json"
    ));

    fn errors(abi: &Value) -> BTreeSet<String> {
        let entries = abi.as_array().unwrap().iter();
        entries
            .filter(|entry| entry["type"] == "error")
            .map(|entry| {
                let inputs = entry["inputs"].as_array().unwrap().iter();
                let inputs: Vec<String> = inputs
                    .map(|input| format!("{} {}", input["type"], input["name"]))
                    .collect();
                format!("{}({})", entry["name"], inputs.join(","))
            })
            .collect()
    }

    #[test]
    fn errors_equal_those_that_programs_decode() {
        let artefact: Value = serde_json::from_str(ARTEFACT).unwrap();
        let most: Value = serde_json::from_str(&json(Mode::Shared, true)).unwrap();
        assert_eq!(errors(&most), errors(&artefact["abi"]));
    }
}
