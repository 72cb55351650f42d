// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../interfaces/IRegistryGovernance.sol";
import {IERC8183, Job} from "../interfaces/standards/IERC8183.sol";
import {Evidence, ShownTensors} from "../libraries/ShownTensors.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {Inference} from "../types/RegistryTypes.sol";

/// @title ERC8183Evaluator
/// @notice An evaluator of ERC-8183: completes a job once the registry attests an inference of the model and on the inputs that the
/// job names. Anyone can have a job judged; nobody decides.
/// @dev The terms are in the job's description, which cannot change: client and provider both see them before money is in escrow. The
/// inference is the job's own: its requester is the client, and its nonce holds the job (`nonceOf`). Stateless, and for jobs of any
/// contract: one that lies spoils only its own jobs. Outputs are not looked at: public ones are in the registry's events, committed
/// ones are the provider's to hand over, so a job is better about a model with public outputs.
///
/// A rejection cannot be taken back, so a job is rejected only for what both agreed on, a frozen model, and never for want of a
/// proof, or for a bad one: anybody can bring none. Without a verdict the client is refunded when the job expires.
contract ERC8183Evaluator is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice The job has another evaluator, or does not exist.
    error NotEvaluator(uint256 jobId, address evaluator);
    /// @notice The job's description does not begin with `descriptionOf` of these terms.
    error TermsMismatch(uint256 jobId);
    /// @notice The inference has other inputs than the job.
    error InputsMismatch(bytes32 expected, bytes32 actual);
    /// @notice The terms do not allow a rejection.
    error RejectionNotAgreed(uint256 jobId);

    /// @notice What client and provider agree on.
    /// @param modelId The model to run.
    /// @param inputsHash `inputsHashOf` the inputs to run it on.
    /// @param rejectWhenFrozen Whether the job is rejected, and the client refunded at once, if the model is frozen before the job is
    /// completed. Otherwise it stays open, in case the model is unfrozen before the job expires.
    struct Terms {
        ModelId modelId;
        bytes32 inputsHash;
        bool rejectWhenFrozen;
    }

    /// @notice The registry that inferences are proven in.
    IChainferRegistry public immutable CHAINFER;

    /// @dev Domain separation of terms and nonces.
    bytes32 private constant TERMS_DOMAIN = keccak256("chainfer.erc8183.terms.v1");
    bytes32 private constant NONCE_DOMAIN = keccak256("chainfer.erc8183.nonce.v1");

    constructor(IChainferRegistry chainfer) {
        CHAINFER = chainfer;
    }

    /// @notice Completes a job whose inference is attested; the reason is the inference id. By anyone.
    /// @dev Reverts `NotEvaluator`, `TermsMismatch`, `InputsMismatch`; as `inferenceIdOf` and `requireAttested` of the registry do;
    /// `RecordMismatch`, `PublicValuesMismatch`, `ValuesNotShown` for what does not belong to the inference; and as the job's
    /// contract does, for example if the job is not submitted. Cannot be re-entered: a hook of the job would have the fee otherwise.
    /// @param commerce The contract that the job is in.
    /// @param root The root of the inference.
    /// @param inputs What shows the inputs.
    /// @param feeToken The token in which the job's contract pays evaluators, or zero. All that this contract holds of it goes to the
    /// sender: it is nobody's, so it is no use to leave any here.
    /// @return id The inference.
    function complete(
        IERC8183 commerce,
        uint256 jobId,
        Terms calldata terms,
        uint256 root,
        Evidence calldata inputs,
        IERC20 feeToken
    ) external nonReentrant returns (InferenceId id) {
        address client = _checkJob(commerce, jobId, terms);
        id = CHAINFER.inferenceIdOf(Inference(terms.modelId, root, client, nonceOf(commerce, jobId)));
        CHAINFER.requireAttested(terms.modelId, id);
        _checkInputs(terms, id, inputs);

        commerce.complete(jobId, InferenceId.unwrap(id), "");
        if (address(feeToken) == address(0)) return id;
        uint256 fee = feeToken.balanceOf(address(this));
        if (fee != 0) feeToken.safeTransfer(msg.sender, fee);
    }

    /// @notice Rejects a job whose terms say so, because the model is frozen; the reason is the model id. By anyone.
    /// @dev Reverts `NotEvaluator`, `TermsMismatch`, `RejectionNotAgreed`, `ModelNotRegistered`, `ModelIsNotFrozen`, and as the job's
    /// contract does.
    function reject(IERC8183 commerce, uint256 jobId, Terms calldata terms) external {
        _checkJob(commerce, jobId, terms);
        if (!terms.rejectWhenFrozen) revert RejectionNotAgreed(jobId);
        if (!CHAINFER.model(terms.modelId).frozen) revert IRegistryGovernance.ModelIsNotFrozen(terms.modelId);
        commerce.reject(jobId, ModelId.unwrap(terms.modelId), "");
    }

    /// @notice The nonce that an inference needs to be a job's.
    function nonceOf(IERC8183 commerce, uint256 jobId) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(NONCE_DOMAIN, commerce, jobId)));
    }

    /// @notice The hash of inputs.
    /// @param inputs The words of each input: packed values of a public one, the leaf of a committed one.
    function inputsHashOf(uint256[][] memory inputs) public pure returns (bytes32) {
        return keccak256(abi.encode(inputs));
    }

    /// @notice What the description of a job under these terms begins with: "chainfer:" and the hash of the terms. What follows is up to
    /// the client.
    function descriptionOf(Terms memory terms) public pure returns (string memory) {
        bytes32 hash = keccak256(abi.encode(TERMS_DOMAIN, terms));
        return string.concat("chainfer:", Strings.toHexString(uint256(hash), 32));
    }

    /// @dev Reverts unless the job is for this evaluator and under these terms.
    function _checkJob(IERC8183 commerce, uint256 jobId, Terms memory terms) private view returns (address client) {
        Job memory job = commerce.getJob(jobId);
        if (job.evaluator != address(this)) revert NotEvaluator(jobId, job.evaluator);
        bytes memory expected = bytes(descriptionOf(terms));
        bytes memory description = bytes(job.description);
        uint256 size = expected.length;
        bool same = description.length >= size;
        assembly ("memory-safe") {
            if same { same := eq(keccak256(add(description, 0x20), size), keccak256(add(expected, 0x20), size)) }
        }
        if (!same) revert TermsMismatch(jobId);
        return job.client;
    }

    function _checkInputs(Terms calldata terms, InferenceId id, Evidence calldata inputs) private view {
        ShownTensors.check(CHAINFER, terms.modelId, id, inputs.record, inputs.values);
        bytes32 expected = inputs.record.inputs;
        bytes32 actual = inputsHashOf(ShownTensors.wordsOf(terms.modelId, inputs.tensors, expected, inputs.values));
        if (actual != terms.inputsHash) revert InputsMismatch(terms.inputsHash, actual);
    }
}
