// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {IHalo2Verifier} from "../interfaces/IHalo2Verifier.sol";
import {Context} from "../types/Context.sol";
import {ScalarField} from "./ScalarField.sol";

/// @title VerifierCall
/// @notice The one way in which the registry asks a verifier, so that nothing but a `true` from the registered code
/// counts as a success.
library VerifierCall {
    /// @dev First bytes of the code of an account that delegates to other code (EIP-7702).
    uint256 private constant DELEGATION_PREFIX = 0xef0100;

    /// @dev Bytes of a verifier's answer that are looked at.
    uint256 private constant MAX_ANSWER = 256;

    /// @notice Reverts unless `verifier` holds code of its own whose hash is `codeHash`.
    function checkCode(uint256 chunk, address verifier, bytes32 codeHash) internal view {
        if (verifier.code.length == 0 || _delegates(verifier)) {
            revert IChainferRegistry.VerifierWithoutCode(chunk, verifier);
        }
        bytes32 actual = verifier.codehash;
        if (actual != codeHash) revert IChainferRegistry.VerifierCodeHashMismatch(chunk, codeHash, actual);
    }

    /// @notice Verifies one chunk proof against `[root, context, publicValues...]`, or reverts.
    /// @dev `codeHash` is that of checked, non-empty code, so an account whose code is gone does not pass. The call is
    /// static: the verifier cannot re-enter anything that writes.
    function verify(
        uint256 chunk,
        address verifier,
        bytes32 codeHash,
        uint256 root,
        Context context,
        bytes calldata proof,
        uint256[] calldata publicValues
    ) internal view {
        bytes32 actual = verifier.codehash;
        if (actual != codeHash) revert IChainferRegistry.VerifierCodeHashMismatch(chunk, codeHash, actual);

        uint256[] memory instances = _instances(chunk, root, context, publicValues);
        (bool success, uint256 size, bytes memory returned) =
            _ask(verifier, abi.encodeCall(IHalo2Verifier.verifyProof, (proof, instances)));
        if (!success) revert IChainferRegistry.ChunkRejected(chunk, returned);
        if (size != 32 || abi.decode(returned, (uint256)) != 1) {
            revert IChainferRegistry.VerifierMisbehaved(chunk);
        }
    }

    /// @dev A static call that copies at most `MAX_ANSWER` bytes, so that a hostile verifier cannot make its caller pay
    /// for memory.
    function _ask(address verifier, bytes memory question)
        private
        view
        returns (bool success, uint256 size, bytes memory answer)
    {
        assembly ("memory-safe") {
            success := staticcall(gas(), verifier, add(question, 0x20), mload(question), 0x00, 0x00)
            size := returndatasize()
            let kept := size
            if gt(kept, MAX_ANSWER) { kept := MAX_ANSWER }
            answer := mload(0x40)
            mstore(answer, kept)
            returndatacopy(add(answer, 0x20), 0x00, kept)
            mstore(0x40, add(add(answer, 0x20), and(add(kept, 0x1f), not(0x1f))))
        }
    }

    /// @dev The instance column; the verifier checks the ranges too, but the registry does not rely on it.
    function _instances(uint256 chunk, uint256 root, Context context, uint256[] calldata publicValues)
        private
        pure
        returns (uint256[] memory instances)
    {
        uint256 count = publicValues.length;
        instances = new uint256[](count + 2);
        instances[0] = root;
        instances[1] = context.toUint();
        for (uint256 i; i < count; ++i) {
            uint256 value = publicValues[i];
            if (!ScalarField.isCanonical(value)) revert IChainferRegistry.PublicValueNotCanonical(chunk, i);
            instances[i + 2] = value;
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
