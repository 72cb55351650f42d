// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ERC7992Adapter} from "../../src/adapters/ERC7992Adapter.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IHalo2VerifierErrors} from "../../src/interfaces/IHalo2VerifierErrors.sol";
import {IPinnedVerifierErrors} from "../../src/interfaces/IPinnedVerifierErrors.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
import {
    IERCZKMLRegistry,
    IERCZKMLStorageExtension,
    IERCZKMLVerifier
} from "../../src/interfaces/standards/IERC7992.sol";
import {ShownValues} from "../../src/libraries/ShownValues.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    ChunkValues,
    Inference,
    ModelRegistration,
    TensorSpec,
    Visibility
} from "../../src/types/RegistryTypes.sol";
import {TraceTest} from "../helpers/TraceTest.sol";

/// @notice The verifier and storage interfaces of ERC-7992.
contract ERC7992AdapterTest is TraceTest {
    ERC7992Adapter internal adapter;
    ModelId internal id;
    uint256 internal modelId;
    uint256[][] internal values;
    uint256 internal root;
    bytes32 internal input;
    bytes internal output;
    bytes internal proof;

    function setUp() public override {
        super.setUp();
        adapter = new ERC7992Adapter(registry);
        id = register(traceRegistration("trace"));
        modelId = uint256(ModelId.unwrap(id));
        Trace memory trace = traceOf("image", "hint", "salt");
        values = publicOf(trace);
        root = trace.root;
        input = adapter.inputCommitmentOf(modelId, REQUESTER, NONCE, _inputs());
        output = _output();
        proof = _proof(_proofs());
    }

    // ------------------------------------------------------------------------------------------------------ ERC-165

    function test_supportsInterface_theIdsOfTheStandard() public view {
        assertEq(type(IERCZKMLRegistry).interfaceId, bytes4(0xd28519b1));
        assertEq(type(IERCZKMLVerifier).interfaceId, bytes4(0x5df65472));
        assertEq(type(IERCZKMLStorageExtension).interfaceId, bytes4(0x29c6ba89));
        assertTrue(adapter.supportsInterface(0xd28519b1));
        assertTrue(adapter.supportsInterface(0x5df65472));
        assertTrue(adapter.supportsInterface(0x29c6ba89));
        assertTrue(adapter.supportsInterface(type(IERC165).interfaceId));
        assertFalse(adapter.supportsInterface(0xffffffff));
    }

    function test_registry_isTheAdapter() public view {
        assertEq(adapter.registry(), address(adapter));
        assertEq(address(adapter.CHAINFER()), address(registry));
        assertEq(adapter.proofSystemOf(modelId), bytes4(keccak256("halo2-kzg-bn254-v1")));
    }

    function test_proofSystemOf_revertsWhenThereIsNoSuchModel() public {
        vm.expectRevert(abi.encodeWithSelector(IERCZKMLRegistry.ModelNotFound.selector, 5));
        adapter.proofSystemOf(5);
    }

    // ---------------------------------------------------------------------------------------------- verifyInference

    function test_verifyInference_withAllProofs_provesInTheRegistry() public {
        vm.expectEmit(address(adapter));
        emit IERCZKMLVerifier.InferenceVerified(modelId, input, output, RELAYER);
        vm.prank(RELAYER);
        adapter.verifyInference(modelId, input, output, proof);
        InferenceId inferenceId = idOf(id, root);
        registry.requireAttested(id, inferenceId);
    }

    function test_verifyInference_withoutProofs_readsTheRegistry() public {
        attestValues(id, root, NONCE, values);
        adapter.verifyInference(modelId, input, output, _proof(new ChunkProof[](0)));
        // And again: nothing is spent.
        adapter.verifyInference(modelId, input, output, proof);
        // The chunks are only needed to prove.
        ERC7992Adapter.Claim memory claim = _claim(new ChunkProof[](0));
        claim.chunks = new ChunkSpec[](0);
        adapter.verifyInference(modelId, input, output, abi.encode(claim));
    }

    function test_verifyInference_withTheMissingProofs_finishes() public {
        ChunkProof[] memory proofs = _proofs();
        attest(id, root, only(proofs[1]));
        ChunkProof[] memory rest = new ChunkProof[](2);
        (rest[0], rest[1]) = (proofs[2], proofs[0]);
        ERC7992Adapter.Claim memory claim = _claim(rest);
        ChunkValues[] memory all = claim.shown;
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, idOf(id, root));
        vm.expectRevert(expected);
        adapter.verifyInference(modelId, input, output, abi.encode(claim));
        // In the order in which they are proven.
        (claim.shown[0], claim.shown[1], claim.shown[2]) = (all[1], all[2], all[0]);
        adapter.verifyInference(modelId, input, output, abi.encode(claim));
        assertTrue(isProven(id, idOf(id, root)));
    }

    function test_verifyInference_revertsWhenAProofIsWrong() public {
        ChunkProof[] memory proofs = _proofs();
        proofs[1].proof[3] ^= 0x01;
        vm.expectRevert(IERCZKMLVerifier.InvalidProof.selector);
        adapter.verifyInference(modelId, input, output, _proof(proofs));
        proofs[1].proof = "malformed";
        vm.expectRevert(IERCZKMLVerifier.InvalidProof.selector);
        adapter.verifyInference(modelId, input, output, _proof(proofs));
    }

    /// @dev Whoever sends a valid proof with too little gas must not get a verdict over it.
    function testFuzz_verifyInference_withTooLittleGas_isNoVerdict(uint256 gas_) public {
        bytes memory valid = _proof(_proofs());
        gas_ = bound(gas_, 30_000, 1_500_000);
        try adapter.verifyInference{gas: gas_}(modelId, input, output, valid) {}
        catch (bytes memory reason) {
            assertNotEq(bytes4(reason), IERCZKMLVerifier.InvalidProof.selector);
        }
        try adapter.proofSystemOf{gas: gas_ / 20}(modelId) {}
        catch (bytes memory reason) {
            assertNotEq(bytes4(reason), IERCZKMLRegistry.ModelNotFound.selector);
        }
    }

    function test_verifyInference_revertsWhenTheVerifierSaysNothing() public {
        bytes memory silent = abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 1, "");
        vm.mockCallRevert(address(registry), abi.encodeWithSelector(IChainferRegistry.attest.selector), silent);
        vm.expectRevert(silent);
        adapter.verifyInference(modelId, input, output, proof);
        bytes memory precompile = abi.encodeWithSelector(
            IPinnedVerifierErrors.ChunkRejected.selector,
            1,
            abi.encodeWithSelector(IHalo2VerifierErrors.PrecompileFailed.selector, 7)
        );
        vm.mockCallRevert(address(registry), abi.encodeWithSelector(IChainferRegistry.attest.selector), precompile);
        vm.expectRevert(precompile);
        adapter.verifyInference(modelId, input, output, proof);
    }

    function test_verifyInference_revertsWhenTheProofIsNoClaim() public {
        bytes[4] memory malformed = [
            bytes(""), abi.encode(modelId), bytes.concat(bytes32(uint256(0x40)), proof), bytes.concat(proof, bytes32(0))
        ];
        for (uint256 i; i < malformed.length; ++i) {
            vm.expectRevert(ERC7992Adapter.MalformedClaim.selector);
            adapter.verifyInference(modelId, input, output, malformed[i]);
        }
    }

    /// @dev The claim in calldata, but not all of it in the proof.
    function test_verifyInference_revertsWhenTheRestIsBehindTheProof() public {
        bytes memory message = abi.encodeCall(adapter.verifyInference, (modelId, input, output, proof));
        uint256[3] memory lengths = [uint256(0x1e0), proof.length - 0x20, proof.length];
        for (uint256 i; i < lengths.length; ++i) {
            uint256 length = lengths[i];
            assembly ("memory-safe") {
                let arguments := add(message, 0x24)
                mstore(add(arguments, mload(add(arguments, 0x60))), length)
            }
            (bool success, bytes memory answer) = address(adapter).call(message);
            assertEq(success, length == proof.length);
            if (!success) assertEq(bytes4(answer), ERC7992Adapter.MalformedClaim.selector);
        }
    }

    /// @dev Record and parts say what is an input and what an output: a claim with other ones proves nothing.
    function test_verifyInference_revertsWhenRecordOrPartsAreOthers() public {
        attestValues(id, root, NONCE, values);
        ERC7992Adapter.Claim memory claim = _claim(new ChunkProof[](0));
        (claim.inputs, claim.outputs) = (claim.outputs, claim.inputs);
        _expectRecordMismatch(claim);
        claim = _claim(new ChunkProof[](0));
        (claim.inputs[0], claim.inputs[1]) = (claim.inputs[1], claim.inputs[0]);
        _expectRecordMismatch(claim);
        claim = _claim(new ChunkProof[](0));
        claim.outputs[1].chunk = 0;
        claim.outputs[1].offset = 0;
        _expectRecordMismatch(claim);
        claim = _claim(new ChunkProof[](0));
        claim.record.keySet ^= 1;
        _expectRecordMismatch(claim);
        // All of another model's, which fit each other.
        ModelRegistration memory registration = traceRegistration("another");
        registration.outputs[1].scaleWad = 2;
        ModelId other = register(registration);
        claim = _claim(new ChunkProof[](0));
        (claim.record, claim.inputs, claim.outputs) = (recordOf(other), inputsOf(other), outputsOf(other));
        _expectRecordMismatch(claim);
    }

    function test_verifyInference_revertsWhenTheChunksAreOthers() public {
        ERC7992Adapter.Claim memory claim = _claim(_proofs());
        (claim.chunks[0], claim.chunks[1]) = (claim.chunks[1], claim.chunks[0]);
        _expectRecordMismatch(claim);
        claim.chunks = new ChunkSpec[](0);
        _expectRecordMismatch(claim);
    }

    function test_verifyInference_revertsWhenTheValuesAreOthers() public {
        attestValues(id, root, NONCE, values);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, idOf(id, root));
        ERC7992Adapter.Claim memory claim = _claim(new ChunkProof[](0));
        claim.shown[2].values[0] ^= 1;
        vm.expectRevert(expected);
        adapter.verifyInference(modelId, input, output, abi.encode(claim));
        claim.shown = new ChunkValues[](0);
        vm.expectRevert(expected);
        adapter.verifyInference(modelId, input, output, abi.encode(claim));
        claim = _claim(new ChunkProof[](0));
        claim.shown[2] = digested(claim.shown[2]);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 2));
        adapter.verifyInference(modelId, input, output, abi.encode(claim));
    }

    /// @dev The id is recomputed from the claim's requester: nobody is credited with what was proven for somebody else.
    function test_verifyInference_revertsWhenTheRequesterIsAnother() public {
        attestValues(id, root, NONCE, values);
        ERC7992Adapter.Claim memory claim = _claim(new ChunkProof[](0));
        claim.requester = RELAYER;
        bytes32 theirs = adapter.inputCommitmentOf(modelId, RELAYER, NONCE, _inputs());
        InferenceId unknown = idOf(Inference(id, root, RELAYER, NONCE));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, unknown));
        adapter.verifyInference(modelId, theirs, output, abi.encode(claim));
        claim.proofs = _proofs();
        vm.expectRevert(IERCZKMLVerifier.InvalidProof.selector);
        adapter.verifyInference(modelId, theirs, output, abi.encode(claim));
    }

    function test_verifyInference_revertsWhenProofsAreMissing() public {
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, idOf(id, root));
        vm.expectRevert(expected);
        adapter.verifyInference(modelId, input, output, _proof(new ChunkProof[](0)));
        bytes memory partly = _proof(only(_proofs()[0]));
        vm.expectRevert(expected);
        adapter.verifyInference(modelId, input, output, partly);
    }

    function test_verifyInference_revertsWhenTheProofIsOfAnotherModel() public {
        ModelId other = register(traceRegistration("another"));
        vm.expectRevert(IERCZKMLVerifier.ModelMismatch.selector);
        adapter.verifyInference(uint256(ModelId.unwrap(other)), input, output, proof);
    }

    function test_verifyInference_revertsWhenTheInputIsAnother() public {
        uint256[][] memory inputs = _inputs();
        inputs[1][0] ^= 1;
        bytes32[3] memory commitments = [
            adapter.inputCommitmentOf(modelId, REQUESTER, NONCE, inputs),
            adapter.inputCommitmentOf(modelId, REQUESTER, NONCE + 1, _inputs()),
            adapter.inputCommitmentOf(modelId, RELAYER, NONCE, _inputs())
        ];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(IERCZKMLVerifier.InputCommitmentMismatch.selector);
            adapter.verifyInference(modelId, commitments[i], output, proof);
        }
    }

    function test_verifyInference_revertsWhenTheOutputIsAnother() public {
        bytes memory other = output;
        other[other.length - 1] ^= 0x01;
        vm.expectRevert(IERCZKMLVerifier.OutputMismatch.selector);
        adapter.verifyInference(modelId, input, other, proof);
        vm.expectRevert(IERCZKMLVerifier.OutputMismatch.selector);
        adapter.verifyInference(modelId, input, bytes.concat(output, "x"), proof);
    }

    function test_verifyInference_revertsWhenTheModelIsDeprecated() public {
        attestValues(id, root, NONCE, values);
        bytes memory expected =
            abi.encodeWithSelector(IERCZKMLVerifier.VerificationRefused_ModelDeprecated.selector, modelId);
        uint256 before = vm.snapshotState();
        vm.prank(REGISTRANT);
        adapter.deprecateModel(modelId);
        vm.expectRevert(expected);
        adapter.verifyInference(modelId, input, output, _proof(new ChunkProof[](0)));
        vm.revertToState(before);
        vm.prank(REGISTRANT);
        registry.deprecateModel(id);
        vm.expectRevert(expected);
        adapter.verifyInference(modelId, input, output, _proof(new ChunkProof[](0)));
    }

    function test_verifyInference_revertsWhenTheModelIsFrozen() public {
        attestValues(id, root, NONCE, values);
        vm.prank(GUARDIAN);
        registry.freezeModel(id);
        bytes memory expected = abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, id);
        vm.expectRevert(expected);
        adapter.verifyInference(modelId, input, output, _proof(new ChunkProof[](0)));
        vm.expectRevert(expected);
        adapter.verifyInference(modelId, input, output, proof);
    }

    function test_verifyInference_revertsWhenThereIsNoSuchModel() public {
        vm.expectRevert(abi.encodeWithSelector(IERCZKMLRegistry.ModelNotFound.selector, 5));
        adapter.verifyInference(5, input, output, _proof(new ChunkProof[](0)));
    }

    function test_verifyInference_ofLongTensors() public {
        ModelRegistration memory registration = registrationOf("long", uniform(1, 40));
        registration.leafLengths = uniform(2, 300);
        registration.inputs = new TensorSpec[](1);
        registration.inputs[0] = wordsAt(0, 0, 0, 20);
        registration.outputs = new TensorSpec[](1);
        registration.outputs[0] = wordsAt(1, 0, 20, 20);
        id = register(registration);
        root = ROOT;
        modelId = uint256(ModelId.unwrap(id));
        values = new uint256[][](1);
        values[0] = honestValues(id, ROOT, 0);
        (uint256[][] memory inputs, uint256[][] memory outputs) = (new uint256[][](1), new uint256[][](1));
        (inputs[0], outputs[0]) = (new uint256[](20), new uint256[](20));
        for (uint256 i; i < 20; ++i) {
            (inputs[0][i], outputs[0][i]) = (values[0][i], values[0][20 + i]);
        }
        input = adapter.inputCommitmentOf(modelId, REQUESTER, NONCE, inputs);
        output = abi.encode(outputs);
        adapter.verifyInference(modelId, input, output, _proof(_proofs()));
        // Proven now: no proof is needed, but the values still are.
        adapter.verifyInference(modelId, input, output, _proof(new ChunkProof[](0)));
        ERC7992Adapter.Claim memory claim = _claim(new ChunkProof[](0));
        claim.shown[0] = digested(claim.shown[0]);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 0));
        adapter.verifyInference(modelId, input, output, abi.encode(claim));
    }

    // ------------------------------------------------------------------------------------------------------ Storage

    function test_verifyAndStoreInference_stores() public {
        bytes32 expected = keccak256(abi.encodePacked(modelId, input, output));
        vm.expectEmit(address(adapter));
        emit IERCZKMLStorageExtension.InferenceStored(expected);
        assertEq(adapter.verifyAndStoreInference(modelId, input, output, proof), expected);
        (uint256 storedModel, bytes32 storedInput, bytes memory storedOutput) = adapter.getInference(expected);
        assertEq(storedModel, modelId);
        assertEq(storedInput, input);
        assertEq(storedOutput, output);
    }

    function test_verifyAndStoreInference_twice_storesOnce() public {
        bytes32 first = adapter.verifyAndStoreInference(modelId, input, output, proof);
        vm.recordLogs();
        bytes32 second = adapter.verifyAndStoreInference(modelId, input, output, proof);
        assertEq(first, second);
        // Verified again, not stored again.
        assertEq(vm.getRecordedLogs().length, 1);
    }

    function test_verifyAndStoreInference_revertsWhenAProofIsWrong() public {
        ChunkProof[] memory proofs = _proofs();
        proofs[0].proof[3] ^= 0x01;
        vm.expectRevert(IERCZKMLVerifier.InvalidProof.selector);
        adapter.verifyAndStoreInference(modelId, input, output, _proof(proofs));
    }

    function test_getInference_revertsWhenNothingIsStored() public {
        vm.expectRevert(abi.encodeWithSelector(ERC7992Adapter.InferenceNotFound.selector, bytes32("nothing")));
        adapter.getInference("nothing");
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    function _proofs() private view returns (ChunkProof[] memory) {
        return proofsWith(Inference(id, root, REQUESTER, NONCE), values);
    }

    function _claim(ChunkProof[] memory proofs) private view returns (ERC7992Adapter.Claim memory) {
        return ERC7992Adapter.Claim({
            modelId: modelId,
            root: root,
            requester: REQUESTER,
            nonce: NONCE,
            record: recordOf(id),
            chunks: chunksOf(id),
            inputs: inputsOf(id),
            outputs: outputsOf(id),
            proofs: proofs,
            shown: shown(values)
        });
    }

    function _proof(ChunkProof[] memory proofs) private view returns (bytes memory) {
        return abi.encode(_claim(proofs));
    }

    function _expectRecordMismatch(ERC7992Adapter.Claim memory claim) private {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, id));
        adapter.verifyInference(modelId, input, output, abi.encode(claim));
    }

    function _inputs() private view returns (uint256[][] memory inputs) {
        inputs = new uint256[][](2);
        (inputs[0], inputs[1]) = (values[0], values[1]);
    }

    function _output() private view returns (bytes memory) {
        uint256[][] memory outputs = new uint256[][](2);
        (outputs[0], outputs[1]) = (new uint256[](1), new uint256[](1));
        (outputs[0][0], outputs[1][0]) = (values[2][0], values[2][1]);
        return abi.encode(outputs);
    }
}
