// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, Inference, ModelRecord, ModelRegistration} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice Registrations as no encoder writes them. What the registry reads must be well-formed; what it does not read is the
/// registrant's own loss: the record's hash is over the words as they came, so a part has one form.
contract ModelStoreCalldataTest is RegistryTest {
    /// @dev Words of the call behind the selector: the registration's offset, manifest, key set, and the offsets of its five parts.
    uint256 internal constant START = 1;
    uint256 internal constant CHUNKS = 3;
    uint256 internal constant INPUTS = 4;
    uint256 internal constant OUTPUTS = 5;
    uint256 internal constant URI = 7;

    ModelId internal modelId;
    Inference internal inference;

    function setUp() public override {
        super.setUp();
        noteModel(ModelId.wrap("plain"), classifierRegistration());
        modelId = registry.modelIdOf("classifier", REGISTRANT);
        inference = inferenceOf(modelId, ROOT);
    }

    function decode(bytes calldata data) external pure returns (ModelRegistration memory) {
        return abi.decode(data, (ModelRegistration));
    }

    /// @dev Bits beyond a tensor's types and ranges, or beyond the number of public values: all of these words are read.
    function testFuzz_registerModel_revertsWhenAReadWordHasDirtyBits(uint256 which, uint256 bit) public {
        bytes memory data = _call();
        which %= 15;
        uint256 word = which < 7 ? _part(data, INPUTS) + which : which < 14 ? _part(data, OUTPUTS) + which - 7 : 0;
        if (which == 14) word = _part(data, CHUNKS) + 3;
        // A scale has 127 bits.
        bool isScale = which == 6 || which == 13;
        _set(data, word, _get(data, word) | uint256(1) << bound(bit, isScale ? 127 : 32, 255));
        vm.prank(REGISTRANT);
        (bool success,) = address(registry).call(data);
        assertFalse(success);
    }

    /// @dev A verifier that is no address can be registered, and nothing can be proven with it: neither as it was given nor otherwise.
    function test_registerModel_aVerifierWithDirtyBits_provesNothing() public {
        bytes memory data = _call();
        uint256 word = _part(data, CHUNKS);
        uint256 clean = _get(data, word);
        _set(data, word, clean | uint256(1) << 160);
        _register(data);
        ModelRecord memory record = Records.recordOf(registered(ModelId.wrap("plain")));
        record.chunks = _digest(data, word, 15);
        assertEq(registry.model(modelId).recordHash, Records.hashOf(record));

        bytes memory attest_ = _attestCall(record);
        (bool success, bytes memory reason) = address(registry).call(attest_);
        assertFalse(success);
        assertEq(reason, abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId));
        // The list of chunks is behind the inference, the record and two offsets.
        assertEq(_get(attest_, 12), clean);
        _set(attest_, 12, clean | uint256(1) << 160);
        (success, reason) = address(registry).call(attest_);
        assertFalse(success);
        assertEq(reason.length, 0);
    }

    /// @dev The hiding budget is for information only, and is never read: the one form is the one that was registered.
    function test_registerModel_aBudgetWithDirtyBits_hasOneForm() public {
        bytes memory data = _call();
        uint256 word = _part(data, CHUNKS) + 4;
        uint256 dirty = _get(data, word) | uint256(1) << 32;
        _set(data, word, dirty);
        _register(data);
        ModelRecord memory record = Records.recordOf(registered(ModelId.wrap("plain")));
        record.chunks = _digest(data, word - 4, 15);
        bytes memory attest_ = _attestCall(record);
        (bool success, bytes memory reason) = address(registry).call(attest_);
        assertFalse(success);
        assertEq(reason, abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId));
        _set(attest_, 16, dirty);
        (success,) = address(registry).call(attest_);
        assertTrue(success);
    }

    /// @dev Nothing reads the URI, so it may point anywhere: whoever follows the events must not stumble over data that cannot be
    /// decoded. The record is what it is without.
    function test_registerModel_aUriThatIsNowhere_isNotLookedAt() public {
        bytes memory data = _call();
        _set(data, URI, type(uint256).max);
        vm.recordLogs();
        _register(data);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs[0].topics[1], ModelId.unwrap(modelId));
        vm.expectRevert();
        this.decode(logs[0].data);
        ModelRecord memory record = Records.recordOf(registered(ModelId.wrap("plain")));
        assertEq(registry.model(modelId).recordHash, Records.hashOf(record));
    }

    /// @dev Bytes behind the registration are in the event, and in nothing else; decoders pass over them.
    function test_registerModel_bytesBehindTheCall_changeNothing() public {
        vm.recordLogs();
        _register(bytes.concat(_call(), "trailing"));
        ModelRegistration memory registration = registered(ModelId.wrap("plain"));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(abi.encode(this.decode(logs[0].data)), abi.encode(registration));
        assertEq(registry.model(modelId).recordHash, Records.hashOf(Records.recordOf(registration)));
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    function _call() private view returns (bytes memory) {
        return abi.encodeCall(IChainferRegistry.registerModel, (registered(ModelId.wrap("plain"))));
    }

    function _register(bytes memory data) private {
        vm.prank(REGISTRANT);
        (bool success,) = address(registry).call(data);
        assertTrue(success);
    }

    /// @dev `attest` with the chunks as an encoder writes them.
    function _attestCall(ModelRecord memory record) private returns (bytes memory) {
        noteModel(modelId, registered(ModelId.wrap("plain")));
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        return abi.encodeCall(IChainferRegistry.attest, (inference, record, chunksOf(modelId), proofs));
    }

    /// @dev The first word of a part, behind its length.
    function _part(bytes memory data, uint256 offset) private pure returns (uint256) {
        return START + _get(data, offset) / 32 + 1;
    }

    function _digest(bytes memory data, uint256 word, uint256 count) private pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(add(add(data, 0x24), mul(word, 0x20)), mul(count, 0x20))
        }
    }

    function _get(bytes memory data, uint256 word) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x24), mul(word, 0x20)))
        }
    }

    function _set(bytes memory data, uint256 word, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 0x24), mul(word, 0x20)), value)
        }
    }
}
