// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {InferenceId} from "../types/InferenceId.sol";
import {Inference, ModelRecord, Opening} from "../types/RegistryTypes.sol";

/// @title ITensorOpenings
/// @notice Opens boundary tensors of proven inferences: an input, a tensor that crosses a cut, or a committed output. Whoever
/// has the salt passes values, salt and Merkle path; the contract recomputes leaf and root.
/// @dev Costs one Poseidon compression (about 21,000 gas) for 30 values and one for each level of the tree. A transaction of 2^24
/// gas opens about 22,000 values.
interface ITensorOpenings {
    /// @notice The values behind a leaf of a proven inference were opened.
    /// @param leaf The leaf's position; `TensorSpec.leaf` of an input or output.
    /// @param commitment The leaf.
    /// @param words The values, packed 15 per word.
    event TensorOpened(
        InferenceId indexed inferenceId,
        uint256 indexed leaf,
        address indexed submitter,
        uint256 commitment,
        uint256[] words
    );

    /// @notice The model's tree has another height.
    error PathLengthMismatch(uint256 expected, uint256 actual);
    /// @notice Values, salt and path do not lead to the inference's root.
    error OpeningMismatch(uint256 expectedRoot, uint256 actualRoot);

    /// @notice Reverts unless these are the values behind a leaf of a proven inference.
    /// @dev Reverts `InferenceNotProven`, `RecordMismatch`, `LeafOutOfRange`, `PathLengthMismatch`, `OpeningMismatch`; and
    /// `WordCountMismatch`, `StrayBits`, `NotAScalar` for values or a salt that no circuit can commit to.
    /// @param inference A proven inference.
    /// @param opening The leaf and what opens it.
    /// @param record The record of the inference's model.
    /// @param leafLengths Its part with the lengths of the leaves.
    /// @return commitment The leaf.
    function check(
        Inference calldata inference,
        Opening calldata opening,
        ModelRecord calldata record,
        uint32[] calldata leafLengths
    ) external view returns (uint256 commitment);

    /// @notice Does what `check` does and records the values' digest in one slot, for the registry's circuit breaker and other contracts.
    /// By anyone; doing it again changes nothing.
    function open(
        Inference calldata inference,
        Opening calldata opening,
        ModelRecord calldata record,
        uint32[] calldata leafLengths
    ) external returns (uint256 commitment);

    /// @notice keccak256 over the packed words, 32 bytes each, that `open` recorded; zero for a tensor that was not opened.
    function openingOf(InferenceId inferenceId, uint256 leaf) external view returns (bytes32 digest);
}
