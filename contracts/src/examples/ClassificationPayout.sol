// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {PackedValues} from "../libraries/PackedValues.sol";
import {ProvenTensors} from "../libraries/ProvenTensors.sol";
import {ShownValues} from "../libraries/ShownValues.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkValues, ModelRecord, TensorSpec, Visibility} from "../types/RegistryTypes.sol";

/// @title ClassificationPayout
/// @notice Example dApp: bounties that are paid if a proven inference of a certain model classifies a given input as a given
/// class. It relies on the registry alone.
/// @dev A dApp has to check four things, as this one does: the model and where its input and its scores are (fixed at construction), the
/// requester (the account that the proof was made for: the inference's id is recomputed for the bounty's), the input (by the digest of
/// its public words; the model has only one) and that the whole inference is proven, with these values.
contract ClassificationPayout {
    /// @notice A promise to pay. The amount is zero once it is settled.
    struct Bounty {
        address funder;
        uint64 deadline;
        uint32 class;
        address requester;
        uint96 amount;
        bytes32 inputDigest;
    }

    /// @notice A bounty was funded.
    event BountyOpened(uint256 indexed bountyId, address indexed funder, address indexed requester, uint256 amount);
    /// @notice A bounty was paid.
    event BountyPaid(
        uint256 indexed bountyId, InferenceId indexed inferenceId, address indexed requester, uint256 amount
    );
    /// @notice A bounty went back to its funder.
    event BountyCancelled(uint256 indexed bountyId, uint256 amount);

    /// @notice The model does not have exactly one input: with several, a digest of one would let the prover choose the others.
    error NotOneInput(uint256 count);
    /// @notice The output's values are not public, so the class cannot be read.
    error OutputNotPublic();
    /// @notice The model has no such class.
    error ClassOutOfRange(uint256 class, uint256 classCount);
    /// @notice The amount is zero or does not fit 96 bits.
    error InvalidAmount(uint256 amount);
    /// @notice The requester is the zero address.
    error RequesterIsZero();
    /// @notice The deadline is not in the future.
    error DeadlinePassed(uint256 deadline);
    /// @notice The bounty does not exist, or is paid or cancelled.
    error BountyNotOpen(uint256 bountyId);
    /// @notice The inference is about another input.
    error WrongInput(bytes32 expected, bytes32 actual);
    /// @notice The model put the input into another class.
    error WrongClass(uint256 expected, uint256 actual);
    /// @notice Only the funder can cancel.
    error NotFunder(address sender);
    /// @notice The bounty can still be claimed, until its deadline.
    error DeadlineNotReached(uint256 deadline);
    /// @notice The payee rejected the payment.
    error PaymentFailed(address payee);

    /// @notice The registry that inferences are proven in.
    IChainferRegistry public immutable REGISTRY;
    /// @notice The model that decides.
    ModelId public immutable MODEL_ID;
    /// @notice The output that has one score per class.
    uint256 public immutable OUTPUT_INDEX;
    /// @notice Number of classes.
    uint256 public immutable CLASS_COUNT;

    TensorSpec private _input;
    TensorSpec private _scores;
    Bounty[] private _bounties;

    /// @param registry The registry.
    /// @param modelId A model that is registered there, with one input.
    /// @param outputIndex Its output with the scores, which must be public.
    /// @param record The model's record.
    /// @param inputs Its inputs.
    /// @param outputs Its outputs.
    constructor(
        IChainferRegistry registry,
        ModelId modelId,
        uint256 outputIndex,
        ModelRecord memory record,
        TensorSpec[] memory inputs,
        TensorSpec[] memory outputs
    ) {
        ProvenTensors.pinInputs(registry, modelId, record, inputs);
        ProvenTensors.pinOutputs(registry, modelId, record, outputs);
        if (inputs.length != 1) revert NotOneInput(inputs.length);
        if (outputIndex >= outputs.length) {
            revert IChainferRegistry.OutputOutOfRange(outputIndex, outputs.length);
        }
        TensorSpec memory scores = outputs[outputIndex];
        if (scores.visibility != Visibility.Public) revert OutputNotPublic();

        REGISTRY = registry;
        MODEL_ID = modelId;
        OUTPUT_INDEX = outputIndex;
        CLASS_COUNT = scores.length;
        _input = inputs[0];
        _scores = scores;
    }

    /// @notice Funds a bounty with the value sent.
    /// @param requester The account that is paid and that the inference must be credited to.
    /// @param inputDigest keccak256 over the input's public words, 32 bytes each; for a committed input, over its leaf.
    /// @param class The class that pays.
    /// @param deadline From this time on the funder may take the bounty back.
    /// @return bountyId Number of the bounty.
    function open(address requester, bytes32 inputDigest, uint32 class, uint64 deadline)
        external
        payable
        returns (uint256 bountyId)
    {
        if (msg.value == 0 || msg.value > type(uint96).max) revert InvalidAmount(msg.value);
        if (requester == address(0)) revert RequesterIsZero();
        if (class >= CLASS_COUNT) revert ClassOutOfRange(class, CLASS_COUNT);
        if (deadline <= block.timestamp) revert DeadlinePassed(deadline);

        bountyId = _bounties.length;
        _bounties.push(
            Bounty({
                funder: msg.sender,
                deadline: deadline,
                class: class,
                requester: requester,
                // forge-lint: disable-next-line(unsafe-typecast)
                amount: uint96(msg.value),
                inputDigest: inputDigest
            })
        );
        emit BountyOpened(bountyId, msg.sender, requester, msg.value);
    }

    /// @notice Pays a bounty to its requester if a proven inference that was made for them fulfils it. By anyone.
    /// @param root The inference's root.
    /// @param nonce The requester's nonce.
    /// @param shown The inference's public values: those of all chunks, in the order in which they were proven. Chunks of which neither the
    /// input nor the scores are may be shown by their digests.
    function claim(uint256 bountyId, uint256 root, uint256 nonce, ChunkValues[] calldata shown) external {
        Bounty memory bounty = _openBounty(bountyId);
        InferenceId inferenceId = ProvenTensors.idOf(REGISTRY, MODEL_ID, root, bounty.requester, nonce);
        uint256 actual = classOf(inferenceId, shown);
        bytes32 digest = _inputDigestOf(shown);
        if (digest != bounty.inputDigest) revert WrongInput(bounty.inputDigest, digest);
        if (actual != bounty.class) revert WrongClass(bounty.class, actual);

        _bounties[bountyId].amount = 0;
        emit BountyPaid(bountyId, inferenceId, bounty.requester, bounty.amount);
        _pay(bounty.requester, bounty.amount);
    }

    /// @notice Takes a bounty back after its deadline. By its funder.
    function cancel(uint256 bountyId) external {
        Bounty memory bounty = _openBounty(bountyId);
        if (msg.sender != bounty.funder) revert NotFunder(msg.sender);
        if (block.timestamp < bounty.deadline) revert DeadlineNotReached(bounty.deadline);

        _bounties[bountyId].amount = 0;
        emit BountyCancelled(bountyId, bounty.amount);
        _pay(bounty.funder, bounty.amount);
    }

    /// @notice The class that a proven inference gives: the index of the highest score; the lowest if there are several.
    /// @dev All scores have the same scale and zero point, so their integers can be compared. Reverts unless the inference is
    /// proven and of this contract's model, and these are its public values.
    function classOf(InferenceId inferenceId, ChunkValues[] calldata shown) public view returns (uint256) {
        ProvenTensors.requireAttestedValues(REGISTRY, MODEL_ID, inferenceId, shown);
        return PackedValues.argmax(ProvenTensors.valuesOf(_scores, shown));
    }

    /// @notice The digest of the input of an inference, as `open` takes it.
    /// @dev Reverts unless the inference is proven and of this contract's model, and these are its public values.
    function inputDigestOf(InferenceId inferenceId, ChunkValues[] calldata shown) external view returns (bytes32) {
        ProvenTensors.requireAttestedValues(REGISTRY, MODEL_ID, inferenceId, shown);
        return _inputDigestOf(shown);
    }

    /// @notice A bounty; its amount is zero once it is paid or cancelled.
    function bountyOf(uint256 bountyId) external view returns (Bounty memory) {
        if (bountyId >= _bounties.length) revert BountyNotOpen(bountyId);
        return _bounties[bountyId];
    }

    /// @dev The values must have been checked.
    function _inputDigestOf(ChunkValues[] calldata shown) private view returns (bytes32) {
        return ShownValues.digestOf(ProvenTensors.wordsOf(_input, shown));
    }

    function _openBounty(uint256 bountyId) private view returns (Bounty memory bounty) {
        if (bountyId >= _bounties.length) revert BountyNotOpen(bountyId);
        bounty = _bounties[bountyId];
        if (bounty.amount == 0) revert BountyNotOpen(bountyId);
    }

    function _pay(address payee, uint256 amount) private {
        (bool success,) = payee.call{value: amount}("");
        if (!success) revert PaymentFailed(payee);
    }
}
