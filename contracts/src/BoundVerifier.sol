// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2Accumulator} from "./interfaces/IHalo2Accumulator.sol";
import {IHalo2SharedVerifier} from "./interfaces/IHalo2SharedVerifier.sol";
import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import {IPinnedVerifierErrors} from "./interfaces/IPinnedVerifierErrors.sol";
import {KeyData} from "./libraries/KeyData.sol";
import {VerifierCall} from "./libraries/VerifierCall.sol";

/// @title BoundVerifier
/// @notice A shared verifier bound to one key: it has the interface of a verifier with an embedded key.
/// @dev Reads the key from the code of a contract and forwards its own calldata with the key in front, so it is as strict as the
/// shared verifier. Errors are passed on (their first 256 bytes).
contract BoundVerifier is IHalo2Verifier, IHalo2Accumulator, IPinnedVerifierErrors {
    /// @notice The shared verifier.
    address public immutable VERIFIER;
    /// @notice The key contract.
    address public immutable KEY;
    /// @notice Code hash of the shared verifier.
    bytes32 public immutable CODE_HASH;
    /// @notice The key's hash, which is the code hash of the key contract.
    bytes32 public immutable KEY_HASH;

    /// @notice Reverts unless both contracts have the given code hashes.
    /// @param key A contract whose code is STOP and the verifying key.
    constructor(address verifier, bytes32 codeHash, address key, bytes32 keyHash) {
        VerifierCall.checkCode(0, verifier, codeHash);
        if (key.code.length <= KeyData.MIN_SIZE) revert InvalidKey(0);
        if (key.codehash != keyHash) revert KeyHashMismatch(0, keyHash, key.codehash);
        VERIFIER = verifier;
        KEY = key;
        CODE_HASH = codeHash;
        KEY_HASH = keyHash;
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
        address verifier = VERIFIER;
        VerifierCall.checkHash(0, verifier, CODE_HASH);
        address key = KEY;
        if (key.code.length <= KeyData.MIN_SIZE) revert InvalidKey(0);
        bytes32 actual;
        uint256 question;
        uint256 end;
        assembly ("memory-safe") {
            // Selector, three offsets, the key's length, the key.
            question := mload(0x40)
            let at := add(question, 0x84)
            let size := sub(extcodesize(key), 1)
            let padded := and(add(size, 0x1f), not(0x1f))
            mstore(sub(add(at, padded), 0x20), 0)
            extcodecopy(key, at, 1, size)
            // Behind a zero byte, as keys are hashed.
            mstore(sub(at, 0x20), 0)
            actual := keccak256(sub(at, 1), add(size, 1))
            mstore(question, selector)
            mstore(add(question, 0x04), 0x60)
            // What the other two offsets point to is further on by a word of head, the key's length and the key.
            mstore(add(question, 0x24), add(calldataload(0x04), add(padded, 0x40)))
            mstore(add(question, 0x44), add(calldataload(0x24), add(padded, 0x40)))
            mstore(add(question, 0x64), size)
            calldatacopy(add(at, padded), 0x44, sub(calldatasize(), 0x44))
            end := add(add(at, padded), sub(calldatasize(), 0x44))
        }
        if (actual != KEY_HASH) revert KeyHashMismatch(0, KEY_HASH, actual);
        bool success;
        uint256 size_;
        assembly ("memory-safe") {
            answer := and(add(end, 0x1f), not(0x1f))
            success := staticcall(gas(), verifier, question, sub(end, question), answer, answerSize)
            size_ := returndatasize()
            mstore(0x40, add(answer, answerSize))
        }
        if (!success) {
            bytes memory reason = VerifierCall.reason();
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
        if (size_ != answerSize) revert VerifierMisbehaved(0);
    }
}
