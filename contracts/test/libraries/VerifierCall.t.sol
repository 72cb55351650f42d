// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2SharedVerifier} from "../../src/interfaces/IHalo2SharedVerifier.sol";
import {IPinnedVerifierErrors} from "../../src/interfaces/IPinnedVerifierErrors.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkProof, ChunkSpec, ModelRegistration} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";
import {AnsweringVerifier, StubVerifier} from "../stubs/StubVerifier.sol";

/// @notice What the registry asks a verifier, and that no answer counts but two points, from the registered code under the
/// registered key.
contract VerifierCallTest is RegistryTest {
    function test_ask_passesOnKeyRootContextAndPublicValues() public {
        ModelId modelId = register(classifierRegistration());
        ChunkProof memory proof = honestProof(modelId, ROOT, 0);
        uint256[] memory instances = new uint256[](3);
        instances[0] = ROOT;
        instances[1] = uint256(
            keccak256(
                abi.encode(
                    keccak256("chainfer.context.v1"), block.chainid, address(registry), modelId, REQUESTER, NONCE
                )
            )
        ) >> 8;
        instances[2] = proof.publicValues[0];
        ChunkSpec memory spec = chunkOf(modelId, 0);
        vm.expectCall(
            spec.verifier,
            abi.encodeCall(IHalo2SharedVerifier.accumulate, (keyOf(spec.keyHash), proof.proof, instances)),
            1
        );
        attest(modelId, ROOT, only(proof));
    }

    function test_ask_acceptsPointsThatHold() public {
        // The identity twice holds under every setup.
        _expect(abi.encode(0, 0, 0, 0), false, "");
    }

    function test_ask_revertsWhenTheVerifierRejects_withItsReason() public {
        bytes memory reason = abi.encodeWithSelector(StubVerifier.StubProofInvalid.selector);
        _expect(reason, true, abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 0, reason));
    }

    function test_ask_revertsWhenTheVerifierRevertsWithPoints() public {
        bytes memory reason = abi.encode(0, 0, 0, 0);
        _expect(reason, true, abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 0, reason));
    }

    function test_ask_revertsWithTheBeginningOfALongReason() public {
        bytes memory reason = new bytes(20_000);
        for (uint256 i; i < 300; ++i) {
            reason[i] = bytes1(uint8(i));
        }
        bytes memory kept = new bytes(256);
        for (uint256 i; i < 256; ++i) {
            kept[i] = reason[i];
        }
        _expect(reason, true, abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 0, kept));
    }

    function test_ask_revertsWhenTheVerifierReturnsNothing() public {
        _expectMisbehaved("");
    }

    function test_ask_revertsWhenTheVerifierReturnsTrue() public {
        _expectMisbehaved(abi.encode(true));
    }

    function test_ask_revertsWhenTheVerifierReturnsTooLittleOrTooMuch() public {
        _expectMisbehaved(new bytes(127));
        _expectMisbehaved(new bytes(129));
        _expectMisbehaved(new bytes(160));
        _expectMisbehaved(new bytes(20_000));
    }

    function test_ask_revertsWhenTheVerifiersCodeIsGone() public {
        _expectVerifierMismatch("");
    }

    function test_ask_revertsWhenTheVerifiersCodeIsAnother() public {
        // Returns 128 zero bytes: points that always hold.
        _expectVerifierMismatch(hex"60806000f3");
    }

    function _expectVerifierMismatch(bytes memory code) private {
        ModelId modelId = register(classifierRegistration());
        ChunkProof memory proof = honestProof(modelId, ROOT, 0);
        address verifier = chunkOf(modelId, 0).verifier;
        bytes32 codeHash = verifier.codehash;
        vm.etch(verifier, code);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.VerifierCodeHashMismatch.selector, 0, codeHash, verifier.codehash
            )
        );
        attest(modelId, ROOT, only(proof));
    }

    function _expectMisbehaved(bytes memory answer) private {
        _expect(answer, false, abi.encodeWithSelector(IPinnedVerifierErrors.VerifierMisbehaved.selector, 0));
    }

    /// @dev Registers a model whose only verifier answers so, and expects `revertData`, or success if that is empty.
    function _expect(bytes memory answer, bool reverts, bytes memory revertData) private {
        ModelRegistration memory registration = registrationOf(keccak256(abi.encode(answer, reverts)), uniform(1, 1));
        registration.chunks[0].verifier = address(new AnsweringVerifier(answer, reverts));
        registration.chunks[0].codeHash = registration.chunks[0].verifier.codehash;
        allow(registration.chunks[0].codeHash);
        ModelId modelId = register(registration);
        ChunkProof[] memory proofs =
            only(ChunkProof(0, keyOf(registration.chunks[0].keyHash), "proof", new uint256[](1)));
        if (revertData.length != 0) vm.expectRevert(revertData);
        attest(modelId, ROOT, proofs);
        assertEq(isProven(modelId, idOf(modelId, ROOT)), revertData.length == 0);
    }
}
