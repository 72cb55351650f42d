// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ERC8183Evaluator} from "../../src/adapters/ERC8183Evaluator.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
import {IERC8183, Job, JobStatus} from "../../src/interfaces/standards/IERC8183.sol";
import {Evidence} from "../../src/libraries/ShownTensors.sol";
import {ShownValues} from "../../src/libraries/ShownValues.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {AgentTest} from "../helpers/AgentTest.sol";
import {IStubHook, LaterCommerce, StubCommerce, StubToken} from "../stubs/StubCommerce.sol";

/// @notice The evaluator of ERC-8183, with a job escrow as the draft has it.
contract ERC8183EvaluatorTest is AgentTest {
    address internal constant PROVIDER = address(0x9207);
    uint256 internal constant BUDGET = 10_000;
    uint256 internal constant EXPIRY = 1_900_000_000;

    StubToken internal token;
    StubCommerce internal commerce;
    ERC8183Evaluator internal evaluator;

    function setUp() public override {
        super.setUp();
        token = new StubToken();
        evaluator = new ERC8183Evaluator(registry);
        commerce = new StubCommerce(token, 0);
    }

    // -------------------------------------------------------------------------------------------- The interface

    function test_interface_isThatOfTheDraft() public pure {
        assertEq(IERC8183.complete.selector, bytes4(0xd75bbdf3));
        assertEq(IERC8183.reject.selector, bytes4(0x41dd26f5));
        assertEq(IERC8183.submit.selector, bytes4(0x9e63798d));
        assertEq(IERC8183.getJob.selector, bytes4(0xbf22c457));
        assertEq(IERC8183.claimRefund.selector, bytes4(0x5b7baf64));
        assertEq(
            IERC8183.JobSubmitted.selector, bytes32(0x80c17db79857f338a6a6df68a6883ecc0ce78e2202fe61ed979733573f40538e)
        );
        assertEq(
            IERC8183.JobCompleted.selector, bytes32(0x0fd54bd364fa9e67f17b091aefe930932c09fe7651cf5ad02c71a418f3341444)
        );
        assertEq(
            IERC8183.JobRejected.selector, bytes32(0xae7362b1af91f4492868987b9c73990d780060811551b58728fbe96fd1bab275)
        );
    }

    function test_descriptionOf_isTheHashOfTheTerms() public view {
        ERC8183Evaluator.Terms memory terms = _terms();
        bytes32 hash = keccak256(
            abi.encode(keccak256("chainfer.erc8183.terms.v1"), terms.modelId, terms.inputsHash, terms.rejectWhenFrozen)
        );
        assertEq(evaluator.descriptionOf(terms), string.concat("chainfer:", vm.toString(hash)));
        assertEq(terms.inputsHash, evaluator.inputsHashOf(run.inputs));
    }

    function test_nonceOf_differsByJobAndContract() public view {
        assertNotEq(evaluator.nonceOf(commerce, 1), evaluator.nonceOf(commerce, 2));
        assertNotEq(evaluator.nonceOf(commerce, 1), evaluator.nonceOf(IERC8183(address(1)), 1));
    }

    // ------------------------------------------------------------------------------------------------- Complete

    function test_complete_attested_paysTheProvider() public {
        uint256 jobId = _submitted(_terms());
        InferenceId id = _prove(jobId);
        vm.expectEmit(address(commerce));
        emit IERC8183.JobCompleted(jobId, address(evaluator), InferenceId.unwrap(id));
        vm.prank(RELAYER);
        assertEqId(_complete(jobId), id);
        vm.snapshotGasLastCall("AgentAdapters", "ERC-8183: complete");
        assertEq(token.balanceOf(PROVIDER), BUDGET);
        assertEq(token.balanceOf(address(commerce)), 0);
        assertTrue(commerce.getJob(jobId).status == JobStatus.Completed);
    }

    function test_complete_deprecatedAfterwards_paysTheProvider() public {
        uint256 jobId = _submitted(_terms());
        _prove(jobId);
        deprecate();
        _complete(jobId);
        assertEq(token.balanceOf(PROVIDER), BUDGET);
    }

    function test_complete_descriptionWithTextBehind_paysTheProvider() public {
        uint256 jobId = _submitted(string.concat(evaluator.descriptionOf(_terms()), " classify my cat"));
        _prove(jobId);
        _complete(jobId);
        assertEq(token.balanceOf(PROVIDER), BUDGET);
    }

    function test_complete_laterCommerce_paysTheProvider() public {
        commerce = new LaterCommerce(token, 0);
        uint256 jobId = _submitted(_terms());
        _prove(jobId);
        _complete(jobId);
        assertEq(token.balanceOf(PROVIDER), BUDGET);
    }

    function test_complete_chunksWithoutInputs_needDigestsOnly() public {
        uint256 jobId = _submitted(_terms());
        _prove(jobId);
        Evidence memory shown = shownInputs();
        hide(shown.values[2]);
        evaluator.complete(commerce, jobId, _terms(), run.root, shown, IERC20(address(0)));
        assertEq(token.balanceOf(PROVIDER), BUDGET);
    }

    function test_complete_revertsWhenTheJobHasAnotherEvaluator() public {
        uint256 jobId = _job(evaluator.descriptionOf(_terms()), RELAYER, address(0));
        _prove(jobId);
        _expectRefused(jobId, abi.encodeWithSelector(ERC8183Evaluator.NotEvaluator.selector, jobId, RELAYER));
        _expectRefused(99, abi.encodeWithSelector(ERC8183Evaluator.NotEvaluator.selector, 99, address(0)));
    }

    function test_complete_revertsWhenTheDescriptionHasOtherTerms() public {
        string memory right = evaluator.descriptionOf(_terms());
        bytes memory upper = bytes.concat(bytes(right));
        upper[0] = "C";
        bytes memory short = bytes.concat(bytes(right));
        assembly ("memory-safe") {
            mstore(short, sub(mload(short), 1))
        }
        string[4] memory descriptions = ["", string(upper), string(short), string.concat(" ", right)];
        for (uint256 i; i < descriptions.length; ++i) {
            uint256 jobId = _submitted(descriptions[i]);
            _prove(jobId);
            _expectRefused(jobId, abi.encodeWithSelector(ERC8183Evaluator.TermsMismatch.selector, jobId));
        }
    }

    function test_complete_revertsWhenOtherTermsAreHandedIn() public {
        uint256 jobId = _submitted(_terms());
        _prove(jobId);
        for (uint256 i; i < 3; ++i) {
            ERC8183Evaluator.Terms memory terms = _terms();
            if (i == 0) terms.modelId = ModelId.wrap(bytes32(uint256(ModelId.unwrap(modelId)) ^ 1));
            if (i == 1) terms.inputsHash ^= bytes32(uint256(1));
            if (i == 2) terms.rejectWhenFrozen = !terms.rejectWhenFrozen;
            vm.expectRevert(abi.encodeWithSelector(ERC8183Evaluator.TermsMismatch.selector, jobId));
            evaluator.complete(commerce, jobId, terms, run.root, shownInputs(), IERC20(address(0)));
            vm.expectRevert(abi.encodeWithSelector(ERC8183Evaluator.TermsMismatch.selector, jobId));
            evaluator.reject(commerce, jobId, terms);
        }
    }

    function test_complete_revertsWhenNothingIsProven() public {
        uint256 jobId = _submitted(_terms());
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, _idOf(jobId));
        _expectRefused(jobId, expected);
    }

    function test_complete_revertsWhenNotAllChunksAreProven() public {
        uint256 jobId = _submitted(_terms());
        InferenceId id = attestChunks(run, REQUESTER, evaluator.nonceOf(commerce, jobId), 3);
        Evidence memory shown = shownInputs();
        shown.values = partOf(shown.values);
        _expectRefusedShown(jobId, shown, abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
    }

    function test_complete_revertsWhenTheInferenceIsAnotherJobs() public {
        uint256 first = _submitted(_terms());
        uint256 second = _submitted(_terms());
        _prove(first);
        _complete(first);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, _idOf(second));
        _expectRefused(second, expected);
        // The same number in another contract.
        commerce = new StubCommerce(token, 0);
        assertEq(_submitted(_terms()), first);
        expected = abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, _idOf(first));
        _expectRefused(first, expected);
    }

    function test_complete_revertsWhenTheInferenceIsAnotherClients() public {
        uint256 jobId = _submitted(_terms());
        attest(run, RELAYER, evaluator.nonceOf(commerce, jobId));
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, _idOf(jobId));
        _expectRefused(jobId, expected);
    }

    function test_complete_revertsWhenTheInputsAreOthers() public {
        bytes32[2][2] memory inputs = [[bytes32("cat"), "hint"], [bytes32("image"), "other"]];
        bytes32 agreed = _terms().inputsHash;
        uint256 jobId = _submitted(_terms());
        ERC8183Evaluator.Terms memory terms = _terms();
        for (uint256 i; i < inputs.length; ++i) {
            run = runOf(inputs[i][0], inputs[i][1]);
            _prove(jobId);
            vm.expectRevert(
                abi.encodeWithSelector(
                    ERC8183Evaluator.InputsMismatch.selector, agreed, evaluator.inputsHashOf(run.inputs)
                )
            );
            evaluator.complete(commerce, jobId, terms, run.root, shownInputs(), IERC20(address(0)));
        }
    }

    function test_complete_revertsWhenWhatIsShownIsNotTheInferences() public {
        uint256 jobId = _submitted(_terms());
        InferenceId id = _prove(jobId);
        Evidence memory shown = shownInputs();
        shown.values[1].values[0] ^= 1;
        _expectRefusedShown(jobId, shown, abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id));
        shown = shownInputs();
        hide(shown.values[1]);
        _expectRefusedShown(jobId, shown, abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 1));
        bytes memory wrongRecord = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        shown = shownOutputs();
        shown.record.inputs = shown.record.outputs;
        _expectRefusedShown(jobId, shown, wrongRecord);
        _expectRefusedShown(jobId, shownOutputs(), wrongRecord);
        shown = shownInputs();
        shown.tensors[1].chunk = 2;
        _expectRefusedShown(jobId, shown, wrongRecord);
    }

    function test_complete_revertsWhenTheModelIsFrozen_andPaysOnceItIsNot() public {
        uint256 jobId = _submitted(_terms());
        _prove(jobId);
        freeze();
        _expectRefused(jobId, abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        unfreeze();
        _complete(jobId);
        assertEq(token.balanceOf(PROVIDER), BUDGET);
    }

    function test_complete_revertsWhenTheModelWasDeprecatedBefore() public {
        uint256 jobId = _submitted(_terms());
        deprecate();
        _prove(jobId);
        _expectRefused(jobId, abi.encodeWithSelector(IChainferRegistry.ModelIsDeprecated.selector, modelId));
    }

    function test_complete_revertsWhenTheJobIsNotSubmitted() public {
        uint256 jobId = _funded(evaluator.descriptionOf(_terms()), address(evaluator), address(0));
        _prove(jobId);
        _expectRefused(jobId, abi.encodeWithSelector(StubCommerce.WrongStatus.selector));
        vm.prank(PROVIDER);
        commerce.submit(jobId, "work", "");
        _complete(jobId);
        _expectRefused(jobId, abi.encodeWithSelector(StubCommerce.WrongStatus.selector));
        assertEq(token.balanceOf(PROVIDER), BUDGET);
    }

    // --------------------------------------------------------------------------------------------------- Reject

    function test_reject_agreedAndFrozen_refundsTheClient() public {
        for (uint256 i; i < 2; ++i) {
            string memory description = evaluator.descriptionOf(_rejectable());
            uint256 jobId = i == 0 ? _funded(description, address(evaluator), address(0)) : _submitted(description);
            _prove(jobId);
            freeze();
            uint256 before = token.balanceOf(REQUESTER);
            vm.expectEmit(address(commerce));
            emit IERC8183.JobRejected(jobId, address(evaluator), ModelId.unwrap(modelId));
            vm.prank(RELAYER);
            evaluator.reject(commerce, jobId, _rejectable());
            assertEq(token.balanceOf(REQUESTER), before + BUDGET);
            unfreeze();
        }
    }

    function test_reject_revertsWhenItIsNotAgreed() public {
        uint256 jobId = _submitted(_terms());
        freeze();
        vm.expectRevert(abi.encodeWithSelector(ERC8183Evaluator.RejectionNotAgreed.selector, jobId));
        evaluator.reject(commerce, jobId, _terms());
        // The client waits, and is refunded in the end.
        vm.warp(EXPIRY);
        commerce.claimRefund(jobId);
        assertEq(token.balanceOf(REQUESTER), BUDGET);
    }

    function test_reject_revertsWhenTheModelIsNotFrozen() public {
        uint256 jobId = _submitted(_rejectable());
        bytes memory expected = abi.encodeWithSelector(IRegistryGovernance.ModelIsNotFrozen.selector, modelId);
        vm.expectRevert(expected);
        evaluator.reject(commerce, jobId, _rejectable());
        deprecate();
        vm.expectRevert(expected);
        evaluator.reject(commerce, jobId, _rejectable());
    }

    function test_reject_revertsWhenTheJobHasAnotherEvaluator() public {
        uint256 jobId = _job(evaluator.descriptionOf(_rejectable()), RELAYER, address(0));
        freeze();
        vm.expectRevert(abi.encodeWithSelector(ERC8183Evaluator.NotEvaluator.selector, jobId, RELAYER));
        evaluator.reject(commerce, jobId, _rejectable());
    }

    function test_reject_revertsWhenThereIsNoSuchModel() public {
        ERC8183Evaluator.Terms memory terms = _rejectable();
        terms.modelId = ModelId.wrap("none");
        uint256 jobId = _submitted(terms);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, terms.modelId));
        evaluator.reject(commerce, jobId, terms);
    }

    // ----------------------------------------------------------------------------------------------------- Fees

    function test_complete_feeOfTheEvaluator_goesToWhoeverCalls() public {
        commerce = new StubCommerce(token, 300);
        uint256 jobId = _submitted(_terms());
        _prove(jobId);
        vm.prank(RELAYER);
        _completeFor(jobId, token);
        assertEq(token.balanceOf(RELAYER), 300);
        assertEq(token.balanceOf(PROVIDER), BUDGET - 300);
        assertEq(token.balanceOf(address(evaluator)), 0);
    }

    function test_complete_feeThatWasLeft_goesToTheNext() public {
        commerce = new StubCommerce(token, 300);
        uint256 first = _submitted(_terms());
        uint256 second = _submitted(_terms());
        _prove(first);
        _prove(second);
        _complete(first);
        assertEq(token.balanceOf(address(evaluator)), 300);
        vm.prank(RELAYER);
        _completeFor(second, token);
        assertEq(token.balanceOf(RELAYER), 600);
    }

    function test_complete_feeInAnotherToken_isNothing() public {
        uint256 jobId = _submitted(_terms());
        _prove(jobId);
        vm.prank(RELAYER);
        _completeFor(jobId, new StubToken());
        assertEq(token.balanceOf(PROVIDER), BUDGET);
    }

    // -------------------------------------------------------------------------------------------- Hostile others

    /// @dev From the hook of a job: the job itself, one that nothing is proven for, and one of another contract that is good, which
    /// can be judged afterwards.
    function test_complete_reentered_judgesOneJob() public {
        ReentrantHook hook = new ReentrantHook();
        StubCommerce elsewhere = new StubCommerce(token, 300);
        commerce = elsewhere;
        uint256 other = _submitted(_terms());
        _prove(other);
        bytes memory otherCall = _call(other);

        commerce = new StubCommerce(token, 0);
        uint256 hooked = _hooked(address(hook));
        _prove(hooked);
        uint256 unproven = _submitted(_terms());
        hook.add(address(evaluator), _call(hooked));
        hook.add(address(evaluator), _call(unproven));
        hook.add(address(evaluator), otherCall);

        _completeFor(hooked, token);
        assertEq(hook.calls(), 6);
        assertEq(hook.successes(), 0);
        assertTrue(commerce.getJob(hooked).status == JobStatus.Completed);
        assertTrue(commerce.getJob(unproven).status == JobStatus.Submitted);
        assertTrue(elsewhere.getJob(other).status == JobStatus.Submitted);
        (bool success,) = address(evaluator).call(otherCall);
        assertTrue(success);
        assertTrue(elsewhere.getJob(other).status == JobStatus.Completed);
        assertEq(token.balanceOf(PROVIDER), 2 * BUDGET - 300);
        assertEq(token.balanceOf(address(this)), 300);
        assertEq(token.balanceOf(address(commerce)), BUDGET);
    }

    /// @dev The client of a job chooses its hook, which would be the next to call: with a job of its own contract, which pays nothing.
    function test_complete_hookThatWantsTheFee_doesNotGetIt() public {
        commerce = new StubCommerce(token, 300);
        ReentrantHook hook = new ReentrantHook();
        uint256 jobId = _hooked(address(hook));
        _prove(jobId);
        OwnCommerce own = new OwnCommerce(address(evaluator), evaluator.descriptionOf(_terms()));
        attest(run, address(own), evaluator.nonceOf(IERC8183(address(own)), 0));
        bytes memory call = abi.encodeCall(
            ERC8183Evaluator.complete, (IERC8183(address(own)), 0, _terms(), run.root, shownInputs(), token)
        );
        hook.add(address(evaluator), call);

        vm.prank(RELAYER);
        _completeFor(jobId, token);
        assertEq(hook.calls(), 2);
        assertEq(hook.successes(), 0);
        assertEq(token.balanceOf(address(hook)), 0);
        assertEq(token.balanceOf(RELAYER), 300);
        // It is a good call, but for the place that it comes from.
        (bool success,) = address(evaluator).call(call);
        assertTrue(success);
    }

    function test_complete_revertsWhenReentered() public {
        commerce = new StubCommerce(token, 300);
        uint256 jobId = _hooked(address(new PassingHook()));
        _prove(jobId);
        PassingHook(commerce.getJob(jobId).hook).set(address(evaluator), _call(jobId));
        _expectRefused(jobId, abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
    }

    function test_complete_forgedCommerce_touchesNoOtherJob() public {
        uint256 jobId = _submitted(_terms());
        ForgedCommerce forged = new ForgedCommerce(commerce.getJob(jobId), commerce);
        attest(run, REQUESTER, evaluator.nonceOf(IERC8183(address(forged)), jobId));
        vm.expectRevert(StubCommerce.Unauthorised.selector);
        evaluator.complete(IERC8183(address(forged)), jobId, _terms(), run.root, shownInputs(), IERC20(address(0)));
        assertTrue(commerce.getJob(jobId).status == JobStatus.Submitted);
    }

    // --------------------------------------------------------------------------------------------------- Helpers

    function _terms() private view returns (ERC8183Evaluator.Terms memory) {
        return ERC8183Evaluator.Terms(modelId, keccak256(abi.encode(run.inputs)), false);
    }

    function _rejectable() private view returns (ERC8183Evaluator.Terms memory terms) {
        terms = _terms();
        terms.rejectWhenFrozen = true;
    }

    function _job(string memory description, address evaluator_, address hook) private returns (uint256 jobId) {
        vm.prank(REQUESTER);
        jobId = commerce.createJob(PROVIDER, evaluator_, EXPIRY, description, hook);
    }

    function _funded(string memory description, address evaluator_, address hook) private returns (uint256 jobId) {
        jobId = _job(description, evaluator_, hook);
        token.mint(REQUESTER, BUDGET);
        vm.startPrank(REQUESTER);
        token.approve(address(commerce), BUDGET);
        commerce.setBudget(jobId, BUDGET, "");
        commerce.fund(jobId, BUDGET, "");
        vm.stopPrank();
    }

    function _hooked(address hook) private returns (uint256 jobId) {
        jobId = _funded(evaluator.descriptionOf(_terms()), address(evaluator), hook);
        vm.prank(PROVIDER);
        commerce.submit(jobId, "work", "");
    }

    function _submitted(string memory description) private returns (uint256 jobId) {
        jobId = _funded(description, address(evaluator), address(0));
        vm.prank(PROVIDER);
        commerce.submit(jobId, "work", "");
    }

    function _submitted(ERC8183Evaluator.Terms memory terms) private returns (uint256) {
        return _submitted(evaluator.descriptionOf(terms));
    }

    function _prove(uint256 jobId) private returns (InferenceId) {
        return attest(run, REQUESTER, evaluator.nonceOf(commerce, jobId));
    }

    function _idOf(uint256 jobId) private view returns (InferenceId) {
        return idOf(REQUESTER, evaluator.nonceOf(commerce, jobId));
    }

    function _call(uint256 jobId) private view returns (bytes memory) {
        return abi.encodeCall(ERC8183Evaluator.complete, (commerce, jobId, _terms(), run.root, shownInputs(), token));
    }

    function _complete(uint256 jobId) private returns (InferenceId) {
        return _completeFor(jobId, IERC20(address(0)));
    }

    function _completeFor(uint256 jobId, IERC20 feeToken) private returns (InferenceId) {
        return evaluator.complete(commerce, jobId, _terms(), run.root, shownInputs(), feeToken);
    }

    function _expectRefused(uint256 jobId, bytes memory expected) private {
        _expectRefusedShown(jobId, shownInputs(), expected);
    }

    function _expectRefusedShown(uint256 jobId, Evidence memory shown, bytes memory expected) private {
        ERC8183Evaluator.Terms memory terms = _terms();
        vm.expectRevert(expected);
        evaluator.complete(commerce, jobId, terms, run.root, shown, IERC20(address(0)));
    }
}

