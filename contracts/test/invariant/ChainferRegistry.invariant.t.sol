// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {ChainferRegistry} from "../../src/ChainferRegistry.sol";
import {Context} from "../../src/types/Context.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {Inference, InferenceStatus} from "../../src/types/RegistryTypes.sol";
import {GovernanceHandler} from "./GovernanceHandler.sol";
import {RegistryHandler} from "./RegistryHandler.sol";

contract ChainferRegistryInvariantTest is Test {
    RegistryHandler internal handler;
    ChainferRegistry internal registry;

    function setUp() public {
        handler = new RegistryHandler();
        registry = handler.REGISTRY();
        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = RegistryHandler.register.selector;
        selectors[1] = RegistryHandler.registerAgain.selector;
        selectors[2] = RegistryHandler.commit.selector;
        selectors[3] = RegistryHandler.prove.selector;
        selectors[4] = RegistryHandler.proveDishonestly.selector;
        selectors[5] = RegistryHandler.proveFalsely.selector;
        selectors[6] = RegistryHandler.report.selector;
        selectors[7] = GovernanceHandler.govern.selector;
        selectors[8] = GovernanceHandler.handOver.selector;
        selectors[9] = GovernanceHandler.pay.selector;
        selectors[10] = RegistryHandler.open.selector;
        selectors[11] = RegistryHandler.reportOutputs.selector;
        selectors[12] = RegistryHandler.reportOpening.selector;
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
        targetContract(address(handler));
    }

    function invariant_nothingForbiddenHappened() public view {
        assertEq(handler.violation(), "");
    }

    /// @dev Proven means that each chunk was verified, against the one root and context in the inference's name.
    function invariant_provenImpliesEveryChunkVerified() public view {
        for (uint256 i; i < handler.inferencesLength(); ++i) {
            InferenceId id = handler.inferences(i);
            Inference memory record = registry.inference(id);
            uint256 full = (uint256(1) << registry.model(record.modelId).chunkCount) - 1;
            assertEq(record.provenChunks, handler.verified(id));
            assertEq(registry.isProven(id), record.provenChunks == full);
            assertEq(record.provenAt != 0, record.status == InferenceStatus.Proven);
            if (record.status == InferenceStatus.Proven) {
                assertEq(handler.verified(id), full);
                assertEq(registry.wasAttested(record.modelId, id), _counts(record));
            }
        }
    }

    /// @dev A frozen model vouches for nothing; any other for all that was proven before it was deprecated, whatever became of its
    /// verifiers.
    function invariant_requireAttestedMeansProvenInTimeAndNotFrozen() public view {
        for (uint256 i; i < handler.inferencesLength(); ++i) {
            InferenceId id = handler.inferences(i);
            Inference memory record = registry.inference(id);
            ModelId modelId = record.modelId;
            bool expected = registry.isProven(id) && !handler.frozen(modelId) && _counts(record);
            (bool success,) = address(registry).staticcall(abi.encodeCall(registry.requireAttested, (modelId, id)));
            assertEq(success, expected);
        }
    }

    /// @dev The handler's books change by the rules alone, so the registry's do too.
    function invariant_governanceChangesByTheRulesAlone() public view {
        assertEq(registry.owner(), handler.owner());
        assertEq(registry.pendingOwner(), handler.pendingOwner());
        assertEq(registry.guardian(), handler.guardian());
        for (uint256 i; i < handler.shapesLength(); ++i) {
            bytes32 shape = handler.shapes(i);
            assertEq(uint256(registry.verifierStatus(shape)), uint256(handler.verifierStatus(shape)));
        }
        for (uint256 i; i < handler.modelsLength(); ++i) {
            ModelId modelId = handler.models(i);
            assertEq(registry.isFrozen(modelId), handler.frozen(modelId));
            assertEq(registry.deprecatedAt(modelId), handler.deprecatedAt(modelId));
        }
    }

    function invariant_rootsNeverChange() public view {
        for (uint256 i; i < handler.inferencesLength(); ++i) {
            InferenceId id = handler.inferences(i);
            (ModelId modelId, uint256 root, address requester, uint256 nonce) = handler.fixedOf(id);
            Inference memory record = registry.inference(id);
            Context context = registry.contextOf(modelId, requester, nonce);
            assertEq(ModelId.unwrap(record.modelId), ModelId.unwrap(modelId));
            assertEq(record.root, root);
            assertEq(record.requester, requester);
            assertEq(
                InferenceId.unwrap(id), InferenceId.unwrap(registry.inferenceIdOf(record.modelId, record.root, context))
            );
            if (record.provenChunks != 0) {
                assertEq(record.nonce, nonce);
                assertEq(Context.unwrap(record.context), Context.unwrap(context));
            }
        }
    }

    function invariant_publicValuesNeverChange() public view {
        for (uint256 i; i < handler.inferencesLength(); ++i) {
            InferenceId id = handler.inferences(i);
            for (uint256 chunk; chunk < 4; ++chunk) {
                if ((handler.verified(id) >> chunk) & 1 == 0) continue;
                assertEq(registry.publicValuesHash(id, chunk), handler.valuesHash(id, chunk));
            }
        }
    }

    function invariant_modelsNeverChange() public view {
        assertEq(registry.modelCount(), handler.modelsLength());
        for (uint256 i; i < handler.modelsLength(); ++i) {
            ModelId modelId = handler.models(i);
            assertEq(handler.digestOf(modelId), handler.modelDigest(modelId));
        }
    }

    /// @dev Proven while its model was not yet deprecated.
    function _counts(Inference memory record) private view returns (bool) {
        uint256 end = handler.deprecatedAt(record.modelId);
        return end == 0 || record.provenAt <= end;
    }

    function invariant_holdsNoEther() public view {
        assertEq(address(registry).balance, 0);
    }
}
