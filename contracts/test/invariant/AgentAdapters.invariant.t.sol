// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {StubToken} from "../stubs/StubCommerce.sol";
import {AgentHandler} from "./AgentHandler.sol";

contract AgentAdaptersInvariantTest is Test {
    AgentHandler internal handler;

    function setUp() public {
        handler = new AgentHandler();
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = AgentHandler.freezeOrUnfreeze.selector;
        selectors[1] = AgentHandler.proveClaim.selector;
        selectors[2] = AgentHandler.request.selector;
        selectors[3] = AgentHandler.settle.selector;
        selectors[4] = AgentHandler.createJob.selector;
        selectors[5] = AgentHandler.proveJob.selector;
        selectors[6] = AgentHandler.complete.selector;
        selectors[7] = AgentHandler.reject.selector;
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
        targetContract(address(handler));
    }

    function invariant_nothingForbiddenHappened() public view {
        assertEq(handler.violation(), "");
    }

    /// @dev However many hashes of a claim are taken, and by whom.
    function invariant_eachInferenceIsAnsweredUnderOneHash() public view {
        for (uint256 agent; agent < handler.AGENTS(); ++agent) {
            for (uint256 nonce; nonce < handler.NONCES(); ++nonce) {
                uint256 answered;
                for (uint256 attempt; attempt < handler.ATTEMPTS(); ++attempt) {
                    if (_isAnswered(handler.hashOf(agent, nonce, attempt))) ++answered;
                }
                assertLe(answered, 1);
            }
        }
    }

    /// @dev Each completed job has paid once: its provider, and whoever called, or the next who named the token.
    function invariant_eachJobIsPaidOnce() public view {
        StubToken token = handler.TOKEN();
        uint256 fee = handler.BUDGET() * handler.FEE() / 10_000;
        assertEq(token.balanceOf(handler.PROVIDER()), handler.completed() * (handler.BUDGET() - fee));
        assertEq(token.balanceOf(address(handler.EVALUATOR())), handler.left());
        assertEq(token.balanceOf(address(handler)), 0);
        uint256 earned;
        for (uint256 who; who < 3; ++who) {
            assertEq(token.balanceOf(handler.caller(who)), handler.earned(handler.caller(who)));
            earned += handler.earned(handler.caller(who));
        }
        assertEq(earned + handler.left(), handler.completed() * fee);
    }

    /// @dev The invariants mean something only if the handler gets somewhere.
    function test_handler_reachesEverything() public {
        uint256 random;
        for (uint256 i; i < 600; ++i) {
            random = uint256(keccak256(abi.encode(random, i)));
            uint256 kind = i % 8;
            if (kind == 0) handler.freezeOrUnfreeze(random);
            else if (kind == 1) handler.proveClaim(random, random >> 8);
            else if (kind == 2) handler.request(random, random >> 8, random >> 16, random >> 24, random >> 255 == 0);
            else if (kind == 3) handler.settle(random, random >> 8, random >> 16);
            else if (kind == 4) handler.createJob(random % 2 == 0, random >> 255 == 0);
            else if (kind == 5) handler.proveJob(random);
            else if (kind == 6) handler.complete(random, random >> 8, random >> 255 == 0, random % 3 == 0, random >> 16);
            else handler.reject(random, true);
        }
        bytes32[4] memory kinds = [bytes32("request"), "settle", "complete", "reject"];
        for (uint256 i; i < kinds.length; ++i) {
            assertGt(handler.calls(kinds[i]), 2);
        }
        invariant_nothingForbiddenHappened();
        invariant_eachInferenceIsAnsweredUnderOneHash();
        invariant_eachJobIsPaidOnce();
    }

    /// @dev What is answered has a tag; the validation registry knows nothing of a hash that nobody has taken.
    function _isAnswered(bytes32 requestHash) private view returns (bool) {
        try handler.VALIDATION().getValidationStatus(requestHash) returns (
            address, uint256, uint8, bytes32, string memory tag, uint256
        ) {
            return bytes(tag).length != 0;
        } catch {
            return false;
        }
    }
}