/// @notice TEST ONLY: a job's hook that makes calls, before and after the action.
contract ReentrantHook is IStubHook {
    address[] private _targets;
    bytes[] private _messages;
    uint256 public calls;
    uint256 public successes;

    function add(address target, bytes calldata data) external {
        _targets.push(target);
        _messages.push(data);
    }

    function beforeAction(uint256, bytes4, bytes calldata) external override {
        _call();
    }

    function afterAction(uint256, bytes4, bytes calldata) external override {
        _call();
    }

    function _call() private {
        for (uint256 i; i < _targets.length; ++i) {
            ++calls;
            (bool success,) = _targets[i].call(_messages[i]);
            if (success) ++successes;
        }
    }
}

/// @notice TEST ONLY: a job's hook that makes a call, and fails as it does.
contract PassingHook is IStubHook {
    address private _target;
    bytes private _message;

    function set(address target, bytes calldata message) external {
        (_target, _message) = (target, message);
    }

    function beforeAction(uint256, bytes4, bytes calldata) external override {}

    function afterAction(uint256, bytes4, bytes calldata) external override {
        Address.functionCall(_target, _message);
    }
}

/// @notice TEST ONLY: a contract of one job, which can be completed any number of times.
contract OwnCommerce {
    address private immutable EVALUATOR;
    string private _description;

    constructor(address evaluator, string memory description) {
        (EVALUATOR, _description) = (evaluator, description);
    }

    function getJob(uint256) external view returns (Job memory job) {
        (job.client, job.evaluator, job.description) = (address(this), EVALUATOR, _description);
    }

    function complete(uint256, bytes32, bytes calldata) external {}
}

/// @notice TEST ONLY: shows the job of another contract, and passes verdicts on to it.
contract ForgedCommerce {
    bytes private _answer;
    IERC8183 private immutable COMMERCE;

    constructor(Job memory job, IERC8183 commerce) {
        _answer = abi.encode(job);
        COMMERCE = commerce;
    }

    function getJob(uint256) external view returns (Job memory) {
        return abi.decode(_answer, (Job));
    }

    function complete(uint256 jobId, bytes32 reason, bytes calldata optParams) external {
        COMMERCE.complete(jobId, reason, optParams);
    }
}
