// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkSpec, Inference, ModelRecord, TensorSpec} from "../src/types/RegistryTypes.sol";
import {TraceTest} from "./helpers/TraceTest.sol";

/// @notice Every function that changes anything: it goes through, and does not with ether.
contract ChainferRegistryPayableTest is TraceTest {
    ModelId internal modelId;
    ModelRecord internal record;

    function setUp() public override {
        super.setUp();
        modelId = register(traceRegistration("trace"));
        record = recordOf(modelId);
    }

    function test_whatAnyoneMayCall_isNotPayable() public {
        Trace memory trace = traceOf("image", "hint", "salt");
        ChunkSpec[] memory chunks = chunksOf(modelId);
        _both(RELAYER, abi.encodeCall(IChainferRegistry.registerModel, (traceRegistration("another"))));
        Inference memory inference = inferenceOf(modelId, 9);
        _both(RELAYER, abi.encodeCall(IChainferRegistry.commit, (inference)));
        _both(
            RELAYER,
            abi.encodeCall(
                IChainferRegistry.prove, (inference, record, chunks, only(proofWith(inference, 0, publicOf(trace)[0])))
            )
        );
        inference = inferenceOf(modelId, 10);
        _both(
            RELAYER,
            abi.encodeCall(
                IChainferRegistry.attest, (inference, record, chunks, only(proofWith(inference, 0, publicOf(trace)[0])))
            )
        );
    }

    function test_reports_areNotPayable() public {
        Trace memory trace = traceOf("image", "hint", "salt");
        InferenceId first = attestTrace(modelId, trace, NONCE);
        Trace memory lie = traceOf("image", "hint", "salt");
        lie.words[SCORES][0] ^= 1;
        seal(lie);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        uint256[][] memory values = publicOf(lie);
        values[2][0] ^= 2;
        Inference memory third = Inference(modelId, lie.root, REQUESTER, NONCE + 1);
        attestValues(third, values);

        TensorSpec[] memory outputs = outputsOf(modelId);
        bytes memory unfreeze = abi.encodeCall(IRegistryGovernance.unfreezeModel, (modelId));
        _both(
            RELAYER,
            abi.encodeCall(
                IChainferRegistry.reportContradiction,
                (modelId, shownTrace(first, trace), shownTrace(second, lie), 0, record, inputsOf(modelId), outputs)
            )
        );
        _both(OWNER, unfreeze);
        _both(
            RELAYER,
            abi.encodeCall(
                IChainferRegistry.reportRootContradiction,
                (inferenceOf(modelId, lie.root), third, 2, shownTrace(lie), shown(values))
            )
        );
        _both(OWNER, unfreeze);
        _both(
            RELAYER,
            abi.encodeCall(
                IChainferRegistry.reportOpeningContradiction,
                (third, openingOf(lie, SCORES), record, leafLengthsOf(modelId), 0, outputs, shown(values))
            )
        );
    }

    function test_governance_isNotPayable() public {
        bytes32 shape = keccak256("shape");
        _both(OWNER, abi.encodeCall(IRegistryGovernance.addVerifier, (shape)));
        _both(GUARDIAN, abi.encodeCall(IRegistryGovernance.freezeVerifier, (shape)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.unfreezeVerifier, (shape)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.removeVerifier, (shape)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.setGuardian, (RELAYER)));
        _both(RELAYER, abi.encodeCall(IRegistryGovernance.freezeModel, (modelId)));
        _both(OWNER, abi.encodeCall(IRegistryGovernance.unfreezeModel, (modelId)));
        _both(REGISTRANT, abi.encodeCall(IChainferRegistry.deprecateModel, (modelId)));
        _both(OWNER, abi.encodeCall(Ownable2Step.transferOwnership, (RELAYER)));
        _both(RELAYER, abi.encodeCall(Ownable2Step.acceptOwnership, ()));
        _both(RELAYER, abi.encodeCall(Ownable.renounceOwnership, ()));
    }

    function _both(address sender, bytes memory call) private {
        vm.deal(sender, 1);
        vm.prank(sender);
        (bool success,) = address(registry).call{value: 1}(call);
        assertFalse(success, "payable");
        vm.prank(sender);
        (success,) = address(registry).call(call);
        assertTrue(success, "does not go through at all");
        assertEq(address(registry).balance, 0);
    }
}
