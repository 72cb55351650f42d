//! The contract's interface as standard ABI JSON.

use crate::options::Mode;

/// Functions and errors, in the order of the source.
pub(crate) fn json(mode: Mode, carries_data: bool) -> String {
    let mut entries = Vec::new();
    for (name, parameters) in [
        (
            "InvalidProofLength",
            &[("expected", "uint256"), ("got", "uint256")][..],
        ),
        (
            "InvalidInstanceCount",
            &[("expected", "uint256"), ("got", "uint256")],
        ),
        ("NonCanonicalCalldata", &[]),
        ("InstanceOutOfRange", &[("index", "uint256")]),
        ("ScalarOutOfRange", &[("word", "uint256")]),
        ("InvalidPoint", &[("word", "uint256")]),
        ("DegenerateChallenge", &[]),
        ("PrecompileFailed", &[("precompile", "uint256")]),
        ("ProofRejected", &[]),
    ] {
        entries.push(error(name, parameters));
    }
    if mode == Mode::Shared {
        entries.push(error("InvalidKey", &[("key", "address")]));
    }
    if carries_data {
        entries.push(error("UnexpectedMemoryLayout", &[]));
    }
    let mut parameters = vec![("proof", "bytes"), ("instances", "uint256[]")];
    if mode == Mode::Shared {
        parameters.insert(0, ("key", "address"));
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

fn error(name: &str, parameters: &[(&str, &str)]) -> String {
    format!(
        r#"{{"type":"error","name":"{name}","inputs":[{}]}}"#,
        list(parameters)
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
