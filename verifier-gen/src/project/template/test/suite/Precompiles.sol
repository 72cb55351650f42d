// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {VerifierErrors} from "../base/VerifierErrors.sol";
import {VerifierTest} from "../base/VerifierTest.sol";
import {Vm, vm} from "../../script/Vm.sol";

/// @notice Every call of a precompiled contract is checked: that it succeeded, and that it answered with the right number of
/// bytes. An unchecked call leaves in memory what was there before.
/// @dev forge refuses `vm.etch` on precompiled contracts, so they cannot be removed; `vm.mockCall` and `vm.mockCallRevert`
/// work on them (forge 1.7.1). A chain without one is an address without code: success, no bytes. For the single calls
/// their inputs are recorded from the honest run, so that each can be made to fail while the others work.
abstract contract Precompiles is VerifierTest {
    address private constant MODEXP = address(5);
    address private constant ADD = address(6);
    address private constant MULTIPLY = address(7);
    address private constant PAIRING = address(8);

    /// @dev The precompiled contracts that the verifier calls; override it for one that does without some of them.
    function precompiles() internal pure virtual returns (address[] memory used) {
        used = new address[](4);
        (used[0], used[1], used[2], used[3]) = (MODEXP, ADD, MULTIPLY, PAIRING);
    }

    function test_verifyProof_rejectsWhenAPrecompileIsAbsent() public {
        bytes memory data = honestCall();
        address[] memory used = precompiles();
        for (uint256 i; i < used.length; ++i) {
            vm.mockCall(used[i], "", "");
            rejects(data, name(used[i], "absent"));
        }
        for (uint256 i; i < used.length; ++i) {
            vm.mockCall(used[i], "", "");
        }
        rejects(data, "no precompiled contract");
    }

    function test_verifyProof_rejectsWhenAPrecompileReverts() public {
        bytes memory data = honestCall();
        address[] memory used = precompiles();
        for (uint256 i; i < used.length; ++i) {
            vm.mockCallRevert(used[i], "", "");
            rejects(data, name(used[i], "reverts"));
            // As many bytes as a result has: it is not one.
            vm.mockCallRevert(used[i], "", new bytes(answerLength(used[i])));
            rejects(data, name(used[i], "reverts with an answer"));
        }
    }

    function test_verifyProof_rejectsAnswersOfOtherSizes() public {
        bytes memory data = honestCall();
        address[] memory used = precompiles();
        for (uint256 i; i < used.length; ++i) {
            uint256 length = answerLength(used[i]);
            bytes memory good = used[i] == PAIRING ? abi.encode(uint256(1)) : new bytes(length);
            uint256[2] memory more = [length + 1, length + 32];
            for (uint256 j; j < more.length; ++j) {
                vm.mockCall(used[i], "", resized(good, more[j]));
                rejects(data, name(used[i], nth("answers in bytes:", more[j])));
            }
            // What is missing is what memory held before, which may make another precompiled contract burn all gas before the
            // verifier speaks.
            uint256[2] memory fewer = [length - 1, length - 32];
            for (uint256 j; j < fewer.length; ++j) {
                vm.mockCall(used[i], "", resized(good, fewer[j]));
                rejectsMocked(data, name(used[i], nth("answers in bytes:", fewer[j])));
            }
        }
    }

    function test_verifyProof_rejectsWrongAnswers() public {
        bytes memory data = honestCall();
        address[] memory used = precompiles();
        for (uint256 i; i < used.length; ++i) {
            if (used[i] == PAIRING) continue;
            uint256 length = answerLength(used[i]);
            // The identity, or zero for an inverse.
            vm.mockCall(used[i], "", new bytes(length));
            rejectsMocked(data, name(used[i], "answers with zeros"));
            vm.mockCall(used[i], "", resized(abi.encode(uint256(1), uint256(2)), length));
            rejectsMocked(data, name(used[i], "answers with (1, 2)"));
        }
    }

    function test_verifyProof_rejectsAnyPairingButOne() public {
        bytes memory data = honestCall();
        uint256[5] memory answers = [0, 2, 256, 1 << 255, type(uint256).max];
        for (uint256 i; i < answers.length; ++i) {
            vm.mockCall(PAIRING, "", abi.encode(answers[i]));
            assertRejectsWith(
                data, VerifierErrors.ProofRejected.selector, name(PAIRING, nth("answers with", answers[i]))
            );
            vm.clearMockedCalls();
        }
    }

    function test_verifyProof_checksEveryCallOfAPrecompile() public {
        bytes memory data = honestCall();
        (address[] memory callees, bytes[] memory inputs) = record(data);
        assertTrue(callees.length > 0, "no call of a precompiled contract was recorded");
        for (uint256 i; i < callees.length; ++i) {
            vm.mockCallRevert(callees[i], inputs[i], "");
            rejects(data, name(callees[i], nth("reverts in call", i)));
            vm.mockCall(callees[i], inputs[i], "");
            rejects(data, name(callees[i], nth("is absent in call", i)));
            vm.mockCall(callees[i], inputs[i], new bytes(answerLength(callees[i])));
            rejectsMocked(data, name(callees[i], nth("answers with zeros in call", i)));
        }
    }

    /// @dev A proof is decided by one pairing.
    function test_verifyProof_asksForOnePairing() public {
        (address[] memory callees,) = record(honestCall());
        uint256 pairings;
        for (uint256 i; i < callees.length; ++i) {
            if (callees[i] == PAIRING) ++pairings;
        }
        assertEq(pairings, 1, "pairings");
    }

    /// @dev The calls of precompiled contracts in an honest run, in order. Two calls may have one input: mocks hit both.
    function record(bytes memory data) private returns (address[] memory callees, bytes[] memory inputs) {
        vm.startStateDiffRecording();
        (bool success,) = verifier.call{gas: CALL_GAS}(data);
        Vm.AccountAccess[] memory accesses = vm.stopAndReturnStateDiff();
        assertTrue(success, "the honest proof is refused");
        uint256 count;
        for (uint256 i; i < accesses.length; ++i) {
            if (isPrecompile(accesses[i].account)) ++count;
        }
        (callees, inputs) = (new address[](count), new bytes[](count));
        for (uint256 i = accesses.length; i > 0; --i) {
            if (!isPrecompile(accesses[i - 1].account)) continue;
            (callees[--count], inputs[count]) = (accesses[i - 1].account, accesses[i - 1].data);
        }
    }

    function rejects(bytes memory data, string memory what) private {
        assertRejectsWith(data, VerifierErrors.PrecompileFailed.selector, what);
        vm.clearMockedCalls();
    }

    /// @dev For answers that are well-formed: what they lead to depends on where they enter.
    function rejectsMocked(bytes memory data, string memory what) private {
        assertRejects(data, what);
        vm.clearMockedCalls();
    }

    function isPrecompile(address account) private pure returns (bool) {
        return account >= MODEXP && account <= PAIRING;
    }

    function answerLength(address precompile) private pure returns (uint256) {
        return precompile == MODEXP || precompile == PAIRING ? 32 : 64;
    }

    function name(address precompile, string memory what) private pure returns (string memory) {
        return string.concat(nth("precompiled contract", uint160(precompile)), " ", what);
    }
}
