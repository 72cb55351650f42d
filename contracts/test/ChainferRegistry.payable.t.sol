// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, ChunkValues} from "../src/types/RegistryTypes.sol";
import {TraceTest} from "./helpers/TraceTest.sol";

/// @notice Every function that changes anything: it goes through, and does not with ether.
contract ChainferRegistryPayableTest is TraceTest {
    ModelId internal modelId;

    function test_everyFunction_isNotPayable() public {
        modelId = register(traceRegistration("trace"));
        Trace memory trace = traceOf("image", "hint", "salt");
        InferenceId first = attestTrace(modelId, trace, NONCE);
        Trace memory lie = trace;
        lie.words[SCORES][0] ^= 1;
        seal(lie);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        uint256[][] memory values = publicOf(lie);
        values[2][0] ^= 2;
        InferenceId third = attestValues(modelId, lie.root, NONCE + 1, values);
        openLeaf(third, lie, SCORES);

        bytes32 shape = keccak256("shape");
        ChunkValues[] memory none = new ChunkValues[](0);
        ChunkProof[] memory proofs = new ChunkProof[](1);
        proofs[0] = proofWith(modelId, 9, REQUESTER, NONCE, 0, publicOf(trace)[0]);
        _both(RELAYER, abi.encodeCall(registry.registerModel, (traceRegistration("another"))));
        _both(RELAYER, abi.encodeCall(registry.commit, (modelId, 9, REQUESTER, NONCE)));
        _both(RELAYER, abi.encodeCall(registry.prove, (modelId, 9, REQUESTER, NONCE, proofs)));
        proofs[0] = proofWith(modelId, 10, REQUESTER, NONCE, 0, publicOf(trace)[0]);
        _both(RELAYER, abi.encodeCall(registry.attest, (modelId, 10, REQUESTER, NONCE, proofs)));

        _both(RELAYER, abi.encodeCall(registry.reportContradiction, (first, second, 0, none, none)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.unfreezeModel, (modelId)));
        _both(RELAYER, abi.encodeCall(registry.reportRootContradiction, (second, third, 2)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.unfreezeModel, (modelId)));
        _both(RELAYER, abi.encodeCall(registry.reportOpeningContradiction, (third, 0, none)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.unfreezeModel, (modelId)));

        _both(OWNER, abi.encodeCall(IRegistryGovernance.addVerifier, (shape)));
        _both(GUARDIAN, abi.encodeCall(IRegistryGovernance.freezeVerifier, (shape)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.unfreezeVerifier, (shape)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.removeVerifier, (shape)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.setGuardian, (RELAYER)));
        _both(RELAYER, abi.encodeCall(IRegistryGovernance.freezeModel, (modelId)));
        _both(REGISTRANT, abi.encodeCall(IChainferRegistry.deprecateModel, (modelId)));
        _both(OWNER, abi.encodeCall(registry.transferOwnership, (RELAYER)));
        _both(RELAYER, abi.encodeCall(registry.acceptOwnership, ()));
        _both(RELAYER, abi.encodeCall(registry.renounceOwnership, ()));
        assertEq(address(registry).balance, 0);
    }

    function _both(address sender, bytes memory call) private {
        vm.deal(sender, 1);
        vm.prank(sender);
        (bool success,) = address(registry).call{value: 1}(call);
        assertFalse(success, "payable");
        vm.prank(sender);
        (success,) = address(registry).call(call);
        assertTrue(success, "does not go through at all");
    }
}
