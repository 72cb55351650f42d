// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ClassificationPayout} from "../../src/examples/ClassificationPayout.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
import {ShownValues} from "../../src/libraries/ShownValues.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkValues,
    Inference,
    ModelRecord,
    ModelRegistration,
    TensorSpec,
    Visibility
} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";

contract RejectsPayments {}

contract Reenters {
    bytes private _claim;
    bytes public reason;

    /// @param claim_ What to call the payer with.
    function prepare(bytes calldata claim_) external {
        _claim = claim_;
    }

    receive() external payable {
        (bool success, bytes memory answer) = msg.sender.call(_claim);
        if (!success) reason = answer;
    }
}

contract ClassificationPayoutTest is RegistryTest {
    address internal constant FUNDER = address(0xF00D);
    uint32 internal constant CLASS = 3;

    ModelId internal modelId;
    ClassificationPayout internal payout;
    bytes32 internal inputDigest;
    uint64 internal deadline;

    function setUp() public override {
        super.setUp();
        modelId = register(classifierRegistration());
        payout = _deploy(modelId, 0);
        inputDigest = keccak256(abi.encodePacked(honestValues(modelId, ROOT, 0)));
        deadline = uint64(block.timestamp + 1 days);
        vm.deal(FUNDER, 100 ether);
    }

    // ------------------------------------------------------------------------------------------------- Constructor

    function test_constructor_readsTheModel() public view {
        assertEq(address(payout.REGISTRY()), address(registry));
        assertEqModel(payout.MODEL_ID(), modelId);
        assertEq(payout.OUTPUT_INDEX(), 0);
        assertEq(payout.CLASS_COUNT(), 10);
    }

    function test_constructor_revertsWhenTheOutputIsCommitted() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "committed";
        registration.outputs[0].visibility = Visibility.Committed;
        ModelId other = register(registration);
        (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs) = _parts(other);
        vm.expectRevert(ClassificationPayout.OutputNotPublic.selector);
        new ClassificationPayout(registry, other, 0, record, inputs, outputs);
    }

    /// @dev A digest of one input of several would leave the others to whoever proves.
    function test_constructor_revertsUnlessTheModelHasOneInput() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "two inputs";
        TensorSpec[] memory inputs = new TensorSpec[](2);
        inputs[0] = registration.inputs[0];
        inputs[1] = wordsAt(1, 0, 1, 1);
        registration.leafLengths[1] = 15;
        registration.inputs = inputs;
        registration.chunks[0].numPublic = 2;
        ModelId two = register(registration);
        (ModelRecord memory record,, TensorSpec[] memory outputs) = _parts(two);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.NotOneInput.selector, 2));
        new ClassificationPayout(registry, two, 0, record, inputs, outputs);
        // Nor does it help to hide one of them.
        TensorSpec[] memory one = new TensorSpec[](1);
        one[0] = inputs[0];
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, two));
        new ClassificationPayout(registry, two, 0, record, one, outputs);
    }

    function test_constructor_revertsWhenThereIsNoSuchOutput() public {
        (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs) = _parts(modelId);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 1, 1));
        new ClassificationPayout(registry, modelId, 1, record, inputs, outputs);
    }

    function test_constructor_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs) = _parts(modelId);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        new ClassificationPayout(registry, unknown, 0, record, inputs, outputs);
    }

    /// @dev Record, inputs and outputs decide what the contract reads: none of them can be another model's, or made up.
    function test_constructor_revertsWhenRecordOrPartsAreOthers() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "another";
        registration.outputs[0].zeroPoint = 1;
        registration.inputs[0].zeroPoint = 1;
        (ModelRecord memory otherRecord, TensorSpec[] memory otherInputs, TensorSpec[] memory otherOutputs) =
            _parts(register(registration));
        (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs) = _parts(modelId);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        vm.expectRevert(expected);
        new ClassificationPayout(registry, modelId, 0, otherRecord, otherInputs, otherOutputs);
        vm.expectRevert(expected);
        new ClassificationPayout(registry, modelId, 0, record, otherInputs, outputs);
        vm.expectRevert(expected);
        new ClassificationPayout(registry, modelId, 0, record, inputs, otherOutputs);
        vm.expectRevert(expected);
        new ClassificationPayout(registry, modelId, 0, record, outputs, inputs);
        record.outputs = otherRecord.outputs;
        vm.expectRevert(expected);
        new ClassificationPayout(registry, modelId, 0, record, inputs, otherOutputs);
    }

    // -------------------------------------------------------------------------------------------------------- open

    function test_open_recordsTheBounty() public {
        vm.expectEmit(address(payout));
        emit ClassificationPayout.BountyOpened(0, FUNDER, REQUESTER, 1 ether);
        assertEq(_open(), 0);
        ClassificationPayout.Bounty memory bounty = payout.bountyOf(0);
        assertEq(bounty.funder, FUNDER);
        assertEq(bounty.requester, REQUESTER);
        assertEq(bounty.amount, 1 ether);
        assertEq(bounty.class, CLASS);
        assertEq(bounty.deadline, deadline);
        assertEq(bounty.inputDigest, inputDigest);
    }

    function test_open_revertsWhenTheAmountIsInvalid() public {
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.InvalidAmount.selector, 0));
        payout.open(REQUESTER, inputDigest, CLASS, deadline);
        vm.deal(address(this), 1 << 96);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.InvalidAmount.selector, 1 << 96));
        payout.open{value: 1 << 96}(REQUESTER, inputDigest, CLASS, deadline);
    }

    function test_open_revertsWhenTheRequesterIsZero() public {
        vm.expectRevert(ClassificationPayout.RequesterIsZero.selector);
        payout.open{value: 1}(address(0), inputDigest, CLASS, deadline);
    }

    function test_open_revertsWhenTheClassIsOutOfRange() public {
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.ClassOutOfRange.selector, 10, 10));
        payout.open{value: 1}(REQUESTER, inputDigest, 10, deadline);
    }

    function test_open_revertsWhenTheDeadlineHasPassed() public {
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.DeadlinePassed.selector, block.timestamp));
        payout.open{value: 1}(REQUESTER, inputDigest, CLASS, uint64(block.timestamp));
    }

    // ------------------------------------------------------------------------------------------------------- claim

    function test_claim_paysTheRequester_whoeverSends() public {
        _open();
        (InferenceId id, ChunkValues[] memory values) = _attest(CLASS);
        vm.expectEmit(address(payout));
        emit ClassificationPayout.BountyPaid(0, id, REQUESTER, 1 ether);
        vm.prank(RELAYER);
        payout.claim(0, ROOT, NONCE, values);
        assertEq(REQUESTER.balance, 1 ether);
        assertEq(address(payout).balance, 0);
        assertEq(payout.bountyOf(0).amount, 0);
    }

    /// @dev More values than fit a transaction could store; they need not be stored.
    function test_claim_ofALongInput_pays() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "long";
        registration.chunks[0].numPublic = 53;
        registration.inputs[0] = wordsAt(0, 0, 0, 53);
        registration.leafLengths[0] = 795;
        modelId = register(registration);
        payout = _deploy(modelId, 0);
        inputDigest = keccak256(abi.encodePacked(honestValues(modelId, ROOT, 0)));
        _open();
        (, ChunkValues[] memory values) = _attest(CLASS);
        payout.claim(0, ROOT, NONCE, values);
        assertEq(REQUESTER.balance, 1 ether);
    }

    function test_claim_whateverTheOrderOfProving_pays() public {
        _open();
        ChunkProof[] memory proofs = _proofs(REQUESTER, _scoresOf(CLASS));
        attest(modelId, ROOT, only(proofs[2]));
        attest(modelId, ROOT, proofs);
        ChunkValues[] memory values = shown(proofs);
        (values[0], values[1], values[2]) = (values[2], values[0], values[1]);
        payout.claim(0, ROOT, NONCE, values);
        assertEq(REQUESTER.balance, 1 ether);
    }

    function test_claim_revertsWhenThereIsNoBounty() public {
        (, ChunkValues[] memory values) = _attest(CLASS);
        _expectRefused(values, abi.encodeWithSelector(ClassificationPayout.BountyNotOpen.selector, 0));
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.BountyNotOpen.selector, 0));
        payout.bountyOf(0);
    }

    function test_claim_revertsWhenPaidBefore() public {
        _open();
        _open();
        (, ChunkValues[] memory values) = _attest(CLASS);
        payout.claim(0, ROOT, NONCE, values);
        _expectRefused(values, abi.encodeWithSelector(ClassificationPayout.BountyNotOpen.selector, 0));
        assertEq(address(payout).balance, 1 ether);
    }

    function test_claim_revertsWhenTheInferenceIsNotProven() public {
        _open();
        ChunkProof[] memory proofs = only(honestProof(modelId, ROOT, 0));
        attest(modelId, ROOT, proofs);
        _expectNotProven(shown(proofs), REQUESTER);
        _expectNotProven(shownHonestly(modelId, ROOT), REQUESTER);
    }

    function test_claim_revertsWhenTheModelIsAnother() public {
        _open();
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "impostor";
        ModelId named = modelId;
        modelId = register(registration);
        (, ChunkValues[] memory values) = _attest(CLASS);
        modelId = named;
        _expectNotProven(values, REQUESTER);
    }

    /// @dev Nobody is paid for what was proven for somebody else.
    function test_claim_revertsWhenTheRequesterIsAnother() public {
        vm.prank(FUNDER);
        payout.open{value: 1 ether}(RELAYER, inputDigest, CLASS, deadline);
        (, ChunkValues[] memory values) = _attest(CLASS);
        _expectNotProven(values, RELAYER);
    }

    function test_claim_revertsWhenRootOrNonceIsAnother() public {
        _open();
        (, ChunkValues[] memory values) = _attest(CLASS);
        bytes4 selector = IChainferRegistry.InferenceNotProven.selector;
        InferenceId other = idOf(Inference(modelId, ROOT, REQUESTER, NONCE + 1));
        vm.expectRevert(abi.encodeWithSelector(selector, other));
        payout.claim(0, ROOT, NONCE + 1, values);
        other = idOf(Inference(modelId, ROOT + 1, REQUESTER, NONCE));
        vm.expectRevert(abi.encodeWithSelector(selector, other));
        payout.claim(0, ROOT + 1, NONCE, values);
    }

    function test_claim_revertsWhenTheInputIsAnother() public {
        vm.prank(FUNDER);
        payout.open{value: 1 ether}(REQUESTER, "other", CLASS, deadline);
        (, ChunkValues[] memory values) = _attest(CLASS);
        _expectRefused(
            values, abi.encodeWithSelector(ClassificationPayout.WrongInput.selector, bytes32("other"), inputDigest)
        );
    }

    function test_claim_revertsWhenTheClassIsAnother() public {
        _open();
        (, ChunkValues[] memory values) = _attest(CLASS + 1);
        _expectRefused(values, abi.encodeWithSelector(ClassificationPayout.WrongClass.selector, CLASS, CLASS + 1));
    }

    /// @dev Input, scores and order are what was proven, or nobody is paid.
    function test_claim_revertsWhenTheValuesAreOthers() public {
        _open();
        (InferenceId id, ChunkValues[] memory values) = _attest(CLASS + 1);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id);
        uint256 word = values[2].values[0];
        values[2].values[0] = _scoresOf(CLASS);
        _expectRefused(values, expected);
        values[2].values[0] = word;
        values[0].values[0] ^= 1;
        _expectRefused(values, expected);
        values[0].values[0] ^= 1;
        (values[0], values[1]) = (values[1], values[0]);
        _expectRefused(values, expected);
        _expectRefused(new ChunkValues[](0), expected);
    }

    function test_claim_revertsWhenInputOrScoresAreNotShown() public {
        _open();
        (, ChunkValues[] memory values) = _attest(CLASS);
        ChunkValues memory input = values[0];
        values[0] = digested(input);
        _expectRefused(values, abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 0));
        (values[0], values[2]) = (input, digested(values[2]));
        _expectRefused(values, abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 2));
    }

    function test_claim_revertsWhenTheModelIsFrozen() public {
        _open();
        (, ChunkValues[] memory values) = _attest(CLASS);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        _expectRefused(values, abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
    }

    function test_claim_revertsWhenThePayeeRejects() public {
        address payee = address(new RejectsPayments());
        (, ChunkValues[] memory values) = _attestScores(payee, _scoresOf(CLASS));
        vm.prank(FUNDER);
        payout.open{value: 1 ether}(payee, inputDigest, CLASS, deadline);
        _expectRefused(values, abi.encodeWithSelector(ClassificationPayout.PaymentFailed.selector, payee));
    }

    function test_claim_reentered_paysOnce() public {
        Reenters reenters = new Reenters();
        address payee = address(reenters);
        (, ChunkValues[] memory values) = _attestScores(payee, _scoresOf(CLASS));
        reenters.prepare(abi.encodeCall(payout.claim, (0, ROOT, NONCE, values)));
        vm.startPrank(FUNDER);
        payout.open{value: 1 ether}(payee, inputDigest, CLASS, deadline);
        payout.open{value: 1 ether}(payee, inputDigest, CLASS, deadline);
        vm.stopPrank();
        payout.claim(0, ROOT, NONCE, values);
        assertEq(payee.balance, 1 ether);
        assertEq(reenters.reason(), abi.encodeWithSelector(ClassificationPayout.BountyNotOpen.selector, 0));
    }

    // ------------------------------------------------------------------------------------------------------ cancel

    function test_cancel_returnsTheMoneyAfterTheDeadline() public {
        _open();
        vm.warp(deadline);
        vm.expectEmit(address(payout));
        emit ClassificationPayout.BountyCancelled(0, 1 ether);
        vm.prank(FUNDER);
        payout.cancel(0);
        assertEq(FUNDER.balance, 100 ether);
        vm.prank(FUNDER);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.BountyNotOpen.selector, 0));
        payout.cancel(0);
    }

    function test_cancel_revertsBeforeTheDeadline() public {
        _open();
        vm.warp(deadline - 1);
        vm.prank(FUNDER);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.DeadlineNotReached.selector, deadline));
        payout.cancel(0);
    }

    function test_cancel_revertsWhenTheSenderIsNotTheFunder() public {
        _open();
        vm.warp(deadline);
        vm.prank(REQUESTER);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.NotFunder.selector, REQUESTER));
        payout.cancel(0);
    }

    // ----------------------------------------------------------------------------------------------------- classOf

    function testFuzz_classOf_isTheLowestOfTheHighest(uint16[10] memory values) public {
        uint256[] memory scores_ = new uint256[](10);
        uint256 expected;
        for (uint256 i; i < 10; ++i) {
            scores_[i] = values[i] % 4;
        }
        for (uint256 i = 10; i > 0; --i) {
            if (scores_[i - 1] >= scores_[expected]) expected = i - 1;
        }
        (InferenceId id, ChunkValues[] memory values_) = _attestScores(REQUESTER, pack(scores_));
        assertEq(payout.classOf(id, values_), expected);
    }

    function test_inputDigestOf_isWhatOpenTakes() public {
        (InferenceId id, ChunkValues[] memory values) = _attest(CLASS);
        assertEq(payout.inputDigestOf(id, values), inputDigest);
    }

    function test_views_revertWhenNotProvenOrOtherValues() public {
        (InferenceId id, ChunkValues[] memory values) = _attest(CLASS);
        bytes memory expected =
            abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, InferenceId.wrap("unknown"));
        vm.expectRevert(expected);
        payout.classOf(InferenceId.wrap("unknown"), new ChunkValues[](0));
        vm.expectRevert(expected);
        payout.inputDigestOf(InferenceId.wrap("unknown"), new ChunkValues[](0));
        values[0].values[0] ^= 1;
        expected = abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id);
        vm.expectRevert(expected);
        payout.classOf(id, values);
        vm.expectRevert(expected);
        payout.inputDigestOf(id, values);
    }

    // ----------------------------------------------------------------------------------------------------- Helpers

    function _open() private returns (uint256) {
        vm.prank(FUNDER);
        return payout.open{value: 1 ether}(REQUESTER, inputDigest, CLASS, deadline);
    }

    function _deploy(ModelId model, uint256 outputIndex) private returns (ClassificationPayout) {
        (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs) = _parts(model);
        return new ClassificationPayout(registry, model, outputIndex, record, inputs, outputs);
    }

    function _parts(ModelId model)
        private
        view
        returns (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs)
    {
        return (recordOf(model), inputsOf(model), outputsOf(model));
    }

    function _expectRefused(ChunkValues[] memory values, bytes memory expected) private {
        vm.expectRevert(expected);
        payout.claim(0, ROOT, NONCE, values);
    }

    function _expectNotProven(ChunkValues[] memory values, address requester) private {
        InferenceId id = idOf(Inference(modelId, ROOT, requester, NONCE));
        _expectRefused(values, abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
    }

    function _scoresOf(uint256 class) private pure returns (uint256) {
        uint256[] memory scores_ = new uint256[](10);
        scores_[class] = 500;
        return pack(scores_);
    }

    function _attest(uint256 class) private returns (InferenceId, ChunkValues[] memory) {
        return _attestScores(REQUESTER, _scoresOf(class));
    }

    function _attestScores(address requester, uint256 word) private returns (InferenceId, ChunkValues[] memory) {
        ChunkProof[] memory proofs = _proofs(requester, word);
        return (attest(Inference(modelId, ROOT, requester, NONCE), proofs), shown(proofs));
    }

    function _proofs(address requester, uint256 word) private view returns (ChunkProof[] memory proofs) {
        Inference memory inference = Inference(modelId, ROOT, requester, NONCE);
        proofs = new ChunkProof[](3);
        uint256[] memory scores_ = new uint256[](1);
        scores_[0] = word;
        // The input's words are the same whoever asks, and whatever the model.
        proofs[0] = proofWith(inference, 0, honestValues(payout.MODEL_ID(), ROOT, 0));
        proofs[1] = proofWith(inference, 1, new uint256[](0));
        proofs[2] = proofWith(inference, 2, scores_);
    }
}
