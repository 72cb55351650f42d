// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkProof, ModelRegistration} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";
import {AnsweringVerifier, StubVerifier} from "../stubs/StubVerifier.sol";

/// @notice Nothing but `true` from the registered code counts.
contract VerifierCallTest is RegistryTest {
    function test_verify_passesOnRootContextAndPublicValues() public {
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
        vm.expectCall(
            registry.chunkSpec(modelId, 0).verifier, abi.encodeCall(StubVerifier.verifyProof, (proof.proof, instances))
        );
        registry.attest(modelId, ROOT, REQUESTER, NONCE, only(proof));
    }

    function test_verify_acceptsExactlyTrue() public {
        _expect(abi.encode(true), false, "");
    }

    function test_verify_revertsWhenTheVerifierRejects_withItsReason() public {
        bytes memory reason = abi.encodeWithSelector(StubVerifier.StubProofInvalid.selector);
        _expect(reason, true, abi.encodeWithSelector(IChainferRegistry.ChunkRejected.selector, 0, reason));
    }

    function test_verify_revertsWhenTheVerifierRevertsWithTrue() public {
        bytes memory reason = abi.encode(true);
        _expect(reason, true, abi.encodeWithSelector(IChainferRegistry.ChunkRejected.selector, 0, reason));
    }

    function test_verify_revertsWhenTheVerifierReturnsNothing() public {
        _expectMisbehaved("");
    }

    function test_verify_revertsWhenTheVerifierReturnsFalse() public {
        _expectMisbehaved(abi.encode(false));
    }

    function test_verify_revertsWhenTheVerifierReturnsAnotherNumber() public {
        _expectMisbehaved(abi.encode(2));
        _expectMisbehaved(abi.encode(type(uint256).max));
    }

    function test_verify_revertsWhenTheVerifierReturnsTooLittleOrTooMuch() public {
        _expectMisbehaved(hex"01");
        _expectMisbehaved(abi.encode(true, true));
    }

    function test_verify_revertsWhenTheVerifiersCodeIsGone() public {
        ModelId modelId = register(classifierRegistration());
        ChunkProof memory proof = honestProof(modelId, ROOT, 0);
        address verifier = registry.chunkSpec(modelId, 0).verifier;
        bytes32 codeHash = verifier.codehash;
        vm.etch(verifier, "");
        vm.expectRevert(
            abi.encodeWithSelector(IChainferRegistry.VerifierCodeHashMismatch.selector, 0, codeHash, verifier.codehash)
        );
        registry.attest(modelId, ROOT, REQUESTER, NONCE, only(proof));
    }

    function test_verify_revertsWhenTheVerifiersCodeIsAnother() public {
        ModelId modelId = register(classifierRegistration());
        ChunkProof memory proof = honestProof(modelId, ROOT, 0);
        address verifier = registry.chunkSpec(modelId, 0).verifier;
        bytes32 codeHash = verifier.codehash;
        bytes memory alwaysTrue = hex"600160005260206000f3";
        vm.etch(verifier, alwaysTrue);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChainferRegistry.VerifierCodeHashMismatch.selector, 0, codeHash, keccak256(alwaysTrue)
            )
        );
        registry.attest(modelId, ROOT, REQUESTER, NONCE, only(proof));
    }

    function _expectMisbehaved(bytes memory answer) private {
        _expect(answer, false, abi.encodeWithSelector(IChainferRegistry.VerifierMisbehaved.selector, 0));
    }

    /// @dev Registers a model whose only verifier answers so, and expects `revertData`, or success if that is empty.
    function _expect(bytes memory answer, bool reverts, bytes memory revertData) private {
        ModelRegistration memory registration = registrationOf(keccak256(abi.encode(answer, reverts)), uniform(1, 0));
        registration.chunks[0].verifier = address(new AnsweringVerifier(answer, reverts));
        registration.chunks[0].codeHash = registration.chunks[0].verifier.codehash;
        ModelId modelId = register(registration);
        ChunkProof[] memory proofs = only(ChunkProof(0, "proof", new uint256[](0)));
        if (revertData.length != 0) vm.expectRevert(revertData);
        registry.attest(modelId, ROOT, REQUESTER, NONCE, proofs);
        assertEq(registry.isProven(idOf(modelId, ROOT)), revertData.length == 0);
    }
}
