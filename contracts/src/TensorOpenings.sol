// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {ITensorOpenings} from "./interfaces/ITensorOpenings.sol";
import {ModelLayout} from "./libraries/ModelLayout.sol";
import {ModelRecords} from "./libraries/ModelRecords.sol";
import {PoseidonCompress} from "./libraries/PoseidonCompress.sol";
import {TensorOpening} from "./libraries/TensorOpening.sol";
import {InferenceId} from "./types/InferenceId.sol";
import {Inference, InferenceStatus, ModelRecord, Opening} from "./types/RegistryTypes.sol";

/// @title TensorOpenings
/// @notice See `ITensorOpenings`. The registry creates it as a contract of its own, because the hash function alone is that large.
contract TensorOpenings is ITensorOpenings {
    /// @notice The registry whose inferences are opened.
    IChainferRegistry public immutable REGISTRY;

    mapping(InferenceId => mapping(uint256 => bytes32)) private _openings;

    constructor(IChainferRegistry registry) {
        REGISTRY = registry;
    }

    /// @inheritdoc ITensorOpenings
    function check(
        Inference calldata inference,
        Opening calldata opening,
        ModelRecord calldata record,
        uint32[] calldata leafLengths
    ) external view override returns (uint256 commitment) {
        (, commitment) = _check(inference, opening, record, leafLengths);
    }

    /// @inheritdoc ITensorOpenings
    function open(
        Inference calldata inference,
        Opening calldata opening,
        ModelRecord calldata record,
        uint32[] calldata leafLengths
    ) external override returns (uint256 commitment) {
        InferenceId id;
        (id, commitment) = _check(inference, opening, record, leafLengths);
        // Any further opening that passes has the same values, because the hash is collision-resistant.
        if (_openings[id][opening.leaf] != bytes32(0)) return commitment;
        _openings[id][opening.leaf] = keccak256(abi.encodePacked(opening.words));
        emit TensorOpened(id, opening.leaf, msg.sender, commitment, opening.words);
    }

    /// @inheritdoc ITensorOpenings
    function openingOf(InferenceId inferenceId, uint256 leaf) external view override returns (bytes32 digest) {
        return _openings[inferenceId][leaf];
    }

    function _check(
        Inference calldata inference,
        Opening calldata opening,
        ModelRecord calldata record,
        uint32[] calldata leafLengths
    ) private view returns (InferenceId id, uint256 commitment) {
        id = REGISTRY.inferenceIdOf(inference);
        if (REGISTRY.stateOf(inference.modelId, id).status != InferenceStatus.Proven) {
            revert IChainferRegistry.InferenceNotProven(id);
        }
        if (
            REGISTRY.model(inference.modelId).recordHash != ModelRecords.hashOf(record)
                || ModelRecords.hashOf(leafLengths) != record.leafLengths
        ) revert IChainferRegistry.RecordMismatch(inference.modelId);
        // A position is only meaningful in a tree of the model's height. The leaf's tag contains the length.
        uint256 leaf = opening.leaf;
        if (leaf >= leafLengths.length) revert IChainferRegistry.LeafOutOfRange(leaf, leafLengths.length);
        uint256 height = ModelLayout.heightOf(leafLengths.length);
        if (opening.siblings.length != height) revert PathLengthMismatch(height, opening.siblings.length);
        bytes memory rounds = PoseidonCompress.constants();
        commitment = TensorOpening.leafOf(rounds, opening.salt, opening.words, leafLengths[leaf]);
        uint256 root = TensorOpening.rootOf(rounds, commitment, leaf, opening.siblings);
        if (root != inference.root) revert OpeningMismatch(inference.root, root);
    }
}
