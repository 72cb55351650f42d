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
/// @notice Example dApp: answers to numbered questions, accepted only from a list of named models. Anyone can register any model with
/// the registry, so this contract's owner reviews the models that it lists.
/// @dev A question is about one input. It is asked before it is answered, so that the prover cannot choose the input. Its number is
/// the nonce of the inference. The first answer is final, and whoever gives it chooses which of the listed models answers: list only
/// models each of which may decide alone, and whose inputs have the same shape, order, scale and zero point: a question is about
/// quantised words, which stand for the same real input in those alone. An answer is stored under the question, never under the inference: one requester can have
/// any number of inferences for one input.
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
    /// @notice The inference was made for another account, or for another question: its nonce is not the question's number.
    error NotForThisQuestion(address requester, uint256 nonce);

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

    /// @notice The answer to a question; its inference is zero if there is no answer yet.
    function answerTo(uint256 question) external view returns (Answer memory) {
        return _answers[question];
    }

    /// @notice The digest of all inputs of an inference, as `ask` takes it. Only meaningful if the inference is proven.
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
