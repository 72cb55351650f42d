// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {ProvenTensors} from "../libraries/ProvenTensors.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkValues, ModelRecord, TensorSpec} from "../types/RegistryTypes.sol";

/// @title ModelAllowList
/// @notice Example dApp: answers to numbered questions, accepted only from a list of named models. Anyone can register any model with
/// the registry, so this contract's owner reviews the models that it lists.
/// @dev A question is about one input. It is asked before it is answered, so that the prover cannot choose the input. Its number is
/// the nonce of the inference. The first answer is final, and whoever gives it chooses which of the listed models answers: list only
/// models each of which may decide alone, and whose inputs have the same shape, order, scale and zero point: a question is about
/// quantised words, which stand for the same real input in those alone. An answer is stored under the question, never under the
/// inference: one requester can have any number of inferences for one input.
contract ModelAllowList is Ownable2Step {
    /// @notice The answer to a question: the values of the first output, with the inference and model that they come from.
    /// @param modelId The model that answered; its name may be given to another model later.
    struct Answer {
        InferenceId inferenceId;
        ModelId modelId;
        uint256[] values;
    }

    /// @notice A model was listed under this name.
    event ModelNamed(bytes32 indexed name, ModelId indexed modelId);
    /// @notice The model of this name was removed from the list.
    event ModelUnnamed(bytes32 indexed name, ModelId indexed modelId);
    /// @notice A question was asked.
    event Asked(uint256 indexed question, bytes32 indexed inputDigest, address indexed by);
    /// @notice A question was answered.
    event Answered(uint256 indexed question, ModelId indexed modelId, InferenceId indexed inferenceId);

    /// @notice The name is taken.
    error NameTaken(bytes32 name);
    /// @notice No model has this name.
    error NameUnknown(bytes32 name);
    /// @notice There is no such question.
    error NotAsked(uint256 question);
    /// @notice The inference is about other inputs.
    error WrongInput(bytes32 expected, bytes32 actual);
    /// @notice The question has an answer.
    error AlreadyAnswered(uint256 question);

    /// @notice The registry that inferences are proven in.
    IChainferRegistry public immutable REGISTRY;

    mapping(bytes32 => ModelId) private _models;
    bytes32[] private _inputDigests;
    mapping(uint256 => Answer) private _answers;

    constructor(IChainferRegistry registry, address owner_) Ownable(owner_) {
        REGISTRY = registry;
    }

    /// @notice Lists a registered model under a free name. By the owner.
    function nameModel(bytes32 name, ModelId modelId) external onlyOwner {
        if (ModelId.unwrap(_models[name]) != 0) revert NameTaken(name);
        // Reverts unless the model is registered.
        REGISTRY.model(modelId);
        _models[name] = modelId;
        emit ModelNamed(name, modelId);
    }

    /// @notice Removes a model from the list. Its answers stay. By the owner.
    function unnameModel(bytes32 name) external onlyOwner {
        ModelId modelId = modelOf(name);
        _models[name] = ModelId.wrap(0);
        emit ModelUnnamed(name, modelId);
    }

    /// @notice Asks the listed models a question about an input. By anyone.
    /// @param inputDigest keccak256 of `abi.encode(uint256[][])` of the public words of all inputs, in the model's order: the
    /// packed values of a public one, the leaf of a committed one.
    /// @return question Number of the question.
    function ask(bytes32 inputDigest) external returns (uint256 question) {
        question = _inputDigests.length;
        _inputDigests.push(inputDigest);
        emit Asked(question, inputDigest, msg.sender);
    }

    /// @notice Records the answer of a listed model to a question. By anyone.
    /// @dev The inference must have been made for this contract, with the question's number as its nonce: its id is recomputed from them.
    /// @param root Its root.
    /// @param record The model's record.
    /// @param inputs Its part with the inputs.
    /// @param outputs Its part with the outputs.
    /// @param shown The inference's public values: those of all chunks, in the order in which they were proven.
    function answer(
        uint256 question,
        bytes32 name,
        uint256 root,
        ModelRecord calldata record,
        TensorSpec[] calldata inputs,
        TensorSpec[] calldata outputs,
        ChunkValues[] calldata shown
    ) external {
        if (question >= _inputDigests.length) revert NotAsked(question);
        Answer storage answer_ = _answers[question];
        if (InferenceId.unwrap(answer_.inferenceId) != 0) revert AlreadyAnswered(question);
        answer_.modelId = modelOf(name);
        answer_.inferenceId = ProvenTensors.idOf(REGISTRY, answer_.modelId, root, address(this), question);
        // Reverts unless the inference is proven and record, outputs and values are its own.
        answer_.values =
            ProvenTensors.provenOutput(REGISTRY, answer_.modelId, answer_.inferenceId, 0, record, outputs, shown);
        ProvenTensors.requireInputs(REGISTRY, answer_.modelId, record, inputs);
        bytes32 digest = inputDigestOf(inputs, shown);
        if (digest != _inputDigests[question]) revert WrongInput(_inputDigests[question], digest);
        emit Answered(question, answer_.modelId, answer_.inferenceId);
    }

    /// @notice The answer to a question; its inference is zero if there is no answer yet.
    function answerTo(uint256 question) external view returns (Answer memory) {
        return _answers[question];
    }

    /// @notice The digest of all inputs of an inference, as `ask` takes it. Does not check what it is given.
    function inputDigestOf(TensorSpec[] calldata inputs, ChunkValues[] calldata shown) public pure returns (bytes32) {
        return keccak256(abi.encode(ProvenTensors.wordsOf(inputs, shown)));
    }

    /// @notice The model of a name. Reverts `NameUnknown`.
    function modelOf(bytes32 name) public view returns (ModelId modelId) {
        modelId = _models[name];
        if (ModelId.unwrap(modelId) == 0) revert NameUnknown(name);
    }
}
