// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC8004Validator} from "../../src/adapters/ERC8004Validator.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IERC8004ValidationRegistry} from "../../src/interfaces/standards/IERC8004.sol";
import {Evidence} from "../../src/libraries/ShownTensors.sol";
import {ShownValues} from "../../src/libraries/ShownValues.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {TensorSpec} from "../../src/types/RegistryTypes.sol";
import {AgentTest} from "../helpers/AgentTest.sol";
import {
    LenientValidationRegistry,
    ReentrantValidationRegistry,
    StubIdentityRegistry,
    StubValidationRegistry
} from "../stubs/StubValidationRegistry.sol";

/// @notice The validator of ERC-8004, with a validation registry as the draft has it.
contract ERC8004ValidatorTest is AgentTest {
    address internal constant AGENT = address(0xA6E27);
    address internal constant RIVAL = address(0x21741);
    string internal constant URI = "ipfs://payload";

    StubIdentityRegistry internal identity;
    StubValidationRegistry internal validation;
    ERC8004Validator internal validator;
    uint256 internal agentId;
    uint256 internal rivalId;

    function setUp() public override {
        super.setUp();
        identity = new StubIdentityRegistry();
        vm.prank(AGENT);
        agentId = identity.register();
        vm.prank(RIVAL);
        rivalId = identity.register();
        useRegistry(new StubValidationRegistry(identity));
    }

    // -------------------------------------------------------------------------------------------- The interface

    function test_interface_isThatOfTheDraft() public pure {
        assertEq(IERC8004ValidationRegistry.validationRequest.selector, bytes4(0xaaf400c4));
        assertEq(IERC8004ValidationRegistry.validationResponse.selector, bytes4(0x3d659a96));
        assertEq(IERC8004ValidationRegistry.getValidationStatus.selector, bytes4(0xff2febfc));
        assertEq(IERC8004ValidationRegistry.getSummary.selector, bytes4(0x1b7cabd6));
        assertEq(IERC8004ValidationRegistry.getAgentValidations.selector, bytes4(0x8d5d0c2d));
        assertEq(IERC8004ValidationRegistry.getValidatorRequests.selector, bytes4(0x4bf3158c));
        assertEq(IERC8004ValidationRegistry.getIdentityRegistry.selector, bytes4(0xbc4d861b));
        assertEq(
            IERC8004ValidationRegistry.ValidationRequest.selector,
            bytes32(0x530436c3634a98e1e626b0898be2f1e9980cc1bd2a78c07a0aba52d0a48a5059)
        );
        assertEq(
            IERC8004ValidationRegistry.ValidationResponse.selector,
            bytes32(0xafddf629e874ccc3963b6a888c477bd464a6c8525024fc88759ea3b2326349ae)
        );
    }

    function test_requestHash_coversAllOfTheClaim() public {
        ERC8004Validator.Claim memory claim = _claim();
        bytes32 request = keccak256("chainfer.erc8004.request.v1");
        bytes memory payload = abi.encode(request, block.chainid, validation, registry, claim, run.outputs);
        assertEq(validator.payloadOf(claim, run.outputs), payload);
        assertEq(validator.requestHashOf(claim, run.outputs), keccak256(payload));
        vm.chainId(block.chainid + 1);
        assertNotEq(validator.requestHashOf(claim, run.outputs), keccak256(payload));
    }

    function test_nonceOf_differsByAgentNonceAndRegistry() public {
        uint256 nonce = validator.nonceOf(agentId, NONCE);
        assertNotEq(nonce, validator.nonceOf(rivalId, NONCE));
        assertNotEq(nonce, validator.nonceOf(agentId, NONCE + 1));
        useRegistry(new StubValidationRegistry(identity));
        assertNotEq(nonce, validator.nonceOf(agentId, NONCE));
    }

    // ---------------------------------------------------------------------------------------------- What is true

    function test_settle_attested_answers100() public {
        InferenceId id = _prove();
        bytes32 requestHash = _request(_claim());
        vm.expectEmit(address(validation));
        emit IERC8004ValidationRegistry.ValidationResponse(
            address(validator), agentId, requestHash, 100, "", InferenceId.unwrap(id), "chainfer"
        );
        vm.prank(RELAYER);
        assertEq(_settle(_claim()), 100);
        vm.snapshotGasLastCall("AgentAdapters", "ERC-8004: settle, first answer");
        (address asked, uint256 agent, uint8 response, bytes32 responseHash, string memory tag,) =
            validation.getValidationStatus(requestHash);
        assertEq(asked, address(validator));
        assertEq(agent, agentId);
        assertEq(response, 100);
        assertEq(responseHash, InferenceId.unwrap(id));
        assertEq(tag, validator.TAG());
        _assertSummary(1, 100);
    }

    function test_settle_requestedBeforeItIsProven_answers100() public {
        _request(_claim());
        _expectRefused(_claim(), abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, _id()));
        _prove();
        assertEq(_settle(_claim()), 100);
    }

    function test_settle_deprecatedAfterwards_answers100() public {
        _prove();
        _request(_claim());
        vm.warp(block.timestamp + 1);
        deprecate();
        assertEq(_settle(_claim()), 100);
    }

    function test_settle_anotherNonce_isAnotherRequest() public {
        _prove();
        _request(_claim());
        _settle(_claim());
        ERC8004Validator.Claim memory next = _claim();
        next.nonce = NONCE + 1;
        attest(run, REQUESTER, validator.nonceOf(agentId, next.nonce));
        _request(next);
        _settle(next);
        _assertSummary(2, 100);
    }

    // ------------------------------------------------------------------------------------------ What is not true

    function test_settle_revertsWhenItIsTheAnswerAlready() public {
        _prove();
        bytes32 requestHash = _request(_claim());
        _settle(_claim());
        _expectRefused(
            _claim(), abi.encodeWithSelector(ERC8004Validator.AlreadyAnswered.selector, requestHash, uint8(100))
        );
    }

    function test_settle_revertsWhenNobodyAsked() public {
        _prove();
        bytes32 requestHash = _hashOf(_claim());
        _expectRefused(_claim(), abi.encodeWithSelector(StubValidationRegistry.UnknownRequest.selector, requestHash));
        useRegistry(new LenientValidationRegistry(identity));
        _prove();
        requestHash = _hashOf(_claim());
        _expectRefused(_claim(), abi.encodeWithSelector(ERC8004Validator.NotRequested.selector, requestHash));
    }

    function test_settle_revertsWhenAnotherValidatorIsAsked() public {
        _prove();
        bytes32 requestHash = _hashOf(_claim());
        vm.prank(AGENT);
        validation.validationRequest(RELAYER, agentId, URI, requestHash);
        _expectRefused(_claim(), abi.encodeWithSelector(ERC8004Validator.NotRequested.selector, requestHash));
    }

    function test_settle_revertsWhenAnyPartOfTheClaimIsAnother() public {
        _prove();
        _request(_claim());
        ModelId other = registerAs("another");
        for (uint256 i; i < 5; ++i) {
            ERC8004Validator.Claim memory claim = _claim();
            if (i == 0) claim.agentId = rivalId;
            if (i == 1) claim.modelId = other;
            if (i == 2) claim.root ^= 1;
            if (i == 3) claim.requester = RELAYER;
            if (i == 4) claim.nonce ^= 1;
            InferenceId id = validator.inferenceIdOf(claim);
            _expectRefused(claim, abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
        }
    }

    function test_settle_revertsWhenOtherOutputsWereClaimed() public {
        _prove();
        uint256[][] memory words = run.outputs;
        words[0][0] ^= 1;
        bytes32 claimed = validator.requestHashOf(_claim(), words);
        vm.prank(AGENT);
        validation.validationRequest(address(validator), agentId, URI, claimed);
        _expectRefused(
            _claim(), abi.encodeWithSelector(StubValidationRegistry.UnknownRequest.selector, _hashOf(_claim()))
        );
        (,, uint8 response,, string memory tag,) = validation.getValidationStatus(claimed);
        assertEq(response, 0);
        assertEq(tag, "");
    }

    function test_settle_revertsWhenWhatIsShownIsNotTheInferences() public {
        InferenceId id = _prove();
        _request(_claim());
        bytes memory wrongValues = abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id);
        bytes memory wrongRecord = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        Evidence memory shown = shownOutputs();
        shown.values[2].values[0] ^= 1;
        _expectRefusedShown(shown, wrongValues);
        shown = shownOutputs();
        (shown.values[0], shown.values[1]) = (shown.values[1], shown.values[0]);
        _expectRefusedShown(shown, wrongValues);
        shown = shownOutputs();
        hide(shown.values[2]);
        _expectRefusedShown(shown, abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 2));

        shown = shownInputs();
        shown.record.outputs = shown.record.inputs;
        _expectRefusedShown(shown, wrongRecord);
        _expectRefusedShown(shownInputs(), wrongRecord);
        shown = shownOutputs();
        shown.tensors[0].offset = 1;
        _expectRefusedShown(shown, wrongRecord);
        shown.tensors = new TensorSpec[](0);
        _expectRefusedShown(shown, wrongRecord);
    }

    function test_settle_chunksWithoutOutputs_needDigestsOnly() public {
        _prove();
        _request(_claim());
        Evidence memory shown = shownOutputs();
        hide(shown.values[0]);
        hide(shown.values[1]);
        assertEq(validator.settle(_claim(), shown), 100);
    }

    function test_settle_revertsWhenTheModelWasDeprecatedBefore() public {
        deprecate();
        _prove();
        _request(_claim());
        _expectRefused(_claim(), abi.encodeWithSelector(IChainferRegistry.ModelIsDeprecated.selector, modelId));
    }

    // --------------------------------------------------------------------------------------------------- Freezes

    function test_settle_contradicted_answers0() public {
        InferenceId id = _prove();
        bytes32 requestHash = _request(_claim());
        _settle(_claim());
        contradict(id);
        vm.expectEmit(address(validation));
        emit IERC8004ValidationRegistry.ValidationResponse(
            address(validator), agentId, requestHash, 0, "", InferenceId.unwrap(id), "chainfer"
        );
        vm.prank(RELAYER);
        assertEq(_settle(_claim()), 0);
        _assertSummary(1, 0);
        _expectRefused(
            _claim(), abi.encodeWithSelector(ERC8004Validator.AlreadyAnswered.selector, requestHash, uint8(0))
        );
    }

    function test_settle_frozenBeforeTheFirstAnswer_answers0() public {
        _prove();
        _request(_claim());
        freeze();
        assertEq(_settle(_claim()), 0);
        _assertSummary(1, 0);
    }

    function test_settle_unfrozen_answers100Again() public {
        _prove();
        _request(_claim());
        freeze();
        _settle(_claim());
        unfreeze();
        assertEq(_settle(_claim()), 100);
        _assertSummary(1, 100);
    }

    function test_settle_revertsWhenFrozenAndNeverAttested() public {
        _request(_claim());
        uint256 before = vm.snapshotState();
        freeze();
        bytes memory expected = abi.encodeWithSelector(ERC8004Validator.NeverAttested.selector, _id());
        _expectRefused(_claim(), expected);
        vm.revertToState(before);
        deprecate();
        _prove();
        freeze();
        _expectRefused(_claim(), expected);
    }

    function test_settle_revertsWhenNotAllChunksAreProven() public {
        InferenceId id = attestChunks(run, REQUESTER, validator.nonceOf(agentId, NONCE), 3);
        _request(_claim());
        Evidence memory shown = shownOutputs();
        shown.values = partOf(shown.values);
        _expectRefusedShown(shown, abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
        freeze();
        _expectRefusedShown(shown, abi.encodeWithSelector(ERC8004Validator.NeverAttested.selector, id));
    }

    /// @dev Whatever happens in whatever order, the last answer is what the registry said when it was given, and there is one only if
    /// the inference counted.
    function testFuzz_settle_answersWhatTheRegistrySays(uint256 steps) public {
        bytes32 requestHash = _request(_claim());
        (bool proven, bool counted, bool frozen, bool deprecated) = (false, false, false, false);
        (bool answered, uint8 last) = (false, 0);
        for (uint256 i; i < 24; ++i) {
            uint256 step = steps % 5;
            steps /= 5;
            if (step == 0 && !proven && !frozen) {
                _prove();
                (proven, counted) = (true, !deprecated);
            } else if (step == 1) {
                frozen ? unfreeze() : freeze();
                frozen = !frozen;
            } else if (step == 2 && !deprecated && i > 4) {
                deprecate();
                deprecated = true;
            } else {
                uint8 expected = frozen ? 0 : 100;
                bool answers = counted && (!answered || last != expected);
                try validator.settle(_claim(), shownOutputs()) returns (uint8 response) {
                    assertTrue(answers);
                    (answered, last) = (true, response);
                    assertEq(response, expected);
                } catch {
                    assertFalse(answers);
                }
            }
            (,, uint8 response_,, string memory tag,) = validation.getValidationStatus(requestHash);
            assertEq(response_, last);
            assertEq(bytes(tag).length != 0, answered);
        }
    }

    // --------------------------------------------------------------------------------------------------- Rivals

    function test_settle_copiedInference_isNotAnotherAgents() public {
        _prove();
        _request(_claim());
        ERC8004Validator.Claim memory copy = _claim();
        copy.agentId = rivalId;
        bytes32 copied = _hashOf(copy);
        vm.prank(RIVAL);
        validation.validationRequest(address(validator), rivalId, URI, copied);
        InferenceId id = validator.inferenceIdOf(copy);
        _expectRefused(copy, abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
        _settle(_claim());
        _assertSummary(1, 100);
        (uint64 count,) = validation.getSummary(rivalId, new address[](0), "");
        assertEq(count, 0);
    }

    function test_settle_takenHash_isAnsweredForNobody_andTheNextAttemptIs() public {
        _prove();
        ERC8004Validator.Claim memory claim = _claim();
        bytes32 taken = _hashOf(claim);
        vm.prank(RIVAL);
        validation.validationRequest(address(validator), rivalId, URI, taken);
        _expectRefused(claim, abi.encodeWithSelector(ERC8004Validator.NotRequested.selector, taken));
        // The agent itself may have wasted one on another validator.
        claim.attempt = 1;
        taken = _hashOf(claim);
        vm.prank(AGENT);
        validation.validationRequest(RELAYER, agentId, URI, taken);
        _expectRefused(claim, abi.encodeWithSelector(ERC8004Validator.NotRequested.selector, taken));
        claim.attempt = 2;
        _request(claim);
        assertEq(_settle(claim), 100);
        _assertSummary(1, 100);
    }

    function test_settle_revertsWhenAnEarlierAttemptIsNotTaken() public {
        _prove();
        ERC8004Validator.Claim memory claim = _claim();
        claim.attempt = 1;
        _request(claim);
        bytes32 earlier = _hashOf(_claim());
        _expectRefused(claim, abi.encodeWithSelector(StubValidationRegistry.UnknownRequest.selector, earlier));
        _request(_claim());
        bytes memory expected = abi.encodeWithSelector(ERC8004Validator.AttemptNotNeeded.selector, 0, earlier);
        _expectRefused(claim, expected);
        _settle(_claim());
        _expectRefused(claim, expected);
        _assertSummary(1, 100);

        useRegistry(new LenientValidationRegistry(identity));
        _prove();
        _request(claim);
        earlier = _hashOf(_claim());
        _expectRefused(claim, abi.encodeWithSelector(ERC8004Validator.AttemptNotNeeded.selector, 0, earlier));
    }

    function test_settle_requestInAnotherRegistry_isNoRequest() public {
        _prove();
        _request(_claim());
        (StubValidationRegistry first, ERC8004Validator its) = (validation, validator);
        // A registry of the attacker's, who answers there as he likes: the first does not hear of it.
        useRegistry(new StubValidationRegistry(identity));
        assertNotEq(its.requestHashOf(_claim(), run.outputs), _hashOf(_claim()));
        InferenceId id = validator.inferenceIdOf(_claim());
        _expectRefused(_claim(), abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
        (uint64 count,) = first.getSummary(agentId, new address[](0), "");
        assertEq(count, 0);
    }

    function test_settle_reentered_answersTheSame() public {
        ReentrantValidationRegistry hostile = new ReentrantValidationRegistry(identity);
        useRegistry(hostile);
        _prove();
        _request(_claim());
        hostile.callBack(address(validator), abi.encodeCall(ERC8004Validator.settle, (_claim(), shownOutputs())));
        assertEq(_settle(_claim()), 100);
        assertTrue(hostile.succeeded());
        _assertSummary(1, 100);
    }

    /// @dev Whoever settles with too little gas must not get a verdict over the claim.
    function testFuzz_settle_withTooLittleGas_isNoVerdict(uint256 gas_) public {
        _prove();
        bytes32 requestHash = _request(_claim());
        gas_ = bound(gas_, 20_000, 400_000);
        try validator.settle{gas: gas_}(_claim(), shownOutputs()) returns (uint8 response) {
            assertEq(response, 100);
        } catch {
            (,,,, string memory tag,) = validation.getValidationStatus(requestHash);
            assertEq(tag, "");
        }
    }

    // --------------------------------------------------------------------------------------------------- Helpers

    function useRegistry(StubValidationRegistry registry_) internal {
        validation = registry_;
        validator = new ERC8004Validator(registry_, registry);
    }

    function _claim() private view returns (ERC8004Validator.Claim memory) {
        return ERC8004Validator.Claim(agentId, modelId, run.root, REQUESTER, NONCE, 0);
    }

    function _prove() private returns (InferenceId) {
        return attest(run, REQUESTER, validator.nonceOf(agentId, NONCE));
    }

    function _id() private view returns (InferenceId) {
        return validator.inferenceIdOf(_claim());
    }

    function _hashOf(ERC8004Validator.Claim memory claim) private view returns (bytes32) {
        return validator.requestHashOf(claim, run.outputs);
    }

    function _request(ERC8004Validator.Claim memory claim) private returns (bytes32 requestHash) {
        requestHash = _hashOf(claim);
        vm.prank(AGENT);
        validation.validationRequest(address(validator), agentId, URI, requestHash);
    }

    function _settle(ERC8004Validator.Claim memory claim) private returns (uint8) {
        return validator.settle(claim, shownOutputs());
    }

    function _expectRefused(ERC8004Validator.Claim memory claim, bytes memory expected) private {
        vm.expectRevert(expected);
        validator.settle(claim, shownOutputs());
    }

    function _expectRefusedShown(Evidence memory shown, bytes memory expected) private {
        ERC8004Validator.Claim memory claim = _claim();
        vm.expectRevert(expected);
        validator.settle(claim, shown);
    }

    function _assertSummary(uint64 count, uint8 average) private view {
        address[] memory validators = new address[](1);
        validators[0] = address(validator);
        (uint64 actualCount, uint8 actualAverage) = validation.getSummary(agentId, validators, "chainfer");
        assertEq(actualCount, count);
        assertEq(actualAverage, average);
    }
}
