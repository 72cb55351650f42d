// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {PackedValues} from "../libraries/PackedValues.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";

/// @title LabelConsumer
/// @notice A minimal consumer: records the label that a classifier gave to an input of the sender's choice.
/// @dev It does not ask which input that was; `ClassificationPayout` shows how to require one.
contract LabelConsumer {
    IChainferRegistry public immutable REGISTRY;
    ModelId public immutable MODEL_ID;
    mapping(address account => uint256 label) public labelOf;

    /// @notice The inference was made for another account.
    error WrongRequester(address expected, address actual);

    constructor(IChainferRegistry registry, ModelId modelId) {
        (REGISTRY, MODEL_ID) = (registry, modelId);
    }

    /// @notice Records the label of an inference that was made for the sender.
    function record(InferenceId id) external {
        // Reverts unless the inference is proven and of this model.
        REGISTRY.requireAttested(MODEL_ID, id);
        address requester = REGISTRY.inference(id).requester;
        if (requester != msg.sender) revert WrongRequester(msg.sender, requester);
        labelOf[msg.sender] = PackedValues.argmax(REGISTRY.output(id, 0));
    }
}
