// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {DeterministicDeployment} from "../script/DeterministicDeployment.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, ChunkSpec, ModelRegistration, ShownInference} from "../src/types/RegistryTypes.sol";
import {DeterministicProxy} from "./helpers/DeterministicProxy.sol";
import {G1} from "./helpers/G1.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";
import {FixedPointsVerifier} from "./stubs/FixedPointsVerifier.sol";

/// @notice What a dApp pays for a read: the call alone, from a cold registry.
contract GasProbe {
    uint256 public spent;

    function requireAttested(IChainferRegistry registry, ModelId modelId, InferenceId inferenceId) external {
        uint256 before = gasleft();
        registry.requireAttested(modelId, inferenceId);
        spent = before - gasleft();
    }

    function model(IChainferRegistry registry, ModelId modelId) external {
        uint256 before = gasleft();
        registry.model(modelId);
        spent = before - gasleft();
    }

    function stateOf(IChainferRegistry registry, ModelId modelId, InferenceId inferenceId) external {
        uint256 before = gasleft();
        registry.stateOf(modelId, inferenceId);
        spent = before - gasleft();
    }
}

/// @notice Cost of whole transactions with verifiers that answer at once, hence of the registry alone, its pairing included;
/// written to contracts/snapshots, which is reviewed with the code. A real chunk proof adds what its verifier takes and
/// the calldata.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
/// forge-config: long.isolate = true
contract ChainferRegistryGasTest is RegistryTest {
    string private constant GROUP = "ChainferRegistry";

    ModelId internal modelId;
    InferenceId internal inferenceId;

    function setUp() public override {
        super.setUp();
        modelId = register(classifierRegistration());
        inferenceId = idOf(modelId, ROOT);
    }

    function test_gas_registerModel() public {
        ModelRegistration memory registration = classifierRegistration();
        registry.registerModel(registration);
        vm.snapshotGasLastCall(GROUP, "registerModel, 3 chunks, 1 input, 1 output, 5 leaves");
    }

    function test_gas_deploy_fitsATransaction() public {
        DeterministicProxy.install();
        bytes32[] memory codeHashes = new bytes32[](3);
        (codeHashes[0], codeHashes[1], codeHashes[2]) = ("first shape", "second shape", "third shape");
        bytes memory arguments = abi.encode(OWNER, GUARDIAN, codeHashes);
        // As the script does it: one transaction to the proxy.
        bytes memory call = bytes.concat(bytes32(0), vm.getCode("ChainferRegistry.sol:ChainferRegistry"), arguments);
        (bool success,) = DeterministicDeployment.PROXY.call(call);
        uint256 gasUsed = vm.snapshotGasLastCall(GROUP, "deploy, with its openings contract and 3 shapes");
        assertTrue(success);
        assertLe(gasUsed, 1 << 24);
    }

    function test_gas_governance() public {
        vm.prank(OWNER);
        registry.addVerifier("shape");
        vm.snapshotGasLastCall(GROUP, "addVerifier");
        vm.prank(GUARDIAN);
        registry.freezeVerifier("shape");
        vm.snapshotGasLastCall(GROUP, "freezeVerifier");
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        vm.snapshotGasLastCall(GROUP, "freezeModel");
    }

    function test_gas_reportContradiction() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        InferenceId first = attest(modelId, ROOT, proofs);
        ChunkProof[] memory others = honestProofs(modelId, ROOT + 1);
        others[0].publicValues = proofs[0].publicValues;
        InferenceId second = attest(modelId, ROOT + 1, others);
        ModelRegistration memory registration = registered(modelId);
        ShownInference memory a = ShownInference(first, shown(proofs));
        ShownInference memory b = ShownInference(second, shown(others));
        registry.reportContradiction(modelId, a, b, 0, recordOf(modelId), registration.inputs, registration.outputs);
        vm.snapshotGasLastCall(GROUP, "reportContradiction, 1 input of 1 word, 1 output of 1 word");
    }

    function test_gas_commit_isAtMost60000() public {
        commit(modelId, type(uint256).max >> 3);
        uint256 gasUsed = vm.snapshotGasLastCall(GROUP, "commit");
        assertLe(gasUsed, 60_000);
    }

    function test_gas_prove() public {
        commit(modelId, ROOT);
        ChunkProof[][3] memory proofs;
        for (uint16 i; i < 3; ++i) {
            proofs[i] = only(honestProof(modelId, ROOT, i));
        }
        prove(modelId, ROOT, proofs[0]);
        vm.snapshotGasLastCall(GROUP, "prove, first chunk, 1 public value");
        prove(modelId, ROOT, proofs[1]);
        vm.snapshotGasLastCall(GROUP, "prove, middle chunk, no public value");
        prove(modelId, ROOT, proofs[2]);
        vm.snapshotGasLastCall(GROUP, "prove, last chunk, 1 public value");
        prove(modelId, ROOT, proofs[2]);
        vm.snapshotGasLastCall(GROUP, "prove, a proven chunk again");
    }

    function test_gas_prove_allChunksOfACommittedInference() public {
        commit(modelId, ROOT);
        prove(modelId, ROOT, honestProofs(modelId, ROOT));
        vm.snapshotGasLastCall(GROUP, "prove, all of 3 chunks");
    }

    function test_gas_attest() public {
        _attest("one", 1, "attest, 1 chunk");
        _attest("three", 3, "attest, 3 chunks");
        _attest("five", 5, "attest, 5 chunks");
    }

    /// @dev Keys of 384 bytes in calldata, or in contracts.
    function test_gas_attest_keysInContracts() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        for (uint256 i; i < 3; ++i) {
            proofs[i].key = holderOf(chunkOf(modelId, i).keyHash);
        }
        attest(modelId, ROOT, proofs);
        vm.snapshotGasLastCall(GROUP, "attest, 3 chunks, keys in contracts");
    }

    function test_gas_requireAttested_coldIsAtMost9000() public {
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        GasProbe probe = new GasProbe();
        probe.requireAttested(registry, modelId, inferenceId);
        uint256 spent = probe.spent();
        vm.snapshotValue(GROUP, "requireAttested, the call alone, cold", spent);
        assertLe(spent, 9000);
    }

    function test_gas_reads() public {
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        GasProbe probe = new GasProbe();
        probe.model(registry, modelId);
        vm.snapshotValue(GROUP, "model, the call alone, cold", probe.spent());
        probe.stateOf(registry, modelId, inferenceId);
        vm.snapshotValue(GROUP, "stateOf, the call alone, cold", probe.spent());
    }

    function newVerifier(uint256 seed) internal override returns (address) {
        return address(new FixedPointsVerifier(abi.decode(G1.answer(G1.at(seed), G1.at(0)), (uint256[4]))));
    }

    function proofFor(ChunkSpec memory, uint256[] memory) internal pure override returns (bytes memory) {
        return abi.encode(uint256(keccak256("any proof")));
    }

    function _attest(bytes32 manifestId, uint256 chunks, string memory name) private {
        uint32[] memory numPublic = uniform(chunks, 0);
        numPublic[0] = 1;
        numPublic[chunks - 1] += 1;
        ModelId id = register(registrationOf(manifestId, numPublic));
        ChunkProof[] memory proofs = honestProofs(id, ROOT);
        attest(id, ROOT, proofs);
        vm.snapshotGasLastCall(GROUP, name);
    }
}
