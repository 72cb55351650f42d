// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IPinnedVerifierErrors} from "../interfaces/IPinnedVerifierErrors.sol";
import {CodeData} from "./CodeData.sol";

/// @title KeyContract
/// @notice Verifying keys stored as the code of a contract: a STOP byte, then [tau]_2 and -[1]_2 (128 bytes each: x.c1, x.c0, y.c1,
/// y.c0), the generator of G1, the key's digest, the commitments to its fixed and permutation columns, and the id of the shape that
/// it belongs to, which the shape's verifier compares.
/// @dev The first two are the SRS part, which is what a pairing needs. All keys under one trusted setup begin with the same one.
library KeyContract {
    /// @dev Position of the SRS part in the code.
    uint256 internal constant SRS_OFFSET = 1;
    /// @dev Size of the SRS part in bytes.
    uint256 internal constant SRS_SIZE = 256;
    /// @dev Minimum size of a key: SRS part, generator, digest and shape.
    uint256 internal constant MIN_SIZE = 384;

    /// @notice Reverts unless `key` holds data as code, with the code hash `keyCodeHash`.
    function check(uint256 chunk, address key, bytes32 keyCodeHash) internal view {
        if (!CodeData.isData(key, MIN_SIZE)) revert IPinnedVerifierErrors.InvalidKeyContract(chunk, key);
        checkHash(chunk, key, keyCodeHash);
    }

    /// @notice Reverts unless the code of `key` has the hash `keyCodeHash`.
    function checkHash(uint256 chunk, address key, bytes32 keyCodeHash) internal view {
        bytes32 actual = key.codehash;
        if (actual != keyCodeHash) revert IPinnedVerifierErrors.KeyCodeHashMismatch(chunk, keyCodeHash, actual);
    }

    /// @notice Hash of the SRS part of a checked key: it identifies the trusted setup.
    function srsDigest(address key) internal view returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            extcodecopy(key, free, SRS_OFFSET, SRS_SIZE)
            digest := keccak256(free, SRS_SIZE)
        }
    }
}
