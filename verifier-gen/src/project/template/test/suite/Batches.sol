// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BatchVerifier} from "../../src/BatchVerifier.sol";
import {IHalo2SharedVerifier} from "../../src/interfaces/IHalo2SharedVerifier.sol";
import {IPinnedVerifierErrors} from "../../src/interfaces/IPinnedVerifierErrors.sol";
import {Pin} from "../../src/types/Pin.sol";
import {Assertions} from "../base/Assertions.sol";
import {Curve} from "../base/Curve.sol";
import {Deployment, Targets} from "../base/Target.sol";
import {vm} from "../../script/Vm.sol";

/// @notice All chunks with one pairing. A batch that only added its proofs up would take wrong ones that cancel each other;
/// such are made here, from nothing but the honest proofs.
abstract contract Batches is Assertions {
    uint256 private constant CALL_GAS = 1 << 30;

    BatchVerifier internal batch;
    Deployment[] private _deployments;
    bytes[] private _keys;
    bytes[] private _proofs;
    uint256[][] private _instances;

    /// @dev Deploys the chunks and names the fixtures, chunk by chunk.
    function chunks() internal virtual returns (Deployment[] memory deployments, string[] memory fixtures);

    function setUp() public {
        (Deployment[] memory deployments, string[] memory fixtures) = chunks();
        // One chunk makes a batch of two of its proofs.
        uint256 count = deployments.length == 1 ? 2 : deployments.length;
        Pin[] memory pins = new Pin[](count);
        for (uint256 i; i < count; ++i) {
            Deployment memory chunk = deployments[i % deployments.length];
            string memory json = vm.readFile(fixtures[i % deployments.length]);
            _deployments.push(chunk);
            _keys.push(Targets.keyOf(chunk));
            _proofs.push(vm.parseJsonBytes(json, ".proof"));
            _instances.push(vm.parseJsonUintArray(json, ".instances"));
            pins[i] = Pin(chunk.shared, chunk.shared.codehash, chunk.keyCodeHash);
        }
        batch = new BatchVerifier(pins);
    }

    function test_batch_acceptsTheProofs() public view {
        assertTrue(batch.verifyProofs(_keys, _proofs, _instances), "the honest proofs");
        bytes[] memory holders = new bytes[](_keys.length);
        for (uint256 i; i < holders.length; ++i) {
            holders[i] = abi.encodePacked(_deployments[i].key);
        }
        assertTrue(batch.verifyProofs(holders, _proofs, _instances), "keys by the addresses of their contracts");
    }

    function test_batch_rejectsOtherKeys() public view {
        for (uint256 i; i < _keys.length; ++i) {
            bytes[] memory keys = _keys;
            keys[i][400] ^= 0x01;
            bytes memory data = abi.encodeCall(BatchVerifier.verifyProofs, (keys, _proofs, _instances));
            rejectsCall(data, IPinnedVerifierErrors.KeyHashMismatch.selector, nth("another key", i));
        }
    }

    function test_batch_gasSnapshot() public {
        batch.verifyProofs(_keys, _proofs, _instances);
        vm.snapshotGasLastCall("batch", "verifyProofs");
    }

    function test_batch_rejectsEachProofMadeWrong() public view {
        for (uint256 i; i < _proofs.length; ++i) {
            bytes[] memory proofs = _proofs;
            moveLastPoint(proofs[i], 1, 2);
            rejects(proofs, IPinnedVerifierErrors.BatchRejected.selector, nth("a wrong proof", i));
        }
    }

    function test_batch_rejectsSwappedProofs() public view {
        for (uint256 i = 1; i < _proofs.length; ++i) {
            bytes[] memory proofs = _proofs;
            if (keccak256(proofs[i]) == keccak256(proofs[i - 1])) continue;
            (proofs[i], proofs[i - 1]) = (proofs[i - 1], proofs[i]);
            assertTrue(!accepts(proofs), nth("proofs swapped up to", i));
        }
    }

    function test_batch_rejectsOtherCounts() public view {
        bytes[] memory fewer = new bytes[](_proofs.length - 1);
        bytes[] memory more = new bytes[](_proofs.length + 1);
        for (uint256 i; i < _proofs.length; ++i) {
            if (i < fewer.length) fewer[i] = _proofs[i];
            more[i] = _proofs[i];
        }
        assertTrue(!accepts(fewer), "a proof left out");
        assertTrue(!accepts(more), "a proof more");
        assertTrue(!accepts(new bytes[](0)), "no proofs");
    }

    /// @dev The last point W of a proof enters no challenge. With W + D for W, the pairing of that proof is off by
    /// (tau - u) D, where u is one of its challenges: the left side moves by D and the right by u D. Let E be the left point
    /// of an honest proof, then tau E is its right point, so D = tau E - u' E for one proof and D' = -(tau E - u E) for another
    /// can be computed by anybody, and (tau - u) D + (tau - u') D' = 0.
    function test_batch_rejectsWrongProofsThatCancel() public view {
        for (uint256 i = 1; i < _proofs.length; ++i) {
            cancel(i - 1, i);
        }
        cancel(_proofs.length - 1, 0);
    }

    function cancel(uint256 a, uint256 b) private view {
        bytes[] memory proofs = _proofs;
        uint256[4] memory honest = accumulate(a, proofs[a]);
        uint256[2] memory first = step(b, honest);
        uint256[2] memory second = step(a, honest);
        moveLastPoint(proofs[a], first[0], first[1]);
        moveLastPoint(proofs[b], second[0], Curve.negate(second[1]));
        assertCancels(_deployments[a].key, accumulate(a, proofs[a]), accumulate(b, proofs[b]));
        rejects(proofs, IPinnedVerifierErrors.BatchRejected.selector, nth("wrong proofs that cancel, from", a));
    }

    /// @dev The forgery is one: each proof is wrong, and their plain sum is not.
    function assertCancels(address key, uint256[4] memory first, uint256[4] memory second) private view {
        assertTrue(!Curve.pairs(first, key), "the first forged proof is not wrong");
        assertTrue(!Curve.pairs(second, key), "the second forged proof is not wrong");
        uint256[4] memory sum;
        (sum[0], sum[1]) = Curve.add(first[0], first[1], second[0], second[1]);
        (sum[2], sum[3]) = Curve.add(first[2], first[3], second[2], second[3]);
        assertTrue(Curve.pairs(sum, key), "the forged proofs do not cancel");
    }

    /// @dev (tau - u) E for the challenge u of this proof, where E and tau E are the points of an honest one.
    function step(uint256 chunk, uint256[4] memory honest) private view returns (uint256[2] memory moved) {
        uint256[2] memory product = challengeTimes(chunk, honest[0], honest[1]);
        (moved[0], moved[1]) = Curve.add(honest[2], honest[3], product[0], Curve.negate(product[1]));
    }

    /// @dev u P: how far the right side moves if the last point moves by P.
    function challengeTimes(uint256 chunk, uint256 x, uint256 y) private view returns (uint256[2] memory product) {
        bytes[] memory proofs = _proofs;
        uint256[4] memory before = accumulate(chunk, proofs[chunk]);
        moveLastPoint(proofs[chunk], x, y);
        uint256[4] memory moved = accumulate(chunk, proofs[chunk]);
        (product[0], product[1]) = Curve.add(moved[2], moved[3], before[2], Curve.negate(before[3]));
    }

    function moveLastPoint(bytes memory proof, uint256 dx, uint256 dy) private view {
        uint256 offset = proof.length - 64;
        (uint256 x, uint256 y) = (word(proof, offset), word(proof, offset + 32));
        (x, y) = Curve.add(x, y, dx, dy);
        assembly ("memory-safe") {
            let start := add(add(proof, 0x20), offset)
            mstore(start, x)
            mstore(add(start, 0x20), y)
        }
    }

    function word(bytes memory data, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), offset))
        }
    }

    function accumulate(uint256 chunk, bytes memory proof) private view returns (uint256[4] memory) {
        Deployment memory deployed = _deployments[chunk];
        return IHalo2SharedVerifier(deployed.shared).accumulate(_keys[chunk], proof, _instances[chunk]);
    }

    function accepts(bytes[] memory proofs) private view returns (bool success) {
        bytes memory data = abi.encodeCall(BatchVerifier.verifyProofs, (_keys, proofs, _instances));
        (success,) = address(batch).staticcall{gas: CALL_GAS}(data);
    }

    function rejects(bytes[] memory proofs, bytes4 refusal, string memory what) private view {
        rejectsCall(abi.encodeCall(BatchVerifier.verifyProofs, (_keys, proofs, _instances)), refusal, what);
    }

    function rejectsCall(bytes memory data, bytes4 refusal, string memory what) private view {
        (bool success, bytes memory reason) = address(batch).staticcall{gas: CALL_GAS}(data);
        assertTrue(!success, string.concat(what, ": not refused"));
        assertTrue(bytes4(reason) == refusal, string.concat(what, ": refused with ", vm.toString(reason)));
    }
}
