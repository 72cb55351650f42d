// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {ITensorOpenings} from "./interfaces/ITensorOpenings.sol";
import {TensorOpening} from "./libraries/TensorOpening.sol";
import {InferenceId} from "./types/InferenceId.sol";
import {Inference, InferenceStatus} from "./types/RegistryTypes.sol";

/// @title TensorOpenings
/// @notice See `ITensorOpenings`. The registry creates it as a contract of its own, because the hash function alone is that large.
contract TensorOpenings is ITensorOpenings {
    struct Opening {
        bytes32 digest;
        uint256 commitment;
    }

    /// @notice The registry whose inferences are opened.
    IChainferRegistry public immutable REGISTRY;

    mapping(InferenceId => mapping(uint256 => Opening)) private _openings;

    constructor(IChainferRegistry registry) {
        REGISTRY = registry;
    }

    /// @inheritdoc ITensorOpenings
    function check(
        InferenceId inferenceId,
        uint256 leaf,
        uint256 salt,
        uint256[] calldata words,
        uint256[] calldata siblings
    ) external view override returns (uint256 commitment) {
        return _check(inferenceId, leaf, salt, words, siblings);
    }

    /// @inheritdoc ITensorOpenings
    function open(
        InferenceId inferenceId,
        uint256 leaf,
        uint256 salt,
        uint256[] calldata words,
        uint256[] calldata siblings
    ) external override returns (uint256 commitment) {
        commitment = _check(inferenceId, leaf, salt, words, siblings);
        Opening storage opening = _openings[inferenceId][leaf];
        // Any further opening that passes has the same values, because the hash is collision-resistant.
        if (opening.digest != bytes32(0)) return commitment;
        opening.digest = keccak256(abi.encodePacked(words));
        opening.commitment = commitment;
        emit TensorOpened(inferenceId, leaf, msg.sender, commitment, words);
    }

    /// @inheritdoc ITensorOpenings
    function openingOf(InferenceId inferenceId, uint256 leaf)
        external
        view
        override
        returns (bytes32 digest, uint256 commitment)
    {
        Opening storage opening = _openings[inferenceId][leaf];
        return (opening.digest, opening.commitment);
    }

    function _check(
        InferenceId inferenceId,
        uint256 leaf,
        uint256 salt,
        uint256[] calldata words,
        uint256[] calldata siblings
    ) private view returns (uint256 commitment) {
        Inference memory inference = REGISTRY.inference(inferenceId);
        if (inference.status != InferenceStatus.Proven) revert IChainferRegistry.InferenceNotProven(inferenceId);
        // A position is only meaningful in a tree of the model's height. The leaf's tag contains the length.
        uint256 length = REGISTRY.leafLength(inference.modelId, leaf);
        uint256 height = REGISTRY.model(inference.modelId).treeHeight;
        if (siblings.length != height) revert PathLengthMismatch(height, siblings.length);
        commitment = TensorOpening.leafOf(salt, words, length);
        uint256 root = TensorOpening.rootOf(commitment, leaf, siblings);
        if (root != inference.root) revert OpeningMismatch(inference.root, root);
    }
}
