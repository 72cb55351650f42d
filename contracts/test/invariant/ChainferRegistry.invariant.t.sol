// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {Inference, InferenceState, InferenceStatus} from "../../src/types/RegistryTypes.sol";
import {Records} from "../helpers/Records.sol";
import {ConsumerHandler} from "./ConsumerHandler.sol";
import {GovernanceHandler} from "./GovernanceHandler.sol";
import {RegistryHandler} from "./RegistryHandler.sol";
import {ReportHandler} from "./ReportHandler.sol";

contract ChainferRegistryInvariantTest is Test {
    RegistryHandler internal handler;
    IChainferRegistry internal registry;

    function setUp() public {
        handler = new RegistryHandler();
        registry = handler.REGISTRY();
        bytes4[] memory selectors = new bytes4[](22);
        selectors[0] = RegistryHandler.register.selector;
        selectors[1] = RegistryHandler.registerAgain.selector;
        selectors[2] = RegistryHandler.commit.selector;
        selectors[3] = RegistryHandler.prove.selector;
        selectors[4] = RegistryHandler.proveDishonestly.selector;
        selectors[5] = RegistryHandler.proveFalsely.selector;
        selectors[6] = ReportHandler.report.selector;
        selectors[7] = GovernanceHandler.govern.selector;
        selectors[8] = GovernanceHandler.handOver.selector;
        selectors[9] = GovernanceHandler.pay.selector;
        selectors[10] = ReportHandler.open.selector;
        selectors[11] = ReportHandler.reportOutputs.selector;
        selectors[12] = ReportHandler.reportOpening.selector;
        selectors[13] = RegistryHandler.proveWithAnotherRecord.selector;
        selectors[14] = ReportHandler.misreport.selector;
        selectors[15] = RegistryHandler.proveWithAnotherKey.selector;
        selectors[16] = ReportHandler.misreportTensors.selector;
        selectors[17] = ReportHandler.misreportRoot.selector;
        selectors[18] = ReportHandler.misreportOpening.selector;
        selectors[19] = ConsumerHandler.read.selector;
        selectors[20] = ConsumerHandler.store.selector;
        selectors[21] = ConsumerHandler.readOpened.selector;
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
            ModelId modelId = _fixedOf(id).modelId;
            InferenceState memory state = registry.stateOf(modelId, id);
            uint256 verified = handler.verified(id);
            bool proven = verified == (uint256(1) << handler.chunksLength(modelId)) - 1;
            assertEq(state.status == InferenceStatus.Proven, proven);
            assertTrue(proven || state.status == InferenceStatus.Committed);
            assertEq(state.provenChunks, proven ? 0 : verified);
            assertEq(state.time, proven ? handler.provenAt(id) : handler.committedAt(id));
        }
    }

    /// @dev A frozen model vouches for nothing; any other for all that was proven before it was deprecated, whatever became of its
    /// verifiers.
    function invariant_requireAttestedMeansProvenInTimeAndNotFrozen() public view {
        for (uint256 i; i < handler.inferencesLength(); ++i) {
            InferenceId id = handler.inferences(i);
            ModelId modelId = _fixedOf(id).modelId;
            uint256 end = handler.deprecatedAt(modelId);
            uint256 provenAt = handler.provenAt(id);
            bool expected = provenAt != 0 && !handler.frozen(modelId) && (end == 0 || provenAt <= end);
            (bool success,) = address(registry).staticcall(abi.encodeCall(registry.requireAttested, (modelId, id)));
            assertEq(success, expected);
        }
    }

    /// @dev No inference is anything under another model's name.
    function invariant_inferencesAreOfOneModel() public view {
        InferenceState memory zero;
        for (uint256 i; i < handler.inferencesLength(); ++i) {
            InferenceId id = handler.inferences(i);
            ModelId own = _fixedOf(id).modelId;
            for (uint256 j; j < handler.modelsLength(); ++j) {
                ModelId modelId = handler.models(j);
                if (modelId == own) continue;
                assertEq(abi.encode(registry.stateOf(modelId, id)), abi.encode(zero));
            }
        }
    }

    /// @dev The handler's books change by the rules alone, so the registry's do too.
    function invariant_governanceChangesByTheRulesAlone() public view {
        Ownable2Step ownable = Ownable2Step(address(registry));
        assertEq(ownable.owner(), handler.owner());
        assertEq(ownable.pendingOwner(), handler.pendingOwner());
        assertEq(registry.guardian(), handler.guardian());
        for (uint256 i; i < handler.shapesLength(); ++i) {
            bytes32 shape = handler.shapes(i);
            assertEq(uint256(registry.verifierStatus(shape)), uint256(handler.verifierStatus(shape)));
        }
        for (uint256 i; i < handler.modelsLength(); ++i) {
            ModelId modelId = handler.models(i);
            assertEq(registry.model(modelId).frozen, handler.frozen(modelId));
            assertEq(registry.model(modelId).deprecatedAt, handler.deprecatedAt(modelId));
        }
    }

    function invariant_idsAreThoseOfWhatWasCommitted() public view {
        for (uint256 i; i < handler.inferencesLength(); ++i) {
            InferenceId id = handler.inferences(i);
            assertEq(InferenceId.unwrap(id), InferenceId.unwrap(registry.inferenceIdOf(_fixedOf(id))));
        }
    }

    /// @dev What the hash is of: the values of the chunks verified so far, in the order in which they were.
    function invariant_valuesNeverChange() public view {
        for (uint256 i; i < handler.inferencesLength(); ++i) {
            InferenceId id = handler.inferences(i);
            uint208 actual = registry.stateOf(_fixedOf(id).modelId, id).valuesHash;
            assertEq(actual, Records.hashOf(handler.shownOf(id)));
        }
    }

    function invariant_modelsNeverChange() public view {
        for (uint256 i; i < handler.modelsLength(); ++i) {
            ModelId modelId = handler.models(i);
            assertEq(handler.digestOf(modelId), handler.modelDigest(modelId));
            bytes32 recordHash = Records.hashOf(Records.recordOf(handler.registrationOf(modelId)));
            assertEq(registry.model(modelId).recordHash, recordHash);
            assertEq(registry.model(modelId).registrant, handler.registrantOf(modelId));
        }
    }

    function _fixedOf(InferenceId id) private view returns (Inference memory) {
        (ModelId modelId, uint256 root, address requester, uint256 nonce) = handler.fixedOf(id);
        return Inference(modelId, root, requester, nonce);
    }

    function invariant_holdsNoEther() public view {
        assertEq(address(registry).balance, 0);
    }
}
