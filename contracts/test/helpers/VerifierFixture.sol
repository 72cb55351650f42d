// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {IHalo2Verifier} from "../../src/interfaces/IHalo2Verifier.sol";

/// @notice Deploys a generated verifier from a fixture that Rust wrote, and checks what it accepts.
/// @dev A fixture is a JSON object: `creationCode` (hex), `proof` (hex), `instances` (array of 32-byte hex words). Paths are
/// relative to the repository root; forge may read tests/fixtures only. A missing fixture fails the test.
abstract contract VerifierFixture is Test {
    /// @dev The order of the scalar field.
    uint256 internal constant SCALAR_ORDER =
        21_888_242_871_839_275_222_246_405_745_257_275_088_548_364_400_416_034_343_698_204_186_575_808_495_617;

    struct Fixture {
        IHalo2Verifier verifier;
        bytes proof;
        uint256[] instances;
    }

    function loadFixture(string memory path) internal returns (Fixture memory) {
        return parseFixture(vm.readFile(path));
    }

    function parseFixture(string memory json) internal returns (Fixture memory fixture) {
        fixture.verifier = IHalo2Verifier(deploy(vm.parseJsonBytes(json, ".creationCode")));
        fixture.proof = vm.parseJsonBytes(json, ".proof");
        fixture.instances = vm.parseJsonUintArray(json, ".instances");
    }

    /// @dev Deploys raw creation code, and fails where the chain would refuse the result.
    function deploy(bytes memory creationCode) internal returns (address deployed) {
        assertLe(creationCode.length, 49_152, "creation code over the limit of EIP-3860");
        assembly ("memory-safe") {
            deployed := create(0, add(creationCode, 0x20), mload(creationCode))
        }
        assertTrue(deployed != address(0), "the creation code reverted");
        assertGt(deployed.code.length, 0, "the creation code deployed nothing");
        assertLe(deployed.code.length, 24_576, "code over the limit of EIP-170");
    }

    /// @dev True only for a call that returns exactly `true`.
    function accepts(Fixture memory fixture, bytes memory proof, uint256[] memory instances)
        internal
        view
        returns (bool)
    {
        (bool success, bytes memory returned) =
            address(fixture.verifier).staticcall(abi.encodeCall(IHalo2Verifier.verifyProof, (proof, instances)));
        return success && returned.length == 32 && abi.decode(returned, (uint256)) == 1;
    }

    function assertAccepts(Fixture memory fixture) internal view {
        assertTrue(accepts(fixture, fixture.proof, fixture.instances), "the honest proof is refused");
    }

    /// @dev Flips one bit in every `step`-th byte of the proof, the first and the last included.
    function assertRejectsFlippedBytes(Fixture memory fixture, uint256 step) internal view {
        uint256 last = fixture.proof.length - 1;
        for (uint256 i; i < last; i += step) {
            _assertRejectsFlip(fixture, i);
        }
        _assertRejectsFlip(fixture, last);
    }

    /// @dev Every instance in turn: changed by one, and the same field element in a form that is not canonical.
    function assertRejectsOtherInstances(Fixture memory fixture) internal view {
        for (uint256 i; i < fixture.instances.length; ++i) {
            uint256 honest = fixture.instances[i];
            fixture.instances[i] = addmod(honest, 1, SCALAR_ORDER);
            assertFalse(accepts(fixture, fixture.proof, fixture.instances), "another instance is accepted");
            fixture.instances[i] = honest + SCALAR_ORDER;
            assertFalse(accepts(fixture, fixture.proof, fixture.instances), "instance + r is accepted");
            fixture.instances[i] = honest;
        }
    }

    /// @dev Proofs cut short or extended, instances missing or added, and calldata with bytes after its end.
    function assertRejectsOtherLengths(Fixture memory fixture) internal view {
        bytes memory proof = fixture.proof;
        uint256[] memory instances = fixture.instances;
        assertFalse(accepts(fixture, "", instances), "an empty proof is accepted");
        assertFalse(accepts(fixture, _resized(proof, proof.length - 1), instances), "a proof cut by a byte is accepted");
        assertFalse(
            accepts(fixture, _resized(proof, proof.length - 32), instances), "a proof cut by a word is accepted"
        );
        assertFalse(accepts(fixture, _resized(proof, proof.length + 1), instances), "a byte more is accepted");
        assertFalse(accepts(fixture, _resized(proof, proof.length + 32), instances), "a word more is accepted");

        uint256[] memory more = new uint256[](instances.length + 1);
        uint256[] memory fewer = new uint256[](instances.length - 1);
        for (uint256 i; i < instances.length; ++i) {
            more[i] = instances[i];
            if (i < fewer.length) fewer[i] = instances[i];
        }
        assertFalse(accepts(fixture, proof, more), "an instance more is accepted");
        assertFalse(accepts(fixture, proof, fewer), "an instance less is accepted");

        bytes memory call = abi.encodeCall(IHalo2Verifier.verifyProof, (proof, instances));
        (bool success,) = address(fixture.verifier).staticcall(bytes.concat(call, hex"00"));
        assertFalse(success, "trailing calldata is accepted");
    }

    function _assertRejectsFlip(Fixture memory fixture, uint256 i) private view {
        bytes1 honest = fixture.proof[i];
        fixture.proof[i] = honest ^ bytes1(uint8(1 << (i % 8)));
        assertFalse(accepts(fixture, fixture.proof, fixture.instances), "a flipped byte is accepted");
        fixture.proof[i] = honest;
    }

    function _resized(bytes memory data, uint256 length) private pure returns (bytes memory resized) {
        resized = new bytes(length);
        for (uint256 i; i < length && i < data.length; ++i) {
            resized[i] = data[i];
        }
    }
}
