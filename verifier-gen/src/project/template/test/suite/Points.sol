// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Curve} from "../base/Curve.sol";
import {VerifierErrors} from "../base/VerifierErrors.sol";
import {VerifierTest} from "../base/VerifierTest.sol";

/// @notice Every point of the proof is bound: another point of the curve in its place is refused, the identity included.
abstract contract Points is VerifierTest {
    function test_verifyProof_rejectsTheIdentityForEveryPoint() public view {
        bytes memory data = honestCall();
        uint256[] memory starts = pointStarts();
        for (uint256 i; i < starts.length; ++i) {
            rejectsPoint(data, starts[i], 0, 0);
        }
    }

    function test_verifyProof_rejectsTheGeneratorForEveryPoint() public view {
        bytes memory data = honestCall();
        uint256[] memory starts = pointStarts();
        for (uint256 i; i < starts.length; ++i) {
            rejectsPoint(data, starts[i], 1, 2);
        }
    }

    function test_verifyProof_rejectsEveryPointNegated() public view {
        bytes memory data = honestCall();
        uint256[] memory starts = pointStarts();
        for (uint256 i; i < starts.length; ++i) {
            (uint256 x, uint256 y) = point(data, starts[i]);
            rejectsPoint(data, starts[i], x, Curve.negate(y));
        }
    }

    /// @dev A precompiled contract burns all the gas that it gets on a point off the curve: it must not see one.
    function test_verifyProof_rejectsBadPointsForLessThanAnHonestProof() public view {
        bytes memory data = honestCall();
        uint256[] memory starts = pointStarts();
        for (uint256 i; i < starts.length; ++i) {
            (uint256 x, uint256 y) = point(data, starts[i]);
            setPoint(data, starts[i], x, addmod(y, 1, Curve.Q));
            uint256 used = gasleft();
            (bool success,) = ask(data);
            used -= gasleft();
            assertTrue(!success, nth("a point off the curve at word", starts[i]));
            if (hasTypedErrors()) assertTrue(used < honestGas, nth("gas of a point off the curve at word", starts[i]));
            setPoint(data, starts[i], x, y);
        }
    }

    function testFuzz_verifyProof_rejectsAnyPointMoved(uint256 index, uint256 by) public view {
        bytes memory data = honestCall();
        uint256[] memory starts = pointStarts();
        uint256 start = starts[index % starts.length];
        (uint256 x, uint256 y) = point(data, start);
        (uint256 dx, uint256 dy) = Curve.multiply(1, 2, by);
        (x, y) = Curve.add(x, y, dx, dy);
        rejectsPoint(data, start, x, y);
    }

    function testFuzz_verifyProof_rejectsSwappedPoints(uint256 first, uint256 second) public view {
        bytes memory data = honestCall();
        uint256[] memory starts = pointStarts();
        (uint256 a, uint256 b) = (starts[first % starts.length], starts[second % starts.length]);
        (uint256 ax, uint256 ay) = point(data, a);
        (uint256 bx, uint256 by) = point(data, b);
        if (ax == bx && ay == by) return;
        setPoint(data, a, bx, by);
        setPoint(data, b, ax, ay);
        assertRejectsWith(data, VerifierErrors.ProofRejected.selector, "swapped points");
    }

    /// @dev All points the identity: commitments and openings of zero polynomials, which agree with each other.
    function test_verifyProof_rejectsIdentitiesThroughout() public view {
        bytes memory data = honestCall();
        uint256[] memory starts = pointStarts();
        for (uint256 i; i < starts.length; ++i) {
            setPoint(data, starts[i], 0, 0);
        }
        assertRejectsWith(data, VerifierErrors.ProofRejected.selector, "identities");
        for (uint256 word = firstScalar(); word < firstOpeningWord(); ++word) {
            set(data, proofByte(word), 0);
        }
        assertRejectsWith(data, VerifierErrors.ProofRejected.selector, "identities and zeros");
        for (uint256 i; i < instanceCount(); ++i) {
            set(data, instanceByte(i), 0);
        }
        assertRejectsWith(data, VerifierErrors.ProofRejected.selector, "nothing but zeros");
    }

    /// @dev The two points of the opening the identity: both sides of the pairing could then be empty.
    function test_verifyProof_rejectsAnEmptyOpening() public view {
        bytes memory data = honestCall();
        for (uint256 word = firstOpeningWord(); word < proofWords(); ++word) {
            set(data, proofByte(word), 0);
        }
        assertRejectsWith(data, VerifierErrors.ProofRejected.selector, "an empty opening");
    }

    function point(bytes memory data, uint256 start) private view returns (uint256 x, uint256 y) {
        return (get(data, proofByte(start)), get(data, proofByte(start + 1)));
    }

    function setPoint(bytes memory data, uint256 start, uint256 x, uint256 y) private view {
        set(data, proofByte(start), x);
        set(data, proofByte(start + 1), y);
    }

    /// @dev Replaces one point, unless that changes nothing, and puts the honest one back.
    function rejectsPoint(bytes memory data, uint256 start, uint256 x, uint256 y) private view {
        (uint256 honestX, uint256 honestY) = point(data, start);
        if (x == honestX && y == honestY) return;
        setPoint(data, start, x, y);
        assertRejectsWith(data, VerifierErrors.ProofRejected.selector, nth("another point at word", start));
        setPoint(data, start, honestX, honestY);
    }
}
