// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice A shared verifier and the key that it is called with, both pinned by address and code hash.
/// @param verifier The generated verifier; see `IHalo2SharedVerifier`.
/// @param key The key contract; see `KeyContract`.
/// @param codeHash The verifier's code hash.
/// @param keyCodeHash The key contract's code hash.
struct Pin {
    address verifier;
    address key;
    bytes32 codeHash;
    bytes32 keyCodeHash;
}
