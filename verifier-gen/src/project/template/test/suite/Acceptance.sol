// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {VerifierTest} from "../base/VerifierTest.sol";
import {vm} from "../../script/Vm.sol";

/// @notice The honest proof is accepted, whoever asks and whenever; gas decides only whether there is an answer.
abstract contract Acceptance is VerifierTest {
    /// @dev Steps of the gas sweeps.
    uint256 private constant STEPS = 64;

    function test_verifyProof_acceptsTheProof() public view {
        assertAccepts(honestCall(), "the honest proof");
    }

    /// @dev Writes snapshots/, or compares with it under FORGE_SNAPSHOT_CHECK=true.
    function test_verifyProof_gasSnapshot() public {
        assertAccepts(honestCall(), "the honest proof");
        vm.snapshotGasLastCall(snapshotGroup(), "verifyProof");
    }

    /// @dev Name of the file under snapshots/.
    function snapshotGroup() internal pure virtual returns (string memory);

    function testFuzz_verifyProof_acceptsForAnybodyAtAnyTime(address caller, uint64 time, uint64 height, uint64 chain)
        public
    {
        bytes memory data = honestCall();
        vm.warp(time);
        vm.roll(height);
        vm.chainId(chain == 0 ? 1 : chain);
        vm.prank(caller);
        assertAccepts(data, "the honest proof");
    }

    function test_verifyProof_answersTrueOrRevertsAtAnyGas() public view {
        bytes memory data = honestCall();
        uint256 needed = honestGas;
        for (uint256 i; i <= STEPS; ++i) {
            assertSoundAt(data, needed * i / STEPS, true);
        }
        assertSoundAt(data, 2 * needed, true);
    }

    function testFuzz_verifyProof_answersTrueOrRevertsAtAnyGas(uint256 gasLimit) public view {
        bytes memory data = honestCall();
        assertSoundAt(data, gasLimit % (2 * honestGas), true);
    }

    /// @dev A proof that fails in the pairing alone: its last point is replaced by its negation.
    function test_verifyProof_refusesAWrongProofAtAnyGas() public view {
        bytes memory data = honestCall();
        uint256 needed = honestGas;
        negateLastPoint(data);
        for (uint256 i; i <= STEPS; ++i) {
            assertSoundAt(data, needed * i / STEPS, false);
        }
        assertSoundAt(data, 2 * needed, false);
    }

    function testFuzz_verifyProof_refusesAWrongProofAtAnyGas(uint256 gasLimit) public view {
        bytes memory data = honestCall();
        negateLastPoint(data);
        assertSoundAt(data, gasLimit % (2 * honestGas), false);
    }

    /// @dev A call with this gas reverts or, if it may, answers with exactly `true`.
    function assertSoundAt(bytes memory data, uint256 gasLimit, bool mayAccept) private view {
        (bool success, bytes memory answer) = verifier.staticcall{gas: gasLimit}(data);
        if (!success) return;
        assertTrue(mayAccept, nth("a wrong proof is accepted with gas", gasLimit));
        assertEq(answer, abi.encode(true), nth("the answer with gas", gasLimit));
    }
}
