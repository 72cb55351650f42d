// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ERC8274Verifier} from "../../src/adapters/ERC8274Verifier.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IProofVerifier} from "../../src/interfaces/standards/IERC8274.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {AgentTest} from "../helpers/AgentTest.sol";
import {IAgentVerifier, StubAgentVerifier} from "../stubs/StubAgentVerifier.sol";

/// @notice The proof verifier of ERC-8274, alone and inside an agent's verifier as the draft has it.
contract ERC8274VerifierTest is AgentTest {
    bytes32 internal constant AGENT = "agent";

    ERC8274Verifier internal verifier;
    bytes32 internal inputHash;
    bytes32 internal outputHash;
    bytes internal metadata;

    function setUp() public override {
        super.setUp();
        verifier = new ERC8274Verifier(registry);
        inputHash = verifier.inputHashOf(modelId, REQUESTER, NONCE, run.inputs);
        outputHash = verifier.outputHashOf(run.outputs);
        metadata = abi.encode(modelId);
    }

    // -------------------------------------------------------------------------------------------- The interface

    function test_supportsInterface_theIdOfTheDraft() public view {
        assertEq(type(IProofVerifier).interfaceId, bytes4(0x86761e49));
        assertEq(IProofVerifier.verify.selector, bytes4(0xfc2b4271));
        assertEq(IProofVerifier.proofSystem.selector, bytes4(0x020e2489));
        assertEq(IProofVerifier.proofProfile.selector, bytes4(0x785378b1));
        assertTrue(verifier.supportsInterface(0x86761e49));
        assertTrue(verifier.supportsInterface(type(IERC165).interfaceId));
        assertFalse(verifier.supportsInterface(0xffffffff));
    }

    function test_proofProfile_isOfTheRegistryAndTheChain() public {
        assertEq(verifier.proofSystem(), "zk/chainfer");
        bytes32 profile = keccak256(abi.encodePacked("zk/chainfer", keccak256(abi.encode(block.chainid, registry))));
        assertEq(verifier.proofProfile(), profile);
        vm.chainId(block.chainid + 1);
        assertNotEq(verifier.proofProfile(), profile);
        vm.chainId(block.chainid - 1);
        assertNotEq(new ERC8274Verifier(IChainferRegistry(address(1))).proofProfile(), profile);
    }

    function test_hashes_areAsDocumented() public view {
        bytes32 domain = keccak256("chainfer.erc8274.input.v1");
        assertEq(inputHash, keccak256(abi.encode(domain, modelId, REQUESTER, NONCE, run.inputs)));
        assertEq(outputHash, keccak256(abi.encode(run.outputs)));
    }

    // --------------------------------------------------------------------------------------------------- verify

    function test_verify_attested_isTrue() public {
        _prove();
        assertTrue(verifier.verify(inputHash, outputHash, metadata, _proof()));
        vm.snapshotGasLastCall("AgentAdapters", "ERC-8274: verify");
    }

    function test_verify_deprecatedAfterwards_isTrue() public {
        _prove();
        deprecate();
        assertTrue(verifier.verify(inputHash, outputHash, metadata, _proof()));
    }

    function test_verify_otherHashes_isFalse() public {
        _prove();
        bytes memory proof = _proof();
        assertFalse(verifier.verify(inputHash ^ bytes32(uint256(1)), outputHash, metadata, proof));
        assertFalse(verifier.verify(inputHash, outputHash ^ bytes32(uint256(1)), metadata, proof));
        uint256[][] memory outputs = run.outputs;
        outputs[1][0] ^= 1;
        assertFalse(verifier.verify(inputHash, verifier.outputHashOf(outputs), metadata, proof));
    }

    function test_verify_ofAnotherRequest_isFalse() public {
        bytes memory proof = _proof();
        _prove();
        // Proven as well, with the same inputs and outputs, but not what was asked for.
        attest(run, RELAYER, NONCE);
        attest(run, REQUESTER, NONCE + 1);
        ERC8274Verifier.Proof memory evidence = _evidence();
        evidence.requester = RELAYER;
        assertFalse(verifier.verify(inputHash, outputHash, metadata, abi.encode(evidence)));
        evidence = _evidence();
        evidence.nonce = NONCE + 1;
        assertFalse(verifier.verify(inputHash, outputHash, metadata, abi.encode(evidence)));
        assertTrue(verifier.verify(inputHash, outputHash, metadata, proof));
    }

    function test_verify_notProven_isFalse() public {
        assertFalse(verifier.verify(inputHash, outputHash, metadata, _proof()));
        ERC8274Verifier.Proof memory evidence = _evidence();
        _prove();
        evidence.root ^= 1;
        assertFalse(verifier.verify(inputHash, outputHash, metadata, abi.encode(evidence)));
    }

    function test_verify_notAllChunksProven_isFalse() public {
        attestChunks(run, REQUESTER, NONCE, 3);
        ERC8274Verifier.Proof memory evidence = _evidence();
        evidence.values = partOf(evidence.values);
        assertFalse(verifier.verify(inputHash, outputHash, metadata, abi.encode(evidence)));
    }

    function test_verify_frozen_isFalse() public {
        _prove();
        freeze();
        assertFalse(verifier.verify(inputHash, outputHash, metadata, _proof()));
        unfreeze();
        assertTrue(verifier.verify(inputHash, outputHash, metadata, _proof()));
    }

    function test_verify_deprecatedBefore_isFalse() public {
        deprecate();
        _prove();
        assertFalse(verifier.verify(inputHash, outputHash, metadata, _proof()));
    }

    function test_verify_ofAnotherModel_isFalse() public {
        _prove();
        ModelId other = registerAs("another");
        assertFalse(verifier.verify(inputHash, outputHash, abi.encode(other), _proof()));
    }

    function test_verify_revertsWhenThereIsNoSuchModel() public {
        bytes memory proof = _proof();
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, bytes32("none")));
        verifier.verify(inputHash, outputHash, abi.encode(bytes32("none")), proof);
        vm.expectRevert();
        verifier.verify(inputHash, outputHash, "short", proof);
    }

    function test_verify_revertsWhenTheEvidenceIsNotTheInferences() public {
        InferenceId id = _prove();
        ERC8274Verifier.Proof memory evidence = _evidence();
        evidence.values[2].values[0] ^= 1;
        _expectRefused(evidence, abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id));
        bytes memory wrongRecord = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        evidence = _evidence();
        evidence.record.keySet ^= 1;
        _expectRefused(evidence, wrongRecord);
        evidence = _evidence();
        evidence.inputs[0].leaf = 3;
        _expectRefused(evidence, wrongRecord);
        evidence = _evidence();
        evidence.outputs[1].offset = 0;
        _expectRefused(evidence, wrongRecord);
        evidence = _evidence();
        evidence.outputs = evidence.inputs;
        _expectRefused(evidence, wrongRecord);
    }

    function test_verify_revertsWhenTheProofIsMalformed() public {
        _prove();
        bytes memory proof = _proof();
        bytes memory short = bytes.concat(proof);
        assembly ("memory-safe") {
            mstore(short, 0x17f)
        }
        bytes memory moved = bytes.concat(proof);
        moved[31] = 0x40;
        bytes[4] memory proofs = [bytes(""), short, moved, bytes.concat(proof, bytes32(0))];
        for (uint256 i; i < proofs.length; ++i) {
            vm.expectRevert(ERC8274Verifier.MalformedProof.selector);
            verifier.verify(inputHash, outputHash, metadata, proofs[i]);
        }
        // Members that point behind the end.
        for (uint256 i = 9; i < 12; ++i) {
            bytes memory wild = bytes.concat(proof);
            wild[0x20 * i] = 0xff;
            vm.expectRevert();
            verifier.verify(inputHash, outputHash, metadata, wild);
        }
    }

    /// @dev The evidence in calldata, but not all of it in the proof: whoever keeps the proof would keep less than was verified.
    function test_verify_revertsWhenTheRestIsBehindTheProof() public {
        _prove();
        bytes memory proof = _proof();
        bytes memory message = abi.encodeCall(verifier.verify, (inputHash, outputHash, metadata, proof));
        uint256[3] memory lengths = [uint256(0x180), proof.length - 0x20, proof.length];
        for (uint256 i; i < lengths.length; ++i) {
            uint256 length = lengths[i];
            assembly ("memory-safe") {
                let arguments := add(message, 0x24)
                mstore(add(arguments, mload(add(arguments, 0x60))), length)
            }
            (bool success, bytes memory answer) = address(verifier).staticcall(message);
            assertEq(success, length == proof.length);
            if (!success) assertEq(bytes4(answer), ERC8274Verifier.MalformedProof.selector);
        }
    }

    /// @dev No bytes are taken for evidence that say something else than the evidence does.
    function testFuzz_verify_alteredProof_isNotTrueForOtherHashes(uint256 at, uint8 mask, bytes32 other) public {
        _prove();
        bytes memory proof = _proof();
        at = bound(at, 0, proof.length - 1);
        proof[at] ^= bytes1(mask);
        vm.assume(other != outputHash);
        try verifier.verify(inputHash, other, metadata, proof) returns (bool valid) {
            assertFalse(valid);
        } catch {}
    }

    /// @dev Whoever verifies with too little gas must not get a verdict over the proof.
    function testFuzz_verify_withTooLittleGas_isNotFalse(uint256 gas_) public {
        _prove();
        bytes memory proof = _proof();
        gas_ = bound(gas_, 5000, 400_000);
        try verifier.verify{gas: gas_}(inputHash, outputHash, metadata, proof) returns (bool valid) {
            assertTrue(valid);
        } catch {}
    }

    // ----------------------------------------------------------------------------------------- The agent's verifier

    function test_agentVerifier_verifiesEachTaskOnce() public {
        _prove();
        StubAgentVerifier agent = new StubAgentVerifier(verifier, AGENT, metadata);
        bytes32 digest = _digestOf(address(agent), true);
        vm.expectEmit(address(agent));
        emit IAgentVerifier.VerificationCompleted(
            "task",
            AGENT,
            digest,
            true,
            inputHash,
            outputHash,
            verifier.proofProfile(),
            block.timestamp,
            abi.encodePacked(address(agent)),
            abi.encode(block.chainid)
        );
        (bool valid, bytes32 actual) = agent.verify("task", AGENT, inputHash, outputHash, _proof());
        assertTrue(valid);
        assertEq(actual, digest);
        (valid, actual) = agent.verify("task", AGENT, inputHash, outputHash, _proof());
        assertFalse(valid);
        assertEq(actual, _digestOf(address(agent), false));
    }

    function test_agentVerifier_anotherAgent_isFalse() public {
        _prove();
        StubAgentVerifier agent = new StubAgentVerifier(verifier, AGENT, metadata);
        (bool valid,) = agent.verify("task", "another", inputHash, outputHash, _proof());
        assertFalse(valid);
    }

    function test_agentVerifier_anotherModel_isFalse() public {
        _prove();
        ModelId other = registerAs("another");
        StubAgentVerifier agent = new StubAgentVerifier(verifier, AGENT, abi.encode(other));
        (bool valid,) = agent.verify("task", AGENT, inputHash, outputHash, _proof());
        assertFalse(valid);
    }

    // --------------------------------------------------------------------------------------------------- Helpers

    function _prove() private returns (InferenceId) {
        return attest(run, REQUESTER, NONCE);
    }

    function _evidence() private view returns (ERC8274Verifier.Proof memory) {
        return ERC8274Verifier.Proof(
            run.root, REQUESTER, NONCE, record(), shownInputs().tensors, shownOutputs().tensors, valuesOf(run)
        );
    }

    function _proof() private view returns (bytes memory) {
        return abi.encode(_evidence());
    }

    function _expectRefused(ERC8274Verifier.Proof memory evidence, bytes memory expected) private {
        vm.expectRevert(expected);
        verifier.verify(inputHash, outputHash, metadata, abi.encode(evidence));
    }

    function _digestOf(address agent, bool valid) private view returns (bytes32) {
        return keccak256(
            abi.encode(
                bytes32("task"),
                AGENT,
                inputHash,
                outputHash,
                valid,
                verifier.proofProfile(),
                block.timestamp,
                abi.encodePacked(agent),
                abi.encode(block.chainid)
            )
        );
    }
}
