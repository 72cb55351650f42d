// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ModelAllowList} from "../../src/examples/ModelAllowList.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
import {PackedValues} from "../../src/libraries/PackedValues.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkValues,
    Inference,
    ModelRecord,
    ModelRegistration,
    TensorSpec
} from "../../src/types/RegistryTypes.sol";
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
        ChunkValues[] memory values = _attest(modelId, address(answers), QUESTION);
        InferenceId id = _idFor(modelId, address(answers), QUESTION);
        vm.expectEmit(address(answers));
        emit ModelAllowList.Answered(QUESTION, modelId, id);
        _answer(QUESTION, values);
        ModelAllowList.Answer memory answer = answers.answerTo(QUESTION);
        assertEqId(answer.inferenceId, id);
        assertEqModel(answer.modelId, modelId);
        assertEq(answer.values, PackedValues.unpack(values[2].values, 10));
    }

    function test_answer_revertsWhenTheModelHasNoName() public {
        ChunkValues[] memory values = _attest(modelId, address(answers), QUESTION);
        _expectRefused(QUESTION, values, abi.encodeWithSelector(ModelAllowList.NameUnknown.selector, NAME));
    }

    /// @dev Anyone registers a model with the same manifest, and gets answers that they like.
    function test_answer_revertsWhenAnImpostorAnswers() public {
        _name();
        ModelId impostor = registerAs(RELAYER, classifierRegistration());
        ChunkValues[] memory values = _attest(impostor, address(answers), QUESTION);
        _expectNotProven(QUESTION, values);
    }

    function test_answer_revertsWhenTheModelIsFrozen() public {
        _name();
        ChunkValues[] memory values = _attest(modelId, address(answers), QUESTION);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        _expectRefused(QUESTION, values, abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
    }

    function test_answer_revertsWhenForAnotherQuestionOrAccount() public {
        _name();
        ChunkValues[] memory values = _attest(modelId, address(answers), QUESTION + 1);
        _expectNotProven(QUESTION, values);
        values = _attest(modelId, REQUESTER, QUESTION);
        _expectNotProven(QUESTION, values);
    }

    /// @dev Whoever answers must not choose the input.
    function test_answer_revertsWhenTheInputIsAnother() public {
        _name();
        uint256 question = answers.ask("another input");
        ChunkValues[] memory values = _attest(modelId, address(answers), question);
        _expectRefused(
            question,
            values,
            abi.encodeWithSelector(ModelAllowList.WrongInput.selector, bytes32("another input"), _digest())
        );
    }

    function test_answer_revertsWhenTheValuesAreOthers() public {
        _name();
        ChunkValues[] memory values = _attest(modelId, address(answers), QUESTION);
        InferenceId id = _idFor(modelId, address(answers), QUESTION);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id);
        values[2].values[0] ^= 1;
        _expectRefused(QUESTION, values, expected);
        values[2].values[0] ^= 1;
        values[0].values[0] ^= 1;
        _expectRefused(QUESTION, values, expected);
        values[0].values[0] ^= 1;
        (values[0], values[2]) = (values[2], values[0]);
        _expectRefused(QUESTION, values, expected);
    }

    /// @dev Record and parts say where input and answer are: whoever answers must not choose them.
    function test_answer_revertsWhenRecordOrPartsAreOthers() public {
        _name();
        ModelId other = registerAs(RELAYER, _otherPlaces());
        ChunkValues[] memory values = _attest(modelId, address(answers), QUESTION);
        ModelRecord memory record = recordOf(modelId);
        (TensorSpec[] memory inputs, TensorSpec[] memory outputs) = (inputsOf(modelId), outputsOf(modelId));
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        ModelRecord memory otherRecord = recordOf(other);
        TensorSpec[] memory otherInputs = inputsOf(other);
        TensorSpec[] memory otherOutputs = outputsOf(other);
        vm.expectRevert(expected);
        answers.answer(QUESTION, NAME, ROOT, otherRecord, otherInputs, otherOutputs, values);
        vm.expectRevert(expected);
        answers.answer(QUESTION, NAME, ROOT, record, otherInputs, outputs, values);
        vm.expectRevert(expected);
        answers.answer(QUESTION, NAME, ROOT, record, inputs, otherOutputs, values);
        vm.expectRevert(expected);
        answers.answer(QUESTION, NAME, ROOT, record, outputs, outputs, values);
        otherRecord = record;
        otherRecord.inputs = recordOf(other).inputs;
        vm.expectRevert(expected);
        answers.answer(QUESTION, NAME, ROOT, otherRecord, otherInputs, outputs, values);
    }

    function test_answer_revertsWhenNobodyAsked() public {
        _name();
        ChunkValues[] memory values = _attest(modelId, address(answers), QUESTION + 1);
        _expectRefused(QUESTION + 1, values, abi.encodeWithSelector(ModelAllowList.NotAsked.selector, QUESTION + 1));
    }

    /// @dev The name is another model's by now; the answer still says whose it was.
    function test_answer_keepsTheModelWhenItsNameIsGivenToAnother() public {
        _name();
        _answer(QUESTION, _attest(modelId, address(answers), QUESTION));
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
        ChunkValues[] memory values = _attest(modelId, address(answers), QUESTION);
        _answer(QUESTION, values);
        _expectRefused(QUESTION, values, abi.encodeWithSelector(ModelAllowList.AlreadyAnswered.selector, QUESTION));
    }

    function test_inputDigestOf_isWhatAskTakes() public {
        ChunkValues[] memory values = _attest(modelId, address(answers), QUESTION);
        assertEq(answers.inputDigestOf(inputsOf(modelId), values), _digest());
    }

    // ----------------------------------------------------------------------------------------------------- Helpers

    /// @dev A model of the same chunks whose input and output are each at the other's place.
    function _otherPlaces() private returns (ModelRegistration memory registration) {
        registration = classifierRegistration();
        registration.manifestId = "other places";
        (registration.inputs[0].chunk, registration.outputs[0].chunk) = (2, 0);
    }

    function _answer(uint256 question, ChunkValues[] memory values) private {
        ModelRecord memory record = recordOf(modelId);
        answers.answer(question, NAME, ROOT, record, inputsOf(modelId), outputsOf(modelId), values);
    }

    function _expectRefused(uint256 question, ChunkValues[] memory values, bytes memory expected) private {
        vm.expectRevert(expected);
        _answer(question, values);
    }

    function _expectNotProven(uint256 question, ChunkValues[] memory values) private {
        InferenceId id = _idFor(modelId, address(answers), question);
        _expectRefused(question, values, abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
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

    function _idFor(ModelId from, address requester, uint256 nonce) private view returns (InferenceId) {
        return idOf(Inference(from, ROOT, requester, nonce));
    }

    /// @dev Proves an inference of the model, and gives what shows its values.
    function _attest(ModelId from, address requester, uint256 nonce) private returns (ChunkValues[] memory) {
        Inference memory inference = Inference(from, ROOT, requester, nonce);
        ChunkProof[] memory proofs = new ChunkProof[](3);
        for (uint16 i; i < 3; ++i) {
            // The input's words are the same whatever the model.
            uint256[] memory values = honestValues(i == 0 ? modelId : from, ROOT, i);
            // Ten values of 16 bits.
            if (i == 2) values[0] &= type(uint160).max;
            proofs[i] = proofWith(inference, i, values);
        }
        attest(inference, proofs);
        return shown(proofs);
    }
}
