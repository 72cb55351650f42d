// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {LabelConsumer} from "../../src/examples/LabelConsumer.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkProof, ModelRegistration} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";

contract LabelConsumerTest is RegistryTest {
    LabelConsumer internal consumer;
    ModelId internal modelId;
    InferenceId internal id;

    function setUp() public override {
        super.setUp();
        modelId = register(classifierRegistration());
        consumer = new LabelConsumer(registry, modelId);
        id = idOf(modelId, ROOT);
    }

    function test_record_keepsTheLabelOfTheLargestScore() public {
        _attest(modelId, 7);
        vm.prank(REQUESTER);
        consumer.record(id);
        assertEq(consumer.labelOf(REQUESTER), 7);
    }

    function test_record_revertsWhenTheInferenceIsNotProven() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
        vm.prank(REQUESTER);
        consumer.record(id);
    }

    function test_record_revertsWhenTheRequesterIsAnother() public {
        _attest(modelId, 7);
        vm.expectRevert(abi.encodeWithSelector(LabelConsumer.WrongRequester.selector, RELAYER, REQUESTER));
        vm.prank(RELAYER);
        consumer.record(id);
    }

    function test_record_revertsWhenTheModelIsAnother() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "another";
        ModelId other = register(registration);
        _attest(other, 7);
        id = idOf(other, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelMismatch.selector, id, modelId, other));
        vm.prank(REQUESTER);
        consumer.record(id);
    }

    function test_record_revertsWhenTheModelIsFrozen() public {
        _attest(modelId, 7);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        vm.prank(REQUESTER);
        consumer.record(id);
    }

    /// @dev Proven scores of which that of the label is the largest.
    function _attest(ModelId model, uint256 label) private {
        ChunkProof[] memory proofs = honestProofs(model, ROOT);
        uint256[] memory values = new uint256[](1);
        values[0] = 1 << (16 * label);
        proofs[2] = proofWith(model, ROOT, REQUESTER, NONCE, 2, values);
        registry.attest(model, ROOT, REQUESTER, NONCE, proofs);
    }
}
