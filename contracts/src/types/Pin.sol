// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice A shared verifier and the key that it is called with, both by their hashes.
/// @param verifier The generated verifier; see `IHalo2SharedVerifier`.
/// @param codeHash The verifier's code hash.
/// @param keyHash The key's hash; see `KeyData`.
struct Pin {
    address verifier;
    bytes32 codeHash;
    bytes32 keyHash;
}
