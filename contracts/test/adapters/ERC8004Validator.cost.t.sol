// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC8004Validator} from "../../src/adapters/ERC8004Validator.sol";
import {Evidence} from "../../src/libraries/ShownTensors.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkProof, ChunkSpec, Inference, ModelRegistration, TensorSpec} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";
import {StubIdentityRegistry, StubValidationRegistry} from "../stubs/StubValidationRegistry.sol";

/// @notice Whoever takes the hashes of so many attempts that `settle` does not fit a transaction pays for more than seven full ones.
contract ERC8004ValidatorCostTest is RegistryTest {
    uint256 private constant GAS_CAP = 1 << 24;
    /// @dev What taking a hash costs beside its execution: a transaction, or a part of one, and four words of calldata.
    uint256 private constant CALL_GAS = 5000;

    StubIdentityRegistry private identity;
    StubValidationRegistry private validation;
    ERC8004Validator private validator;
    uint256 private agentId;
    uint256 private squatterId;

    function setUp() public override {
        super.setUp();
        identity = new StubIdentityRegistry();
        validation = new StubValidationRegistry(identity);
        validator = new ERC8004Validator(validation, registry);
        agentId = identity.register();
        vm.prank(RELAYER);
        squatterId = identity.register();
    }

    /// @dev The largest public outputs that a model can have.
    function test_settle_takenAttemptsOfLargeOutputs_fits() public {
        _assertFits(990, 1000);
    }

    function test_settle_takenAttemptsOfMediumOutputs_fits() public {
        _assertFits(100, 1500);
    }

    function test_settle_takenAttemptsOfSmallOutputs_fits() public {
        _assertFits(1, 1600);
    }

    function _assertFits(uint32 words, uint256 attempts) private {
        (ERC8004Validator.Claim memory claim, Evidence memory evidence, bytes memory payload) = _proven(words);
        uint256 spent;
        for (uint256 i; i <= attempts; ++i) {
            bytes32 requestHash;
            assembly ("memory-safe") {
                mstore(add(payload, 0x140), i)
                requestHash := keccak256(add(payload, 0x20), mload(payload))
            }
            if (i == attempts) {
                validation.validationRequest(address(validator), agentId, "", requestHash);
            } else {
                vm.prank(RELAYER);
                validation.validationRequest(RELAYER, squatterId, "", requestHash);
                spent += vm.lastCallGas().gasTotalUsed + CALL_GAS;
            }
        }
        claim.attempt = attempts;
        assertEq(validator.requestHashOf(claim, _zeros(words)), keccak256(payload));
        validator.settle(claim, evidence);
        uint256 used = vm.lastCallGas().gasTotalUsed;
        assertLt(used, GAS_CAP);
        assertGt(spent, 7 * GAS_CAP);
    }

    function _proven(uint32 words)
        private
        returns (ERC8004Validator.Claim memory claim, Evidence memory evidence, bytes memory payload)
    {
        ModelRegistration memory registration;
        registration.manifestId = "large";
        registration.chunks = new ChunkSpec[](1);
        registration.chunks[0] = stubSpec(1, words + 1);
        registration.leafLengths = uniform(2, 15 * words);
        registration.leafLengths[0] = 15;
        registration.inputs = new TensorSpec[](1);
        registration.inputs[0] = wordsAt(0, 0, 0, 1);
        registration.outputs = new TensorSpec[](1);
        registration.outputs[0] = wordsAt(1, 0, 1, words);
        ModelId modelId = register(registration);
        Inference memory inference = Inference(modelId, ROOT, REQUESTER, validator.nonceOf(agentId, NONCE));
        ChunkProof[] memory proofs = only(proofWith(inference, 0, new uint256[](words + 1)));
        attest(inference, proofs);
        claim = ERC8004Validator.Claim(agentId, modelId, ROOT, REQUESTER, NONCE, 0);
        evidence = Evidence(recordOf(modelId), registration.outputs, shown(proofs));
        payload = validator.payloadOf(claim, _zeros(words));
    }

    function _zeros(uint32 words) private pure returns (uint256[][] memory outputs) {
        outputs = new uint256[][](1);
        outputs[0] = new uint256[](words);
    }
}
