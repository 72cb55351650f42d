// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BatchVerifier} from "../src/BatchVerifier.sol";
import {Pin} from "../src/types/Pin.sol";
import {G1} from "./helpers/G1.sol";
import {PinnedTest} from "./helpers/PinnedTest.sol";
import {FixedPointsVerifier} from "./stubs/FixedPointsVerifier.sol";
import {StubSetup} from "./stubs/StubKey.sol";

/// @notice What a call costs by itself, from cold accounts: neither the transaction's base nor its calldata.
contract CallProbe {
    uint256 public spent;

    function call(address to, bytes calldata data) external {
        bytes memory question = data;
        bool success;
        uint256 before = gasleft();
        assembly ("memory-safe") {
            success := staticcall(gas(), to, add(question, 0x20), mload(question), 0x00, 0x00)
        }
        spent = before - gasleft();
        require(success, "the call failed");
    }
}

/// @notice What a batch costs around its verifiers: they answer at once, and proofs have the size of real ones.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
/// forge-config: long.isolate = true
contract BatchVerifierGasTest is PinnedTest {
    string private constant GROUP = "BatchVerifier";
    uint256 private constant PROOF_SIZE = 4000;

    function test_gas_verifyProofs() public {
        uint256 one = _measure(1, false);
        vm.snapshotValue(GROUP, "1 proof of 4,000 bytes, the call alone", one);
        uint256 four = _measure(4, false);
        vm.snapshotValue(GROUP, "4 proofs of 4,000 bytes, the call alone", four);
        vm.snapshotValue(GROUP, "a further proof, another verifier", (four - one) / 3);
        vm.snapshotValue(GROUP, "a further proof, the same verifier", (_measure(4, true) - one) / 3);
    }

    function test_gas_deploy() public {
        Pin[] memory pins = _pins(4, false);
        uint256 before = gasleft();
        new BatchVerifier(pins);
        vm.snapshotValue(GROUP, "constructor, 4 pins", before - gasleft());
    }

    function _measure(uint256 count, bool oneShape) private returns (uint256) {
        Pin[] memory pins = _pins(count, oneShape);
        BatchVerifier batch = new BatchVerifier(pins);
        bytes[] memory proofs = new bytes[](count);
        uint256[][] memory instances = new uint256[][](count);
        for (uint256 i; i < count; ++i) {
            proofs[i] = new bytes(PROOF_SIZE);
            instances[i] = new uint256[](3);
        }
        CallProbe probe = new CallProbe();
        probe.call(address(batch), abi.encodeCall(BatchVerifier.verifyProofs, (keysOf(pins), proofs, instances)));
        return probe.spent();
    }

    function _pins(uint256 count, bool oneShape) private returns (Pin[] memory pins) {
        pins = new Pin[](count);
        address verifier;
        for (uint256 i; i < count; ++i) {
            if (i == 0 || !oneShape) {
                bytes memory answer = G1.answer(G1.at(100 + i), G1.at(0));
                verifier = address(new FixedPointsVerifier(abi.decode(answer, (uint256[4]))));
            }
            pins[i] = pinOf(verifier, StubSetup.key(bytes32(i)));
        }
    }
}
