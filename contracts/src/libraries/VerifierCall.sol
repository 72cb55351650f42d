// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IPinnedVerifierErrors} from "../interfaces/IPinnedVerifierErrors.sol";

/// @title VerifierCall
/// @notice The only way in which verifiers are called: it makes sure that the answer is that of the pinned code with the pinned key.
library VerifierCall {
    /// @dev First bytes of the code of an account that delegates to other code (EIP-7702).
    uint256 private constant DELEGATION_PREFIX = 0xef0100;

    /// @dev Maximum number of bytes of a verifier's revert data that are read.
    uint256 private constant MAX_REASON = 256;

    /// @notice Reverts unless `verifier` holds code of its own whose hash is `codeHash`.
    function checkCode(uint256 chunk, address verifier, bytes32 codeHash) internal view {
        if (verifier.code.length == 0 || _delegates(verifier)) {
            revert IPinnedVerifierErrors.VerifierWithoutCode(chunk, verifier);
        }
        checkHash(chunk, verifier, codeHash);
    }

    /// @notice Reverts unless the code of `verifier` has the hash `codeHash`.
    /// @dev A contract that is created and destroyed in one transaction (EIP-6780) passes a check in that transaction, and its address
    /// can get other code later, so the check is made before every call. The call that follows uses the same account, which this
    /// warms up.
    function checkHash(uint256 chunk, address verifier, bytes32 codeHash) internal view {
        bytes32 actual = verifier.codehash;
        if (actual != codeHash) revert IPinnedVerifierErrors.VerifierCodeHashMismatch(chunk, codeHash, actual);
    }

    /// @notice Makes a static call from memory to memory, which must return exactly `answerSize` bytes; they are written to `answer`.
    /// @dev Copies at most `MAX_REASON` bytes of revert data, so that a malicious verifier cannot make its caller pay for memory. As the
    /// call is static, the verifier cannot re-enter any function that writes.
    function ask(
        uint256 chunk,
        address verifier,
        uint256 question,
        uint256 questionSize,
        uint256 answer,
        uint256 answerSize
    ) internal view {
        bool success;
        bool exact;
        assembly ("memory-safe") {
            success := staticcall(gas(), verifier, question, questionSize, answer, answerSize)
            exact := eq(returndatasize(), answerSize)
        }
        if (success && exact) return;
        if (!success) revert IPinnedVerifierErrors.ChunkRejected(chunk, reason());
        revert IPinnedVerifierErrors.VerifierMisbehaved(chunk);
    }

    /// @notice The beginning of the data that the last call returned.
    function reason() internal pure returns (bytes memory data) {
        assembly ("memory-safe") {
            let kept := returndatasize()
            if gt(kept, MAX_REASON) { kept := MAX_REASON }
            data := mload(0x40)
            mstore(data, kept)
            returndatacopy(add(data, 0x20), 0x00, kept)
            mstore(0x40, add(add(data, 0x20), and(add(kept, 0x1f), not(0x1f))))
        }
    }

    function _delegates(address account) private view returns (bool) {
        uint256 head;
        assembly ("memory-safe") {
            extcodecopy(account, 0x00, 0x00, 0x20)
            head := mload(0x00)
        }
        return head >> 232 == DELEGATION_PREFIX;
    }
}
