// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {IERC8004ValidationRegistry} from "../interfaces/standards/IERC8004.sol";
import {Evidence, ShownTensors} from "../libraries/ShownTensors.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {Inference, Model} from "../types/RegistryTypes.sol";

/// @title ERC8004Validator
/// @notice A validator of ERC-8004: answers 100 to an agent's request whose claim the registry attests, and 0 once the model is
/// frozen. Anyone can have a request answered; nobody decides.
/// @dev A claim is that the agent ran a model and got these outputs. The proof is made for the agent: the nonce of the inference holds
/// the agent (`nonceOf`), so nobody is credited with the inference of another. Stateless; what it knows of a request is what the
/// validation registry says, and a validation registry that lies spoils only its own records.
///
/// An answer was true when it was given. Whoever relies on one should ask the registry again (`requireAttested`); `responseHash` is
/// the inference id.
contract ERC8004Validator {
    /// @notice The agent did not ask this validator about the claim: the hash is unknown, or another's.
    error NotRequested(bytes32 requestHash);
    /// @notice An earlier attempt at the request is not taken by somebody else, so that one, and no other, is answered.
    error AttemptNotNeeded(uint256 attempt, bytes32 requestHash);
    /// @notice This is the answer already.
    error AlreadyAnswered(bytes32 requestHash, uint8 response);
    /// @notice The model is frozen, and the inference did not count before: nothing is known against the claim, nor for it.
    error NeverAttested(InferenceId inferenceId);

    /// @notice What an agent asks to be validated, but for the outputs.
    /// @param agentId The agent, in the identity registry of the validation registry.
    /// @param modelId The model that it ran.
    /// @param root The root of the inference.
    /// @param requester The account that the inference is credited to.
    /// @param nonce The requester's nonce; the inference has `nonceOf(agentId, nonce)`.
    /// @param attempt Zero, or the number of earlier hashes of the same claim that somebody else has taken.
    struct Claim {
        uint256 agentId;
        ModelId modelId;
        uint256 root;
        address requester;
        uint256 nonce;
        uint256 attempt;
    }

    /// @notice The claim is true.
    uint8 public constant PASSED = 100;
    /// @notice The model is not to be relied on.
    uint8 public constant FAILED = 0;
    /// @notice The tag of all answers. One for both: who filters by tag sees the last answer, whichever it is.
    string public constant TAG = "chainfer";

    /// @notice The validation registry that requests come from.
    IERC8004ValidationRegistry public immutable VALIDATION;
    /// @notice The registry that inferences are proven in.
    IChainferRegistry public immutable CHAINFER;

    /// @dev Domain separation of requests and nonces.
    bytes32 private constant REQUEST_DOMAIN = keccak256("chainfer.erc8004.request.v1");
    bytes32 private constant NONCE_DOMAIN = keccak256("chainfer.erc8004.nonce.v1");
    /// @dev Where a payload has the attempt: behind its length, four words and five of the claim.
    uint256 private constant ATTEMPT = 0x140;

    constructor(IERC8004ValidationRegistry validation, IChainferRegistry chainfer) {
        (VALIDATION, CHAINFER) = (validation, chainfer);
    }

    /// @notice Answers a request: 100 if the inference is attested, 0 if it was and the model is frozen now; again whenever that
    /// changes. By anyone.
    /// @dev Reverts `NotRequested`, `AttemptNotNeeded`, `AlreadyAnswered`, `NeverAttested`; as `inferenceIdOf` and `requireAttested` of
    /// the registry do; and `RecordMismatch`, `PublicValuesMismatch`, `ValuesNotShown` for what does not belong to the inference.
    /// @param outputs What shows the outputs.
    /// @return response The answer.
    function settle(Claim calldata claim, Evidence calldata outputs) external returns (uint8 response) {
        InferenceId id = inferenceIdOf(claim);
        response = _verdict(claim.modelId, id);
        ShownTensors.check(CHAINFER, claim.modelId, id, outputs.record, outputs.values);
        bytes32 expected = outputs.record.outputs;
        uint256[][] memory words = ShownTensors.wordsOf(claim.modelId, outputs.tensors, expected, outputs.values);

        bytes memory payload = payloadOf(claim, words);
        bytes32 requestHash = keccak256(payload);
        _checkRequest(claim, requestHash, response);
        _checkAttempts(claim, payload);
        VALIDATION.validationResponse(requestHash, response, "", InferenceId.unwrap(id), TAG);
    }

    /// @notice The nonce that an inference needs to be an agent's.
    /// @param nonce Chosen by the requester.
    function nonceOf(uint256 agentId, uint256 nonce) public view returns (uint256) {
        return uint256(keccak256(abi.encode(NONCE_DOMAIN, VALIDATION, agentId, nonce)));
    }

    /// @notice The inference of a claim.
    function inferenceIdOf(Claim memory claim) public view returns (InferenceId) {
        uint256 nonce = nonceOf(claim.agentId, claim.nonce);
        return CHAINFER.inferenceIdOf(Inference(claim.modelId, claim.root, claim.requester, nonce));
    }

    /// @notice What is behind the URI of a request.
    /// @param outputs The words of each output: packed values of a public one, the leaf of a committed one.
    function payloadOf(Claim memory claim, uint256[][] memory outputs) public view returns (bytes memory) {
        return abi.encode(REQUEST_DOMAIN, block.chainid, VALIDATION, CHAINFER, claim, outputs);
    }

    /// @notice The hash of a request.
    function requestHashOf(Claim memory claim, uint256[][] memory outputs) public view returns (bytes32) {
        return keccak256(payloadOf(claim, outputs));
    }

    /// @dev An inference that was not proven, or only after the model was deprecated, gets no answer: a claim without a proof is not
    /// a false one.
    function _verdict(ModelId modelId, InferenceId id) private view returns (uint8) {
        Model memory model = CHAINFER.model(modelId);
        if (!model.frozen) {
            CHAINFER.requireAttested(modelId, id);
            return PASSED;
        }
        if (!ShownTensors.hasCounted(model, CHAINFER.stateOf(modelId, id))) revert NeverAttested(id);
        return FAILED;
    }

    function _checkRequest(Claim calldata claim, bytes32 requestHash, uint8 response) private view {
        (address validator, uint256 agentId, uint8 last,, string memory tag,) =
            VALIDATION.getValidationStatus(requestHash);
        if (validator != address(this) || agentId != claim.agentId) revert NotRequested(requestHash);
        // A request that was not answered has no tag.
        bool answered = keccak256(bytes(tag)) == keccak256(bytes(TAG));
        if (answered && last == response) revert AlreadyAnswered(requestHash, response);
    }

    /// @dev Whoever sees a request before it is in a block can take its hash, for good; the agent then tries the next. As that is the
    /// only way to a next hash, no inference is ever counted twice. Changes the payload, which is encoded once: each attempt is to
    /// cost as little as it can here, and more to whoever took its hash.
    function _checkAttempts(Claim calldata claim, bytes memory payload) private view {
        for (uint256 attempt = claim.attempt; attempt != 0;) {
            --attempt;
            bytes32 earlier;
            assembly ("memory-safe") {
                mstore(add(payload, ATTEMPT), attempt)
                earlier := keccak256(add(payload, 0x20), mload(payload))
            }
            (address validator, uint256 agentId,,,,) = VALIDATION.getValidationStatus(earlier);
            bool own = validator == address(this) && agentId == claim.agentId;
            if (own || validator == address(0)) revert AttemptNotNeeded(attempt, earlier);
        }
    }
}
