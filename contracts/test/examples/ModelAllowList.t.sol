// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ModelAllowList} from "../../src/examples/ModelAllowList.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkProof, ModelRegistration} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";

contract ModelAllowListTest is RegistryTest {
    address internal constant CURATOR = address(0xC0DE);
    bytes32 internal constant NAME = "digits v1";
    uint256 internal constant QUESTION = 1;

    ModelAllowList internal answers;
    ModelId internal modelId;

    function setUp() public override {
        super.setUp();
        answers = new ModelAllowList(registry, CURATOR);
        modelId = register(classifierRegistration());
        // Two questions, both about the input that the proofs are about.
        bytes32 digest = _digest();
        answers.ask(digest);
        vm.expectEmit(address(answers));
        emit ModelAllowList.Asked(QUESTION, digest, address(this));
        assertEq(answers.ask(digest), QUESTION);
    }

    // ------------------------------------------------------------------------------------------------------ Naming

    function test_nameModel_trusts() public {
        vm.expectEmit(address(answers));
        emit ModelAllowList.ModelNamed(NAME, modelId);
        _name();
        assertEqModel(answers.modelOf(NAME), modelId);
    }

    function test_nameModel_revertsWhenTheNameIsTaken() public {
        _name();
        vm.expectRevert(abi.encodeWithSelector(ModelAllowList.NameTaken.selector, NAME));
        _name();
    }

    function test_nameModel_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        vm.prank(CURATOR);
        answers.nameModel(NAME, unknown);
    }

    function test_unnameModel_freesTheName() public {
        _name();
        vm.expectEmit(address(answers));
        emit ModelAllowList.ModelUnnamed(NAME, modelId);
        vm.prank(CURATOR);
        answers.unnameModel(NAME);
        bytes memory expected = abi.encodeWithSelector(ModelAllowList.NameUnknown.selector, NAME);
        vm.expectRevert(expected);
        answers.modelOf(NAME);
        vm.expectRevert(expected);
        vm.prank(CURATOR);
        answers.unnameModel(NAME);
        _name();
    }

    function test_naming_revertsForAnyoneButTheOwner() public {
        bytes memory expected = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, REGISTRANT);
        vm.startPrank(REGISTRANT);
        vm.expectRevert(expected);
        answers.nameModel(NAME, modelId);
        vm.expectRevert(expected);
        answers.unnameModel(NAME);
    }

    // ----------------------------------------------------------------------------------------------------- Answers

    function test_answer_takesTheOutputOfANamedModel() public {
        _name();
        InferenceId id = _attest(modelId, address(answers), QUESTION);
        vm.expectEmit(address(answers));
        emit ModelAllowList.Answered(QUESTION, modelId, id);
        answers.answer(QUESTION, NAME, id);
        ModelAllowList.Answer memory answer = answers.answerTo(QUESTION);
        assertEqId(answer.inferenceId, id);
        assertEqModel(answer.modelId, modelId);
        assertEq(answer.values, registry.output(id, 0));
    }

    function test_answer_revertsWhenTheModelHasNoName() public {
        InferenceId id = _attest(modelId, address(answers), QUESTION);
        vm.expectRevert(abi.encodeWithSelector(ModelAllowList.NameUnknown.selector, NAME));
        answers.answer(QUESTION, NAME, id);
    }

    /// @dev Anyone registers a model with the same manifest, and gets answers that they like.
    function test_answer_revertsWhenAnImpostorAnswers() public {
        _name();
        ModelRegistration memory registration = classifierRegistration();
        vm.prank(RELAYER);
        ModelId impostor = registry.registerModel(registration);
        InferenceId id = _attest(impostor, address(answers), QUESTION);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelMismatch.selector, id, modelId, impostor));
        answers.answer(QUESTION, NAME, id);
    }

    function test_answer_revertsWhenTheModelIsFrozen() public {
        _name();
        InferenceId id = _attest(modelId, address(answers), QUESTION);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        answers.answer(QUESTION, NAME, id);
    }

    function test_answer_revertsWhenForAnotherQuestionOrAccount() public {
        _name();
        InferenceId id = _attest(modelId, address(answers), QUESTION + 1);
        vm.expectRevert(
            abi.encodeWithSelector(ModelAllowList.NotForThisQuestion.selector, address(answers), QUESTION + 1)
        );
        answers.answer(QUESTION, NAME, id);
        id = _attest(modelId, REQUESTER, QUESTION);
        vm.expectRevert(abi.encodeWithSelector(ModelAllowList.NotForThisQuestion.selector, REQUESTER, QUESTION));
        answers.answer(QUESTION, NAME, id);
    }

    /// @dev Whoever answers must not choose the input.
    function test_answer_revertsWhenTheInputIsAnother() public {
        _name();
        uint256 question = answers.ask("another input");
        InferenceId id = _attest(modelId, address(answers), question);
        vm.expectRevert(abi.encodeWithSelector(ModelAllowList.WrongInput.selector, bytes32("another input"), _digest()));
        answers.answer(question, NAME, id);
    }

    function test_answer_revertsWhenNobodyAsked() public {
        _name();
        InferenceId id = _attest(modelId, address(answers), QUESTION + 1);
        vm.expectRevert(abi.encodeWithSelector(ModelAllowList.NotAsked.selector, QUESTION + 1));
        answers.answer(QUESTION + 1, NAME, id);
    }

    /// @dev The name is another model's by now; the answer still says whose it was.
    function test_answer_keepsTheModelWhenItsNameIsGivenToAnother() public {
        _name();
        answers.answer(QUESTION, NAME, _attest(modelId, address(answers), QUESTION));
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "classifier v2";
        ModelId next = register(registration);
        vm.startPrank(CURATOR);
        answers.unnameModel(NAME);
        answers.nameModel(NAME, next);
        vm.stopPrank();
        assertEqModel(answers.answerTo(QUESTION).modelId, modelId);
    }

    function test_answer_revertsWhenAnswered() public {
        _name();
        InferenceId id = _attest(modelId, address(answers), QUESTION);
        answers.answer(QUESTION, NAME, id);
        vm.expectRevert(abi.encodeWithSelector(ModelAllowList.AlreadyAnswered.selector, QUESTION));
        answers.answer(QUESTION, NAME, id);
    }

    function _digest() private view returns (bytes32) {
        uint256[][] memory inputs = new uint256[][](1);
        inputs[0] = honestValues(modelId, ROOT, 0);
        return keccak256(abi.encode(inputs));
    }

    function _name() private {
        vm.prank(CURATOR);
        answers.nameModel(NAME, modelId);
    }

    function _attest(ModelId from, address requester, uint256 nonce) private returns (InferenceId) {
        ChunkProof[] memory proofs = new ChunkProof[](3);
        for (uint16 i; i < 3; ++i) {
            uint256[] memory values = honestValues(from, ROOT, i);
            // Ten values of 16 bits.
            if (i == 2) values[0] &= type(uint160).max;
            proofs[i] = proofWith(from, ROOT, requester, nonce, i, values);
        }
        return registry.attest(from, ROOT, requester, nonce, proofs);
    }
}
