// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {ModelLayout} from "../src/libraries/ModelLayout.sol";
import {ModelRegistration, TensorSpec, Visibility} from "../src/types/RegistryTypes.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice Inputs and outputs take up the public values of each chunk exactly: in order, none twice, none left out. Otherwise a
/// registrant could point an output at words that the circuit fills with something else, an input for one.
contract ModelStoreLayoutTest is RegistryTest {
    function test_registerModel_publicValuesInOrder_areAccepted() public {
        assertEq(registry.model(register(_oneChunk())).registeredAt, block.timestamp);
    }

    function test_registerModel_revertsWhenAnOutputPointsAtAnInputsWords() public {
        ModelRegistration memory registration = _oneChunk();
        registration.outputs[0].offset = 0;
        _expectInvalid(registration, 1);
        // Nor where the circuit exposes no such output at all.
        registration.chunks[0].numPublic = 4;
        registration.outputs[1].offset = 3;
        _expectInvalid(registration, 1);
    }

    function test_registerModel_revertsWhenOutputsShareWords() public {
        ModelRegistration memory registration = _oneChunk();
        registration.outputs[1].offset = 3;
        _expectInvalid(registration, 2);
    }

    function test_registerModel_revertsWhenAGapIsLeft() public {
        ModelRegistration memory registration = _oneChunk();
        registration.chunks[0].numPublic = 6;
        registration.outputs[1].offset = 5;
        _expectInvalid(registration, 2);
    }

    function test_registerModel_revertsWhenPublicValuesAreLeftOver() public {
        ModelRegistration memory registration = _oneChunk();
        registration.chunks[0].numPublic = 6;
        _expectCount(registration, 0, 5, 6);
        registration = classifierRegistration();
        registration.chunks[1].numPublic = 1;
        _expectCount(registration, 1, 0, 1);
    }

    function test_registerModel_revertsWhenPublicValuesAreMissing() public {
        ModelRegistration memory registration = _oneChunk();
        registration.chunks[0].numPublic = 4;
        _expectInvalid(registration, 2);
    }

    function test_registerModel_revertsWhenOutputsComeBeforeInputs() public {
        ModelRegistration memory registration = _oneChunk();
        (registration.inputs[0].offset, registration.outputs[0].offset) = (1, 0);
        _expectInvalid(registration, 0);
    }

    function test_registerModel_revertsWhenAnOutputsLeafIsAnInputs() public {
        ModelRegistration memory registration = _oneChunk();
        registration.inputs[0] = wordsAt(0, 0, 0, 3);
        registration.leafLengths[0] = 45;
        registration.outputs[0] = wordsAt(0, 0, 3, 1);
        registration.outputs[0].length = 45;
        registration.outputs[0].visibility = Visibility.Committed;
        _expectInvalid(registration, 1);
    }

    function test_registerModel_revertsWhenOutputsShareALeaf() public {
        ModelRegistration memory registration = _oneChunk();
        registration.outputs[1] = wordsAt(2, 0, 4, 1);
        registration.outputs[1].visibility = Visibility.Committed;
        _expectInvalid(registration, 2);
    }

    function test_registerModel_revertsWhenAnInputIsNotAtItsLeaf() public {
        ModelRegistration memory registration = _oneChunk();
        registration.inputs[0].leaf = 1;
        registration.leafLengths[1] = 45;
        _expectInvalid(registration, 0);
    }

    /// @dev Any model in canonical order is taken, and any one of its tensors or counts moved is not.
    function testFuzz_registerModel_anyMovedTensor_reverts(uint256 seed, uint256 which, uint256 what, uint32 to)
        public
    {
        ModelRegistration memory registration = _random(seed);
        uint256 snapshot = vm.snapshotState();
        register(registration);
        assertTrue(vm.revertToState(snapshot));

        uint256 tensors = registration.inputs.length + registration.outputs.length;
        which %= tensors + 1;
        if (which == tensors) {
            uint256 chunk = to % registration.chunks.length;
            to = to % 8;
            vm.assume(to != registration.chunks[chunk].numPublic);
            registration.chunks[chunk].numPublic = to;
        } else {
            TensorSpec memory spec = which < registration.inputs.length
                ? registration.inputs[which]
                : registration.outputs[which - registration.inputs.length];
            what %= 4;
            if (what == 0) {
                vm.assume(spec.offset != to % 8);
                spec.offset = to % 8;
            } else if (what == 1) {
                vm.assume(spec.chunk != to % registration.chunks.length);
                spec.chunk = uint16(to % registration.chunks.length);
            } else if (what == 2) {
                // Only to a leaf that is taken: any other could be right.
                to = uint32(to % tensors);
                vm.assume(spec.leaf != to);
                spec.leaf = to;
            } else {
                vm.assume(ModelLayout.wordsOf(spec.visibility, spec.length) != 1);
                spec.visibility = Visibility.Committed;
            }
        }
        vm.expectRevert();
        registry.registerModel(registration);
    }

    /// @dev One chunk: a public input of three words, public outputs of one and of one word; leaf 1 crosses a cut.
    function _oneChunk() private returns (ModelRegistration memory registration) {
        registration = registrationOf("one chunk", uniform(1, 5));
        registration.leafLengths = uniform(4, 15);
        registration.leafLengths[0] = 45;
        registration.inputs = new TensorSpec[](1);
        registration.inputs[0] = wordsAt(0, 0, 0, 3);
        registration.outputs = new TensorSpec[](2);
        registration.outputs[0] = wordsAt(2, 0, 3, 1);
        registration.outputs[1] = wordsAt(3, 0, 4, 1);
    }

    /// @dev One to four chunks, one to three inputs and one to three outputs of one or two words in random chunks, all of one length.
    function _random(uint256 seed) private returns (ModelRegistration memory registration) {
        uint256 chunks = 1 + seed % 4;
        uint256 inputs = 1 + (seed >> 8) % 3;
        uint256 outputs = 1 + (seed >> 16) % 3;
        registration = registrationOf("random", uniform(chunks, 0));
        registration.leafLengths = uniform(inputs + outputs, 30);
        registration.inputs = new TensorSpec[](inputs);
        registration.outputs = new TensorSpec[](outputs);
        for (uint256 i; i < inputs + outputs; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            uint16 chunk = uint16(random % chunks);
            TensorSpec memory spec = wordsAt(uint32(i), chunk, registration.chunks[chunk].numPublic, 2);
            if ((random >> 16) % 2 == 0) spec.visibility = Visibility.Committed;
            registration.chunks[chunk].numPublic += uint32(ModelLayout.wordsOf(spec.visibility, spec.length));
            if (i < inputs) registration.inputs[i] = spec;
            else registration.outputs[i - inputs] = spec;
        }
    }

    /// @dev Tensors are counted through: the input is the first.
    function _expectInvalid(ModelRegistration memory registration, uint256 tensor) private {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidTensorSpec.selector, tensor));
        registry.registerModel(registration);
    }

    function _expectCount(ModelRegistration memory registration, uint256 chunk, uint256 expected, uint256 actual)
        private
    {
        vm.expectRevert(
            abi.encodeWithSelector(IChainferRegistry.PublicValueCountMismatch.selector, chunk, expected, actual)
        );
        registry.registerModel(registration);
    }
}
