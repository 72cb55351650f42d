// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {RegistryHandler} from "./RegistryHandler.sol";

/// @notice The invariants mean something only if the handler gets somewhere: all that it can do, it does.
contract RegistryHandlerTest is Test {
    RegistryHandler internal handler;
    uint256 private _random;

    function test_handler_reachesEverything() public {
        string[26] memory kinds = [
            "commit",
            "prove",
            "dishonest call that was refused",
            "false proof",
            "contradiction",
            "no contradiction",
            "lawful",
            "unlawful",
            "opening",
            "no opening",
            "unequal outputs",
            "no unequal outputs",
            "unequal opening",
            "no unequal opening",
            "renounced",
            "another record",
            "false report",
            "another key",
            "another key, skipped",
            "other tensors",
            "false report about a root",
            "false report about an opening",
            "read",
            "not read",
            "store",
            "read opened"
        ];
        uint256[26] memory reached;
        // Takes more than a test has.
        vm.pauseGasMetering();
        for (uint256 run; run < 24; ++run) {
            _random = uint256(keccak256(abi.encode(run)));
            handler = new RegistryHandler();
            for (uint256 i; i < 240; ++i) {
                _step(_next() % 25);
            }
            assertEq(handler.violation(), "");
            for (uint256 i; i < kinds.length; ++i) {
                reached[i] += handler.calls(bytes32(bytes(kinds[i])));
            }
        }
        for (uint256 i; i < kinds.length; ++i) {
            // What takes several rare steps in a row has to happen only once.
            assertGt(reached[i], i == 10 || i == 12 || i == 14 ? 0 : 5, kinds[i]);
        }
    }

    function _step(uint256 kind) private {
        if (kind == 0) {
            handler.commit(_next(), _next(), _next(), _next());
        } else if (kind <= 2) {
            handler.prove(_next(), _next(), _next(), _next(), _next() % 2 == 0, _next());
        } else if (kind == 3) {
            handler.proveDishonestly(_next(), _next(), _next(), _next(), _next() % 2 == 0, _next());
        } else if (kind == 4) {
            handler.proveFalsely(_next(), _next(), _next(), _next());
        } else if (kind <= 6) {
            handler.report(_next(), _next(), _next(), _next());
        } else if (kind == 7) {
            handler.govern(_next(), _next(), _next());
        } else if (kind <= 10) {
            handler.open(_next(), _next(), _next(), _next());
        } else if (kind <= 12) {
            handler.reportOutputs(_next(), _next(), _next(), _next());
        } else if (kind == 13) {
            handler.reportOpening(_next(), _next(), _next());
        } else if (kind == 14) {
            handler.handOver(_next() % 16 == 0 ? 63 : _next(), _next(), 0);
        } else if (kind == 15) {
            handler.proveWithAnotherRecord(_next(), _next(), _next(), _next(), _next() % 2 == 0, _next());
        } else if (kind == 16) {
            handler.misreport(_next(), _next(), _next(), _next());
        } else if (kind == 17) {
            handler.proveWithAnotherKey(_next(), _next(), _next(), _next() % 2 == 0, _next());
        } else if (kind == 18) {
            handler.misreportTensors(_next(), _next(), _next());
        } else if (kind == 19) {
            handler.misreportRoot(_next(), _next(), _next(), _next());
        } else if (kind == 20) {
            handler.misreportOpening(_next(), _next(), _next());
        } else if (kind == 21) {
            handler.read(_next(), _next(), _next());
        } else if (kind == 22) {
            handler.store(_next(), _next(), _next());
        } else if (kind == 23) {
            handler.readOpened(_next(), _next(), _next());
        } else if (_next() % 2 == 0) {
            handler.register(_next(), _next(), _next());
        } else {
            handler.registerAgain(_next(), _next());
        }
    }

    function _next() private returns (uint256) {
        return _random = uint256(keccak256(abi.encode(_random)));
    }
}
