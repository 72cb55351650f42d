// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ProvenContentToken} from "../../src/examples/ProvenContentToken.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IERC7007} from "../../src/interfaces/standards/IERC7007.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {TraceTest} from "../helpers/TraceTest.sol";

contract ProvenContentTokenTest is TraceTest {
    ProvenContentToken internal token;
    ModelId internal modelId;
    InferenceId internal inferenceId;
    bytes internal prompt;
    bytes internal content;
    bytes internal proof;
    bytes32 internal constant SALT = "salt";

    function setUp() public override {
        super.setUp();
        modelId = register(traceRegistration("trace"));
        token = new ProvenContentToken("Proven", "PRVN", registry, modelId);
        uint256[][] memory values = publicOf(traceOf("image", "hint", "salt"));
        inferenceId = attestTrace(modelId, traceOf("image", "hint", "salt"), NONCE);
        (prompt, content) = _encode(values);
        proof = abi.encode(inferenceId);
        _reserve(REQUESTER, prompt);
        skip(token.RESERVATION_AGE());
    }

    function test_supportsInterface_theIdOfTheStandard() public view {
        assertEq(type(IERC7007).interfaceId, bytes4(0x702c55a6));
        assertTrue(token.supportsInterface(0x702c55a6));
        assertTrue(token.supportsInterface(type(IERC721).interfaceId));
        assertFalse(token.supportsInterface(0xffffffff));
    }

    function test_constructor_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        new ProvenContentToken("Proven", "PRVN", registry, unknown);
    }

    function test_mint_byTheRequester_goesToTheRequester() public {
        uint256 expected = uint256(keccak256(prompt));
        vm.expectEmit(address(token));
        emit IERC7007.AigcData(expected, prompt, content, proof);
        vm.prank(REQUESTER);
        assertEq(token.mint(REQUESTER, prompt, content, "ipfs://content", proof, SALT), expected);
        assertEq(token.ownerOf(expected), REQUESTER);
        assertEq(token.tokenURI(expected), "ipfs://content");
    }

    /// @dev Nothing binds the URI but the sender.
    function test_mint_revertsWhenTheSenderIsNotTheRequester() public {
        _reserve(RELAYER, prompt);
        skip(token.RESERVATION_AGE());
        vm.expectRevert(abi.encodeWithSelector(ProvenContentToken.NotRequester.selector, REQUESTER, RELAYER));
        vm.prank(RELAYER);
        token.mint(REQUESTER, prompt, content, "ipfs://another", proof, SALT);
    }

    function test_mint_revertsWhenThePromptIsMinted() public {
        _mint();
        InferenceId again = attestTrace(modelId, traceOf("image", "hint", "salt"), NONCE + 1);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
        vm.prank(REQUESTER);
        token.mint(REQUESTER, prompt, content, "", abi.encode(again), SALT);
    }

    /// @dev As with public inputs: whoever sees the requester's proof makes their own, and pays more for their transactions. (Of the
    /// committed input the thief here knows the salt.)
    function test_mint_revertsForWhoeverReservesAfterSeeingThePrompt() public {
        address thief = address(0x7417F);
        bytes memory copy = abi.encode(attestTraceFor(modelId, traceOf("image", "hint", "salt"), thief, NONCE));
        uint256 tokenId = uint256(keccak256(prompt));
        bytes32 reservation = token.reservationOf(thief, tokenId, SALT);
        vm.startPrank(thief);
        vm.expectRevert(abi.encodeWithSelector(ProvenContentToken.NotReserved.selector, reservation));
        token.mint(thief, prompt, content, "", copy, SALT);
        token.reserve(reservation);
        uint256 usableFrom = block.timestamp + token.RESERVATION_AGE();
        skip(token.RESERVATION_AGE() - 1);
        vm.expectRevert(abi.encodeWithSelector(ProvenContentToken.ReservationTooYoung.selector, usableFrom));
        token.mint(thief, prompt, content, "", copy, SALT);
        vm.stopPrank();
        assertEq(token.ownerOf(_mint()), REQUESTER);
    }

    /// @dev What `RESERVATION_AGE` is for: the requester who takes longer between showing the prompt and minting is overtaken.
    function test_mint_ofAPromptShownForLongerThanTheAge_isWhoeverMintsFirst() public {
        address thief = address(0x7417F);
        bytes memory copy = abi.encode(attestTraceFor(modelId, traceOf("image", "hint", "salt"), thief, NONCE));
        _reserve(thief, prompt);
        skip(token.RESERVATION_AGE());
        vm.prank(thief);
        token.mint(thief, prompt, content, "", copy, SALT);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
        vm.prank(REQUESTER);
        token.mint(REQUESTER, prompt, content, "", proof, SALT);
    }

    function test_reserve_again_keepsTheTimeAndTheMinter() public {
        bytes32 reservation = token.reservationOf(REQUESTER, uint256(keccak256(prompt)), "another");
        vm.expectEmit(address(token));
        emit ProvenContentToken.Reserved(reservation);
        vm.prank(RELAYER);
        token.reserve(reservation);
        skip(token.RESERVATION_AGE());
        vm.prank(RELAYER);
        token.reserve(reservation);
        vm.prank(REQUESTER);
        token.mint(REQUESTER, prompt, content, "", proof, "another");
    }

    function test_reservationOf_differsByMinterPromptSaltTokenAndChain() public {
        bytes32 one = token.reservationOf(REQUESTER, 1, SALT);
        assertNotEq(one, token.reservationOf(RELAYER, 1, SALT));
        assertNotEq(one, token.reservationOf(REQUESTER, 2, SALT));
        assertNotEq(one, token.reservationOf(REQUESTER, 1, "other"));
        ProvenContentToken other = new ProvenContentToken("Proven", "PRVN", registry, modelId);
        assertNotEq(one, other.reservationOf(REQUESTER, 1, SALT));
        vm.chainId(block.chainid + 1);
        assertNotEq(one, token.reservationOf(REQUESTER, 1, SALT));
    }

    function test_addAigcData_showsTheContentAgain() public {
        uint256 tokenId = _mint();
        vm.expectEmit(address(token));
        emit IERC7007.AigcData(tokenId, prompt, content, proof);
        token.addAigcData(tokenId, prompt, content, proof);
    }

    function test_addAigcData_revertsWhenThereIsNoSuchToken() public {
        uint256 tokenId = uint256(keccak256(prompt));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, tokenId));
        token.addAigcData(tokenId, prompt, content, proof);
    }

    function test_addAigcData_revertsWhenTheTokenIsAnotherPrompts() public {
        Trace memory trace = traceOf("other image", "hint", "salt");
        InferenceId other = attestTrace(modelId, trace, NONCE);
        (bytes memory otherPrompt, bytes memory otherContent) = _encode(publicOf(trace));
        uint256 tokenId = _mint();
        vm.expectRevert(
            abi.encodeWithSelector(ProvenContentToken.PromptMismatch.selector, uint256(keccak256(otherPrompt)), tokenId)
        );
        token.addAigcData(tokenId, otherPrompt, otherContent, abi.encode(other));
    }

    function test_addAigcData_revertsWhenTheContentIsNotProven() public {
        uint256 tokenId = _mint();
        vm.expectRevert(ProvenContentToken.ContentNotProven.selector);
        token.addAigcData(tokenId, prompt, prompt, proof);
    }

    function test_mint_revertsWhenTheRecipientIsNotTheRequester() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenContentToken.WrongRecipient.selector, REQUESTER, RELAYER));
        vm.prank(REQUESTER);
        token.mint(RELAYER, prompt, content, "", proof, SALT);
    }

    function test_mint_revertsWhenTheContentIsNotProven() public {
        vm.expectRevert(ProvenContentToken.ContentNotProven.selector);
        vm.prank(REQUESTER);
        token.mint(REQUESTER, prompt, prompt, "", proof, SALT);
    }

    function test_verify_saysYesToThePromptsOwnContentOnly() public {
        assertTrue(token.verify(prompt, content, proof));
        assertFalse(token.verify(content, content, proof));
        assertFalse(token.verify(prompt, prompt, proof));
        assertFalse(token.verify(prompt, content, ""));
        assertFalse(token.verify(prompt, content, bytes.concat(proof, "x")));
        assertFalse(token.verify(prompt, content, abi.encode("unknown")));

        ModelId other = register(traceRegistration("other"));
        InferenceId elsewhere = attestTrace(other, traceOf("image", "hint", "salt"), NONCE);
        assertFalse(token.verify(prompt, content, abi.encode(elsewhere)));
    }

    function test_verify_saysNoOnceTheModelIsFrozen() public {
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        assertFalse(token.verify(prompt, content, proof));
    }

    function test_tokenURI_revertsWhenThereIsNoSuchToken() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        token.tokenURI(1);
    }

    function _mint() private returns (uint256) {
        vm.prank(REQUESTER);
        return token.mint(REQUESTER, prompt, content, "", proof, SALT);
    }

    function _reserve(address minter, bytes memory words) private {
        token.reserve(token.reservationOf(minter, uint256(keccak256(words)), SALT));
    }

    function _encode(uint256[][] memory values) private pure returns (bytes memory, bytes memory) {
        (uint256[][] memory inputs, uint256[][] memory outputs) = (new uint256[][](2), new uint256[][](2));
        (inputs[0], inputs[1]) = (values[0], values[1]);
        (outputs[0], outputs[1]) = (new uint256[](1), new uint256[](1));
        (outputs[0][0], outputs[1][0]) = (values[2][0], values[2][1]);
        return (abi.encode(inputs), abi.encode(outputs));
    }
}
