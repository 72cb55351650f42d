// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";

/// @title ModelAllowList
/// @notice Example dApp: answers to numbered questions, taken from named models alone. Registration is open, so that a model is
/// in the registry says nothing about it; this contract's owner has looked at those that it names.
/// @dev An answer is final once taken. It is keyed by the question, never by the inference: one requester can have any number
/// of inferences for one input.
contract ModelAllowList is Ownable2Step {
    /// @notice The answer to a question: the values of the first output, and where they are from.
    struct Answer {
        InferenceId inferenceId;
        bytes32 model;
        uint256[] values;
    }

    /// @notice A model is trusted under this name.
    event ModelNamed(bytes32 indexed name, ModelId indexed modelId);
    /// @notice The model of this name is trusted no more.
    event ModelUnnamed(bytes32 indexed name, ModelId indexed modelId);
    /// @notice A question was answered.
    event Answered(uint256 indexed question, bytes32 indexed name, InferenceId indexed inferenceId);

    /// @notice The name is taken.
    error NameTaken(bytes32 name);
    /// @notice No model has this name.
    error NameUnknown(bytes32 name);
    /// @notice The question has an answer.
    error AlreadyAnswered(uint256 question);
    /// @notice The inference was made for another account, or for another question: its nonce is not the question's number.
    error NotForThisQuestion(address requester, uint256 nonce);

    /// @notice Where inferences are proven.
    IChainferRegistry public immutable REGISTRY;

    mapping(bytes32 => ModelId) private _models;
    mapping(uint256 => Answer) private _answers;

    constructor(IChainferRegistry registry, address owner_) Ownable(owner_) {
        REGISTRY = registry;
    }

    /// @notice Trusts a registered model under a name that is free. By the owner.
    function nameModel(bytes32 name, ModelId modelId) external onlyOwner {
        if (ModelId.unwrap(_models[name]) != 0) revert NameTaken(name);
        // Reverts unless the model is registered.
        REGISTRY.model(modelId);
        _models[name] = modelId;
        emit ModelNamed(name, modelId);
    }

    /// @notice Trusts a model no more. What it answered stays. By the owner.
    function unnameModel(bytes32 name) external onlyOwner {
        ModelId modelId = modelOf(name);
        _models[name] = ModelId.wrap(0);
        emit ModelUnnamed(name, modelId);
    }

    /// @notice Takes an answer to a question from a named model. By anyone.
    /// @param inferenceId A proven inference that was made for this contract, with the question's number as its nonce.
    function answer(uint256 question, bytes32 name, InferenceId inferenceId) external {
        if (InferenceId.unwrap(_answers[question].inferenceId) != 0) revert AlreadyAnswered(question);
        ModelId modelId = modelOf(name);
        REGISTRY.requireAttested(modelId, inferenceId);
        address requester = REGISTRY.inference(inferenceId).requester;
        uint256 nonce = REGISTRY.inference(inferenceId).nonce;
        if (requester != address(this) || nonce != question) revert NotForThisQuestion(requester, nonce);
        _answers[question] = Answer(inferenceId, name, REGISTRY.output(inferenceId, 0));
        emit Answered(question, name, inferenceId);
    }

    /// @notice The answer to a question; its inference is zero while there is none.
    function answerTo(uint256 question) external view returns (Answer memory) {
        return _answers[question];
    }

    /// @notice The model of a name. Reverts `NameUnknown`.
    function modelOf(bytes32 name) public view returns (ModelId modelId) {
        modelId = _models[name];
        if (ModelId.unwrap(modelId) == 0) revert NameUnknown(name);
    }
}
