// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {PackedValues} from "../libraries/PackedValues.sol";
import {ProvenTensors} from "../libraries/ProvenTensors.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkValues, ModelRecord, TensorSpec} from "../types/RegistryTypes.sol";

/// @title LabelConsumer
/// @notice A minimal consumer: records the label that a classifier gave to an input of the sender's choice.
/// @dev It does not ask which input that was; `ClassificationPayout` shows how to require one.
contract LabelConsumer {
    IChainferRegistry public immutable REGISTRY;
    ModelId public immutable MODEL_ID;
    mapping(address account => uint256 label) public labelOf;

    TensorSpec private _scores;

    /// @param record_ The model's record.
    /// @param outputs Its outputs; the first has a score per label.
    constructor(IChainferRegistry registry, ModelId modelId, ModelRecord memory record_, TensorSpec[] memory outputs) {
        (REGISTRY, MODEL_ID) = (registry, modelId);
        // Reverts unless these are the model's outputs.
        ProvenTensors.pinOutputs(registry, modelId, record_, outputs);
        _scores = outputs[0];
    }

    /// @notice Records the label of an inference that was made for the sender.
    /// @param shown The inference's public values: those of all chunks, in the order in which they were proven.
    function record(uint256 root, uint256 nonce, ChunkValues[] calldata shown) external {
        // The id contains model and requester: an inference of another model or account has another one.
        InferenceId id = ProvenTensors.idOf(REGISTRY, MODEL_ID, root, msg.sender, nonce);
        // Reverts unless the inference is proven and these are its values.
        ProvenTensors.requireAttestedValues(REGISTRY, MODEL_ID, id, shown);
        labelOf[msg.sender] = PackedValues.argmax(ProvenTensors.valuesOf(_scores, shown));
    }
}
