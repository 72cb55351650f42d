// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ClassificationPayout} from "../../src/examples/ClassificationPayout.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkProof, ModelRegistration, TensorSpec, Visibility} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";

contract RejectsPayments {}

contract Reenters {
    ClassificationPayout private immutable PAYOUT;
    InferenceId private immutable INFERENCE_ID;
    bytes public reason;

    constructor(ClassificationPayout payout, InferenceId inferenceId) {
        PAYOUT = payout;
        INFERENCE_ID = inferenceId;
    }

    receive() external payable {
        try PAYOUT.claim(0, INFERENCE_ID) {}
        catch (bytes memory why) {
            reason = why;
        }
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
        payout = new ClassificationPayout(registry, modelId, 0);
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
        vm.expectRevert(ClassificationPayout.OutputNotPublic.selector);
        new ClassificationPayout(registry, other, 0);
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
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.NotOneInput.selector, 2));
        new ClassificationPayout(registry, two, 0);
        registration.manifestId = "no input";
        registration.inputs = new TensorSpec[](0);
        registration.chunks[0].numPublic = 0;
        ModelId none = register(registration);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.NotOneInput.selector, 0));
        new ClassificationPayout(registry, none, 0);
    }

    function test_constructor_revertsWhenThePublicValuesAreNotStored() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "long";
        registration.chunks[0].numPublic = 33;
        TensorSpec[] memory outputs = new TensorSpec[](2);
        (outputs[0], outputs[1]) = (registration.outputs[0], wordsAt(1, 0, 1, 32));
        registration.leafLengths[1] = 480;
        registration.outputs = outputs;
        ModelId other = register(registration);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.PublicValuesNotReadable.selector, 33));
        new ClassificationPayout(registry, other, 0);
    }

    function test_constructor_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        new ClassificationPayout(registry, unknown, 0);
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
        InferenceId id = _attest(CLASS);
        vm.expectEmit(address(payout));
        emit ClassificationPayout.BountyPaid(0, id, REQUESTER, 1 ether);
        vm.prank(RELAYER);
        payout.claim(0, id);
        assertEq(REQUESTER.balance, 1 ether);
        assertEq(address(payout).balance, 0);
        assertEq(payout.bountyOf(0).amount, 0);
    }

    function test_claim_revertsWhenThereIsNoBounty() public {
        InferenceId id = _attest(CLASS);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.BountyNotOpen.selector, 0));
        payout.claim(0, id);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.BountyNotOpen.selector, 0));
        payout.bountyOf(0);
    }

    function test_claim_revertsWhenPaidBefore() public {
        _open();
        _open();
        InferenceId id = _attest(CLASS);
        payout.claim(0, id);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.BountyNotOpen.selector, 0));
        payout.claim(0, id);
        assertEq(address(payout).balance, 1 ether);
    }

    function test_claim_revertsWhenTheInferenceIsNotProven() public {
        _open();
        registry.attest(modelId, ROOT, REQUESTER, NONCE, only(honestProof(modelId, ROOT, 0)));
        InferenceId id = idOf(modelId, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
        payout.claim(0, id);
    }

    function test_claim_revertsWhenTheModelIsAnother() public {
        _open();
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "impostor";
        ModelId named = modelId;
        modelId = register(registration);
        InferenceId id = _attest(CLASS);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelMismatch.selector, id, named, modelId));
        payout.claim(0, id);
    }

    function test_claim_revertsWhenTheRequesterIsAnother() public {
        vm.prank(FUNDER);
        payout.open{value: 1 ether}(RELAYER, inputDigest, CLASS, deadline);
        InferenceId id = _attest(CLASS);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.WrongRequester.selector, RELAYER, REQUESTER));
        payout.claim(0, id);
    }

    function test_claim_revertsWhenTheInputIsAnother() public {
        vm.prank(FUNDER);
        payout.open{value: 1 ether}(REQUESTER, "other", CLASS, deadline);
        InferenceId id = _attest(CLASS);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.WrongInput.selector, bytes32("other"), inputDigest));
        payout.claim(0, id);
    }

    function test_claim_revertsWhenTheClassIsAnother() public {
        _open();
        InferenceId id = _attest(CLASS + 1);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.WrongClass.selector, CLASS, CLASS + 1));
        payout.claim(0, id);
    }

    function test_claim_revertsWhenThePayeeRejects() public {
        address payee = address(new RejectsPayments());
        InferenceId id = _attestFor(payee, CLASS);
        vm.prank(FUNDER);
        payout.open{value: 1 ether}(payee, inputDigest, CLASS, deadline);
        vm.expectRevert(abi.encodeWithSelector(ClassificationPayout.PaymentFailed.selector, payee));
        payout.claim(0, id);
    }

    function test_claim_reentered_paysOnce() public {
        address payee = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        InferenceId id = _attestFor(payee, CLASS);
        Reenters reenters = new Reenters(payout, id);
        assertEq(address(reenters), payee);
        vm.startPrank(FUNDER);
        payout.open{value: 1 ether}(payee, inputDigest, CLASS, deadline);
        payout.open{value: 1 ether}(payee, inputDigest, CLASS, deadline);
        vm.stopPrank();
        payout.claim(0, id);
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
        assertEq(payout.classOf(_attestScores(REQUESTER, pack(scores_))), expected);
    }

    // ----------------------------------------------------------------------------------------------------- Helpers

    function _open() private returns (uint256) {
        vm.prank(FUNDER);
        return payout.open{value: 1 ether}(REQUESTER, inputDigest, CLASS, deadline);
    }

    function _attest(uint256 class) private returns (InferenceId) {
        return _attestFor(REQUESTER, class);
    }

    function _attestFor(address requester, uint256 class) private returns (InferenceId) {
        uint256[] memory scores_ = new uint256[](10);
        scores_[class] = 500;
        return _attestScores(requester, pack(scores_));
    }

    function _attestScores(address requester, uint256 word) private returns (InferenceId) {
        ChunkProof[] memory proofs = new ChunkProof[](3);
        // The input leaf is the same whoever asks, and whatever the model.
        uint256[] memory leaf = honestValues(payout.MODEL_ID(), ROOT, 0);
        uint256[] memory scores_ = new uint256[](1);
        scores_[0] = word;
        proofs[0] = proofWith(modelId, ROOT, requester, NONCE, 0, leaf);
        proofs[1] = proofWith(modelId, ROOT, requester, NONCE, 1, new uint256[](0));
        proofs[2] = proofWith(modelId, ROOT, requester, NONCE, 2, scores_);
        return registry.attest(modelId, ROOT, requester, NONCE, proofs);
    }
}
