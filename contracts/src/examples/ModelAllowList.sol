// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {ProvenTensors} from "../libraries/ProvenTensors.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkProof, Inference} from "../types/RegistryTypes.sol";

/// @title ModelAllowList
/// @notice Example dApp: answers to numbered questions, taken from named models alone. Registration is open, so that a model is
/// in the registry says nothing about it; this contract's owner has looked at those that it names.
/// @dev A question is about one input. It is asked before it is answered, so that nobody who answers chooses the input; its
/// number is this contract's, and is the nonce of the inference. An answer is final once taken. It is keyed by the question, never by the inference: one requester can have any number
/// of inferences for one input.
contract ModelAllowList is Ownable2Step {
    /// @notice The answer to a question: the values of the first output, and where they are from.
    /// @param modelId The model that answered; its name may come to be another's.
    struct Answer {
        InferenceId inferenceId;
        ModelId modelId;
        uint256[] values;
    }

    /// @notice A model is trusted under this name.
    event ModelNamed(bytes32 indexed name, ModelId indexed modelId);
    /// @notice The model of this name is trusted no more.
    event ModelUnnamed(bytes32 indexed name, ModelId indexed modelId);
    /// @notice A question was asked.
    event Asked(uint256 indexed question, bytes32 indexed inputDigest, address indexed by);
    /// @notice A question was answered.
    event Answered(uint256 indexed question, ModelId indexed modelId, InferenceId indexed inferenceId);

    /// @notice The name is taken.
    error NameTaken(bytes32 name);
    /// @notice No model has this name.
    error NameUnknown(bytes32 name);
    /// @notice Nobody has asked this.
    error NotAsked(uint256 question);
    /// @notice The inference is about other inputs.
    error WrongInput(bytes32 expected, bytes32 actual);
    /// @notice The question has an answer.
    error AlreadyAnswered(uint256 question);
    /// @notice The inference was made for another account, or for another question: its nonce is not the question's number.
    error NotForThisQuestion(address requester, uint256 nonce);

    /// @notice Where inferences are proven.
    IChainferRegistry public immutable REGISTRY;

    mapping(bytes32 => ModelId) private _models;
    bytes32[] private _inputDigests;
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

    /// @notice Asks what the named models make of an input. By anyone.
    /// @param inputDigest keccak256 of `abi.encode(uint256[][])` of the public words of all inputs, in the model's order: the
    /// packed values of a public one, the leaf of a committed one.
    /// @return question Its number.
    function ask(bytes32 inputDigest) external returns (uint256 question) {
        question = _inputDigests.length;
        _inputDigests.push(inputDigest);
        emit Asked(question, inputDigest, msg.sender);
    }

    /// @notice Takes an answer to a question from a named model. By anyone.
    /// @param inferenceId A proven inference that was made for this contract, with the question's number as its nonce.
    function answer(uint256 question, bytes32 name, InferenceId inferenceId) external {
        if (question >= _inputDigests.length) revert NotAsked(question);
        if (InferenceId.unwrap(_answers[question].inferenceId) != 0) revert AlreadyAnswered(question);
        ModelId modelId = modelOf(name);
        REGISTRY.requireAttested(modelId, inferenceId);
        Inference memory inference = REGISTRY.inference(inferenceId);
        if (inference.requester != address(this) || inference.nonce != question) {
            revert NotForThisQuestion(inference.requester, inference.nonce);
        }
        bytes32 digest = inputDigestOf(modelId, inferenceId);
        if (digest != _inputDigests[question]) revert WrongInput(_inputDigests[question], digest);
        _answers[question] = Answer(inferenceId, modelId, REGISTRY.output(inferenceId, 0));
        emit Answered(question, modelId, inferenceId);
    }

    /// @notice The answer to a question; its inference is zero while there is none.
    function answerTo(uint256 question) external view returns (Answer memory) {
        return _answers[question];
    }

    /// @notice The digest of all inputs of an inference, as `ask` takes it. It means nothing unless the inference is proven.
    function inputDigestOf(ModelId modelId, InferenceId inferenceId) public view returns (bytes32) {
        ChunkProof[] memory none;
        return keccak256(abi.encode(ProvenTensors.inputs(REGISTRY, modelId, inferenceId, none)));
    }

    /// @notice The model of a name. Reverts `NameUnknown`.
    function modelOf(bytes32 name) public view returns (ModelId modelId) {
        modelId = _models[name];
        if (ModelId.unwrap(modelId) == 0) revert NameUnknown(name);
    }
}
