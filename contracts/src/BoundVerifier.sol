// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2Accumulator} from "./interfaces/IHalo2Accumulator.sol";
import {IHalo2SharedVerifier} from "./interfaces/IHalo2SharedVerifier.sol";
import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import {IPinnedVerifierErrors} from "./interfaces/IPinnedVerifierErrors.sol";
import {KeyContract} from "./libraries/KeyContract.sol";
import {VerifierCall} from "./libraries/VerifierCall.sol";
import {Pin} from "./types/Pin.sol";

/// @title BoundVerifier
/// @notice A shared verifier bound to one key: it has the interface of a verifier with an embedded key.
/// @dev Forwards its calldata unchanged, with the key in front, so it is as strict as the shared verifier. Errors are passed on
/// (their first 256 bytes).
contract BoundVerifier is IHalo2Verifier, IHalo2Accumulator, IPinnedVerifierErrors {
    /// @notice The shared verifier.
    address public immutable VERIFIER;
    /// @notice The key contract.
    address public immutable KEY;
    /// @notice Code hash of the shared verifier.
    bytes32 public immutable CODE_HASH;
    /// @notice Code hash of the key contract.
    bytes32 public immutable KEY_CODE_HASH;

    /// @notice Reverts unless both contracts have the given code hashes and the key holds data as code.
    constructor(address verifier, bytes32 codeHash, address key, bytes32 keyCodeHash) {
        VerifierCall.checkCode(0, verifier, codeHash);
        KeyContract.check(0, key, keyCodeHash);
        VERIFIER = verifier;
        KEY = key;
        CODE_HASH = codeHash;
        KEY_CODE_HASH = keyCodeHash;
    }

    /// @inheritdoc IHalo2Verifier
    function verifyProof(bytes calldata, uint256[] calldata) external view override returns (bool) {
        uint256 answer = _forward(IHalo2SharedVerifier.verifyProof.selector, 0x20);
        uint256 word;
        assembly ("memory-safe") {
            word := mload(answer)
        }
        if (word != 1) revert VerifierMisbehaved(0);
        return true;
    }

    /// @inheritdoc IHalo2Accumulator
    function accumulate(bytes calldata, uint256[] calldata) external view override returns (uint256[4] memory points) {
        uint256 answer = _forward(IHalo2SharedVerifier.accumulate.selector, 0x80);
        assembly ("memory-safe") {
            mcopy(points, answer, 0x80)
        }
    }

    /// @dev Calls the shared verifier with this call's arguments; the compiler's decoder has checked that there are at least two
    /// offsets. Returns the position of the answer in memory.
    function _forward(bytes4 selector, uint256 answerSize) private view returns (uint256 answer) {
        Pin memory pin = Pin({verifier: VERIFIER, key: KEY, codeHash: CODE_HASH, keyCodeHash: KEY_CODE_HASH});
        VerifierCall.checkPin(0, pin);
        address verifier = pin.verifier;
        address key = pin.key;
        bool success;
        uint256 size;
        assembly ("memory-safe") {
            let question := mload(0x40)
            mstore(question, selector)
            mstore(add(question, 0x04), key)
            // The arguments that the offsets point to are one word further on.
            mstore(add(question, 0x24), add(calldataload(0x04), 0x20))
            mstore(add(question, 0x44), add(calldataload(0x24), 0x20))
            calldatacopy(add(question, 0x64), 0x44, sub(calldatasize(), 0x44))
            // Three words in place of two.
            answer := and(add(add(question, calldatasize()), 0x3f), not(0x1f))
            success := staticcall(gas(), verifier, question, add(calldatasize(), 0x20), answer, answerSize)
            size := returndatasize()
            mstore(0x40, add(answer, answerSize))
        }
        if (!success) {
            bytes memory reason = VerifierCall.reason();
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
        if (size != answerSize) revert VerifierMisbehaved(0);
    }
}
