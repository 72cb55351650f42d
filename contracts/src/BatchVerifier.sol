// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IPinnedVerifierErrors} from "./interfaces/IPinnedVerifierErrors.sol";
import {PinTable} from "./libraries/PinTable.sol";
import {ProofBatch} from "./libraries/ProofBatch.sol";
import {Pin} from "./types/Pin.sol";

/// @title BatchVerifier
/// @notice Verifies a fixed number of proofs with one pairing, without a registry: for example, the chunks of one model.
/// @dev It does not compare the instance columns: a caller that needs the same root in all of them must check that.
contract BatchVerifier is IPinnedVerifierErrors {
    /// @notice The number of keys, of proofs or of instance columns is not the number of pins.
    error ProofCountMismatch(uint256 expected, uint256 keys, uint256 proofs, uint256 instances);
    /// @notice There are not so many pins.
    error PinOutOfRange(uint256 index, uint256 count);

    /// @notice Number of proofs that a call takes.
    uint256 public immutable COUNT;

    address private immutable TABLE;

    /// @notice Reverts unless every verifier has the given code hash.
    /// @param pins Verifier and key of each proof, in the order of the proofs; 1 to 292 of them.
    constructor(Pin[] memory pins) {
        if (pins.length == 0) revert EmptyBatch();
        bytes memory table = PinTable.rows(pins.length);
        for (uint256 i; i < pins.length; ++i) {
            PinTable.put(table, i, i, pins[i]);
        }
        COUNT = pins.length;
        TABLE = PinTable.create(table);
    }

    /// @notice Verifies all proofs or reverts. All keys must belong to one trusted setup.
    /// @param keys The pinned keys, each as bytes or as the 20 bytes of the address of a contract that has it.
    /// @param proofs The transcript bytes.
    /// @param instances The instance columns.
    /// @return Always true.
    function verifyProofs(bytes[] calldata keys, bytes[] calldata proofs, uint256[][] calldata instances)
        external
        view
        returns (bool)
    {
        uint256 count = COUNT;
        if (keys.length != count || proofs.length != count || instances.length != count) {
            revert ProofCountMismatch(count, keys.length, proofs.length, instances.length);
        }
        uint256[] memory none;
        ProofBatch.Batch memory batch = ProofBatch.open(count, none);
        for (uint256 i; i < count; ++i) {
            ProofBatch.add(batch, i, PinTable.read(TABLE, i), keys[i], proofs[i], instances[i]);
        }
        ProofBatch.settle(batch);
        return true;
    }

    /// @notice Verifier and key of a proof, by its position.
    function pinOf(uint256 index) external view returns (Pin memory) {
        if (index >= COUNT) revert PinOutOfRange(index, COUNT);
        return PinTable.read(TABLE, index);
    }
}
