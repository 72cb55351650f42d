// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2Verifier} from "../../src/interfaces/IHalo2Verifier.sol";
import {Curve} from "../base/Curve.sol";
import {VerifierErrors} from "../base/VerifierErrors.sol";
import {VerifierTest} from "../base/VerifierTest.sol";
import {vm} from "../../script/Vm.sol";

/// @notice `accumulate` is `verifyProof` without the pairing: the same errors, and points that pair if and only if the
/// proof holds. The target is `accumulate`.
abstract contract Accumulator is VerifierTest {
    function test_accumulate_answersWithPointsThatPair() public view {
        (bool success, bytes memory answer) = ask(honestCall());
        assertTrue(success, "the honest proof");
        assertEq(answer.length, 128, "bytes of the answer");
        uint256[4] memory points = abi.decode(answer, (uint256[4]));
        assertTrue(Curve.isPoint(points[0], points[1]), "the left point");
        assertTrue(Curve.isPoint(points[2], points[3]), "the right point");
        assertTrue(points[0] != 0 || points[1] != 0, "the left point is the identity");
        assertTrue(points[2] != 0 || points[3] != 0, "the right point is the identity");
        assertTrue(pairs(points), "the points do not pair");
    }

    function test_accumulate_gasSnapshot() public {
        (bool success,) = ask(honestCall());
        assertTrue(success, "the honest proof");
        vm.snapshotGasLastCall(snapshotGroup(), "accumulate");
    }

    /// @dev Name of the file under snapshots/.
    function snapshotGroup() internal pure virtual returns (string memory);

    function test_accumulate_needsNoPairing() public {
        (, bytes memory expected) = ask(honestCall());
        vm.mockCallRevert(address(8), "", "");
        (bool success, bytes memory answer) = ask(honestCall());
        assertTrue(success, "without a pairing");
        assertEq(answer, expected, "without a pairing");
    }

    function test_accumulate_agreesWithVerifyProofOnEveryWord() public view {
        bytes memory data = honestCall();
        assertAgrees(data, "the honest proof");
        for (uint256 word; word < proofWords(); ++word) {
            uint256 offset = proofByte(word);
            uint256 honest = get(data, offset);
            set(data, offset, honest ^ (1 << (word * 91 % 254)));
            assertAgrees(data, nth("another word", word));
            set(data, offset, honest);
        }
        for (uint256 i; i < instanceCount(); ++i) {
            uint256 honest = get(data, instanceByte(i));
            set(data, instanceByte(i), addmod(honest, 1, Curve.R));
            assertAgrees(data, nth("another instance", i));
            set(data, instanceByte(i), honest);
        }
    }

    function testFuzz_accumulate_agreesWithVerifyProof(uint256 index, uint256 by) public view {
        bytes memory data = honestCall();
        uint256[] memory starts = pointStarts();
        uint256 start = starts[index % starts.length];
        (uint256 x, uint256 y) = Curve.multiply(1, 2, by);
        (x, y) = Curve.add(get(data, proofByte(start)), get(data, proofByte(start + 1)), x, y);
        set(data, proofByte(start), x);
        set(data, proofByte(start + 1), y);
        assertAgrees(data, "a moved point");
    }

    /// @dev Both entries on the same arguments: the same refusal, or points that pair exactly if the proof is accepted.
    function assertAgrees(bytes memory data, string memory what) private view {
        (bool reduced, bytes memory points) = ask(data);
        bytes memory question = resized(data, data.length);
        bytes4 verify = IHalo2Verifier.verifyProof.selector;
        for (uint256 i; i < 4; ++i) {
            question[i] = verify[i];
        }
        (bool accepted, bytes memory answer) = ask(question);
        if (!reduced) {
            assertTrue(!accepted, string.concat(what, ": accepted, but accumulate refuses it"));
            if (hasTypedErrors()) assertEq(answer, points, what);
            return;
        }
        assertEq(points.length, 128, what);
        bool holds = pairs(abi.decode(points, (uint256[4])));
        assertTrue(accepted == holds, string.concat(what, ": pairing and verdict differ"));
        if (!accepted && hasTypedErrors()) {
            assertEq(answer, abi.encodeWithSelector(VerifierErrors.ProofRejected.selector), what);
        }
    }

    /// @dev Under the setup in the key.
    function pairs(uint256[4] memory points) private view returns (bool) {
        return Curve.pairs(points, deployment.key);
    }
}
