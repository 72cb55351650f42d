// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {ModelRecords} from "../../src/libraries/ModelRecords.sol";
import {ChunkSpec, ModelRecord, TensorSpec, Visibility} from "../../src/types/RegistryTypes.sol";
import {Records} from "../helpers/Records.sol";

/// @notice The digests are those that the documentation defines: keccak256 over words, without offset and length.
contract ModelRecordsTest is Test {
    function chunksDigest(ChunkSpec[] calldata chunks) external pure returns (bytes32) {
        return ModelRecords.hashOf(chunks);
    }

    function tensorsDigest(TensorSpec[] calldata tensors) external pure returns (bytes32) {
        return ModelRecords.hashOf(tensors);
    }

    function lengthsDigest(uint32[] calldata lengths) external pure returns (bytes32) {
        return ModelRecords.hashOf(lengths);
    }

    function test_digests_ofNothing_areThatOfNoBytes() public view {
        assertEq(this.chunksDigest(new ChunkSpec[](0)), keccak256(""));
        assertEq(this.tensorsDigest(new TensorSpec[](0)), keccak256(""));
        assertEq(this.lengthsDigest(new uint32[](0)), keccak256(""));
    }

    function testFuzz_chunks_fiveWordsEach(ChunkSpec[] memory chunks) public view {
        bytes memory words;
        for (uint256 i; i < chunks.length; ++i) {
            ChunkSpec memory spec = chunks[i];
            words = bytes.concat(
                words,
                abi.encode(
                    spec.verifier, spec.codeHash, spec.keyHash, uint256(spec.numPublic), uint256(spec.hidingBudget)
                )
            );
        }
        assertEq(this.chunksDigest(chunks), keccak256(words));
        assertEq(Records.digestOf(chunks), keccak256(words));
    }

    function testFuzz_tensors_sevenWordsEach(uint256 count, uint256 seed) public view {
        TensorSpec[] memory tensors = new TensorSpec[](count % 9);
        bytes memory words;
        for (uint256 i; i < tensors.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed, i)));
            TensorSpec memory spec = TensorSpec({
                leaf: uint32(seed),
                chunk: uint16(seed >> 32),
                offset: uint32(seed >> 48),
                length: uint32(seed >> 80),
                zeroPoint: uint32(seed >> 112),
                visibility: Visibility((seed >> 144) & 1),
                scaleWad: int256(seed) >> 145
            });
            tensors[i] = spec;
            words = bytes.concat(
                words,
                abi.encode(uint256(spec.leaf), uint256(spec.chunk), uint256(spec.offset), uint256(spec.length)),
                abi.encode(uint256(spec.zeroPoint), uint256(spec.visibility), spec.scaleWad)
            );
        }
        assertEq(this.tensorsDigest(tensors), keccak256(words));
        assertEq(Records.digestOf(tensors), keccak256(words));
    }

    function testFuzz_leafLengths_aWordEach(uint32[] memory lengths) public view {
        assertEq(this.lengthsDigest(lengths), keccak256(abi.encodePacked(lengths)));
        assertEq(Records.digestOf(lengths), keccak256(abi.encodePacked(lengths)));
    }

    function testFuzz_record_isTheHashOfItsEncoding(ModelRecord memory record) public pure {
        bytes32 expected =
            keccak256(abi.encode(record.keySet, record.chunks, record.inputs, record.outputs, record.leafLengths));
        assertEq(ModelRecords.hashOf(record), expected);
        assertEq(Records.hashOf(record), expected);
    }
}
