//! The contracts that `deploy` and `demo` need, as sources: whoever has the binary can deploy.

macro_rules! sources {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../contracts/src/", $path)))),+]
    };
}

/// Everything under `contracts/src` that the contracts below import, by its path there.
pub(crate) const SOURCES: &[(&str, &str)] = sources![
    "ChainferRegistry.sol",
    "ModelStore.sol",
    "examples/ClassificationPayout.sol",
    "interfaces/IChainferRegistry.sol",
    "interfaces/IHalo2SharedVerifier.sol",
    "interfaces/IPinnedVerifierErrors.sol",
    "libraries/CodeData.sol",
    "libraries/KeyContract.sol",
    "libraries/PackedValues.sol",
    "libraries/PinTable.sol",
    "libraries/ProofBatch.sol",
    "libraries/ScalarField.sol",
    "libraries/VerifierCall.sol",
    "types/Context.sol",
    "types/InferenceId.sol",
    "types/ModelId.sol",
    "types/Pin.sol",
    "types/RegistryTypes.sol",
];

/// File and name of the registry.
pub(crate) const REGISTRY: (&str, &str) = ("ChainferRegistry.sol", "ChainferRegistry");
/// File and name of the example dApp.
pub(crate) const PAYOUT: (&str, &str) =
    ("examples/ClassificationPayout.sol", "ClassificationPayout");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_import_nothing_that_is_not_there() {
        for (path, text) in SOURCES {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            for import in text
                .split("from \"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
            {
                let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
                for part in import.split('/') {
                    match part {
                        "." => {}
                        ".." => drop(parts.pop()),
                        name => parts.push(name),
                    }
                }
                let wanted = parts.join("/");
                assert!(
                    SOURCES.iter().any(|(p, _)| *p == wanted),
                    "{path} imports {wanted}"
                );
            }
        }
    }
}
