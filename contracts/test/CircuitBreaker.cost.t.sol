// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    ModelRecord,
    ModelRegistration,
    ShownInference,
    TensorSpec,
    Visibility
} from "../src/types/RegistryTypes.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice A contradiction of any model that can be registered fits a transaction: 2^24 gas (EIP-7825), 128 KiB.
contract CircuitBreakerCostTest is RegistryTest {
    uint256 private constant GAS_CAP = 1 << 24;
    uint256 private constant BYTE_CAP = 128 * 1024;
    uint256 private constant MAX_INPUTS = 64;
    uint256 private constant MAX_WORDS = 1920;

    function test_reportContradiction_mostChunksAndInputs_fits() public {
        _assertFits(_registration(256, MAX_INPUTS, 1));
    }

    function test_reportContradiction_mostWords_fits() public {
        _assertFits(_registration(1, 1, uint32(MAX_WORDS - 1)));
    }

    function test_registerModel_revertsForMoreInputs() public {
        _assertRefused(_registration(1, MAX_INPUTS + 1, 1), MAX_INPUTS + 1, MAX_INPUTS + 2);
    }

    function test_registerModel_revertsForMoreWords() public {
        _assertRefused(_registration(1, 1, uint32(MAX_WORDS)), 1, MAX_WORDS + 1);
    }

    function test_registerModel_revertsWithoutInputs() public {
        _assertRefused(_registration(1, 0, 1), 0, 1);
    }

    function _assertRefused(ModelRegistration memory registration, uint256 inputs, uint256 words) private {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidPublicSize.selector, inputs, words));
        vm.prank(REGISTRANT);
        registry.registerModel(registration);
    }

    /// @dev Two inferences with the same inputs and other outputs, all in the last chunk, which is proven last.
    function _assertFits(ModelRegistration memory registration) private {
        ModelId modelId = register(registration);
        ShownInference[2] memory reported;
        for (uint256 k; k < 2; ++k) {
            ChunkProof[] memory proofs = new ChunkProof[](registration.chunks.length);
            for (uint16 i; i < proofs.length; ++i) {
                uint256[] memory values = new uint256[](registration.chunks[i].numPublic);
                if (values.length != 0) values[values.length - 1] = k + 1;
                proofs[i] = proofWith(inferenceOf(modelId, ROOT + k), i, values);
            }
            attest(modelId, ROOT + k, proofs);
            reported[k] = ShownInference(idOf(modelId, ROOT + k), shown(proofs));
        }
        ModelRecord memory record = recordOf(modelId);
        bytes memory call = abi.encodeCall(
            IChainferRegistry.reportContradiction,
            (modelId, reported[0], reported[1], 0, record, registration.inputs, registration.outputs)
        );
        assertLt(call.length, BYTE_CAP);
        registry.reportContradiction(
            modelId, reported[0], reported[1], 0, record, registration.inputs, registration.outputs
        );
        // Execution, and calldata at the floor of EIP-7976.
        assertLt(vm.lastCallGas().gasTotalUsed + 21_000 + 64 * call.length, GAS_CAP);
        assertTrue(registry.model(modelId).frozen);
    }

    function _registration(uint256 chunks, uint256 inputs, uint32 words)
        private
        returns (ModelRegistration memory registration)
    {
        uint16 last = uint16(chunks - 1);
        registration.manifestId = keccak256(abi.encode(chunks, inputs, words));
        ChunkSpec memory stub = stubSpec(1, 0);
        registration.chunks = new ChunkSpec[](chunks);
        for (uint256 i; i < chunks; ++i) {
            registration.chunks[i] = ChunkSpec(stub.verifier, stub.codeHash, stub.keyHash, 0, 0);
        }
        registration.chunks[last].numPublic = uint32(inputs * words + 1);
        registration.leafLengths = uniform(inputs + 1, 15 * words);
        registration.leafLengths[inputs] = 1;
        registration.inputs = new TensorSpec[](inputs);
        for (uint32 i; i < inputs; ++i) {
            registration.inputs[i] = wordsAt(i, last, i * words, words);
        }
        registration.outputs = new TensorSpec[](1);
        registration.outputs[0] = TensorSpec(uint32(inputs), last, uint32(inputs) * words, 1, 0, Visibility.Public, 1);
    }
}
