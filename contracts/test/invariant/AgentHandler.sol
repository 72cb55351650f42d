// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC8004Validator} from "../../src/adapters/ERC8004Validator.sol";
import {ERC8183Evaluator} from "../../src/adapters/ERC8183Evaluator.sol";
import {JobStatus} from "../../src/interfaces/standards/IERC8183.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {AgentTest} from "../helpers/AgentTest.sol";
import {IStubHook, StubCommerce, StubToken} from "../stubs/StubCommerce.sol";
import {StubIdentityRegistry, StubValidationRegistry} from "../stubs/StubValidationRegistry.sol";

/// @notice Two agents that ask for answers under their own and each other's claims, and jobs that anybody has judged, with a model
/// that is frozen and unfrozen. What it expects of each call comes from its own books.
contract AgentHandler is AgentTest, IStubHook {
    uint256 public constant AGENTS = 2;
    uint256 public constant NONCES = 2;
    uint256 public constant ATTEMPTS = 3;
    uint256 public constant BUDGET = 10_000;
    uint256 public constant FEE = 300;
    address public constant PROVIDER = address(0x9207);

    StubValidationRegistry public immutable VALIDATION;
    ERC8004Validator public immutable VALIDATOR;
    StubToken public immutable TOKEN;
    StubCommerce public immutable COMMERCE;
    ERC8183Evaluator public immutable EVALUATOR;

    uint256[] public agents;
    mapping(uint256 agent => mapping(uint256 nonce => bool)) private _claimProven;
    mapping(uint256 jobId => bool) private _jobProven;
    bool private _frozen;

    uint256 public jobs;
    uint256 public completed;
    /// @notice Fees that nobody has taken yet.
    uint256 public left;
    /// @notice Fees that each caller should have.
    mapping(address => uint256) public earned;
    string public violation;
    mapping(bytes32 => uint256) public calls;
    /// @dev What the hook does.
    bytes private _message;

    constructor() {
        setUp();
        StubIdentityRegistry identity = new StubIdentityRegistry();
        for (uint256 i; i < AGENTS; ++i) {
            vm.prank(caller(i));
            agents.push(identity.register());
        }
        VALIDATION = new StubValidationRegistry(identity);
        VALIDATOR = new ERC8004Validator(VALIDATION, registry);
        TOKEN = new StubToken();
        COMMERCE = new StubCommerce(TOKEN, FEE);
        EVALUATOR = new ERC8183Evaluator(registry);
    }

    // ------------------------------------------------------------------------------------------------- The model

    function freezeOrUnfreeze(uint256 how) external {
        if (how % 4 != 0 && !_frozen) return;
        _frozen ? unfreeze() : freeze();
        _frozen = !_frozen;
    }

    function proveClaim(uint256 agent, uint256 nonce) external {
        (agent, nonce) = (agent % AGENTS, nonce % NONCES);
        if (_frozen || _claimProven[agent][nonce]) return;
        attest(run, REQUESTER, VALIDATOR.nonceOf(agents[agent], nonce));
        _claimProven[agent][nonce] = true;
    }

    // -------------------------------------------------------------------------------------------------- ERC-8004

    /// @dev An agent's owner takes the hash of its own claim or of the other's, for this validator or for itself.
    function request(uint256 agent, uint256 ofAgent, uint256 nonce, uint256 attempt, bool rightly) external {
        agent %= AGENTS;
        bytes32 requestHash = hashOf(ofAgent % AGENTS, nonce % NONCES, attempt % ATTEMPTS);
        vm.prank(caller(agent));
        try VALIDATION.validationRequest(rightly ? address(VALIDATOR) : caller(agent), agents[agent], "", requestHash) {
            ++calls["request"];
        } catch {}
    }

    function settle(uint256 agent, uint256 nonce, uint256 attempt) external {
        (agent, nonce, attempt) = (agent % AGENTS, nonce % NONCES, attempt % ATTEMPTS);
        try VALIDATOR.settle(_claim(agent, nonce, attempt), shownOutputs()) returns (uint8 response) {
            if (!_claimProven[agent][nonce]) violation = "an unproven claim was answered";
            if (response != (_frozen ? 0 : 100)) violation = "a wrong answer was given";
            ++calls["settle"];
        } catch {}
    }

    function hashOf(uint256 agent, uint256 nonce, uint256 attempt) public view returns (bytes32) {
        return VALIDATOR.requestHashOf(_claim(agent, nonce, attempt), run.outputs);
    }

    function _claim(uint256 agent, uint256 nonce, uint256 attempt)
        private
        view
        returns (ERC8004Validator.Claim memory)
    {
        return ERC8004Validator.Claim(agents[agent], modelId, run.root, REQUESTER, nonce, attempt);
    }

    // -------------------------------------------------------------------------------------------------- ERC-8183

    /// @dev Submitted, with or without a hook: this contract, which has other jobs judged, or the same one.
    function createJob(bool hooked, bool rejectable) external {
        string memory description = EVALUATOR.descriptionOf(_terms(rejectable));
        vm.startPrank(REQUESTER);
        uint256 jobId = COMMERCE.createJob(
            PROVIDER, address(EVALUATOR), type(uint256).max, description, hooked ? address(this) : address(0)
        );
        TOKEN.mint(REQUESTER, BUDGET);
        TOKEN.approve(address(COMMERCE), BUDGET);
        COMMERCE.setBudget(jobId, BUDGET, "");
        COMMERCE.fund(jobId, BUDGET, "");
        vm.stopPrank();
        vm.prank(PROVIDER);
        COMMERCE.submit(jobId, "work", "");
        jobs = jobId;
    }

    function proveJob(uint256 jobId) external {
        if (jobs == 0 || _frozen) return;
        jobId = 1 + jobId % jobs;
        attest(run, REQUESTER, EVALUATOR.nonceOf(COMMERCE, jobId));
        _jobProven[jobId] = true;
    }

    function complete(uint256 jobId, uint256 hookJobId, bool rejectable, bool named, uint256 who) external {
        if (jobs == 0) return;
        jobId = 1 + jobId % jobs;
        _message = _completing(1 + hookJobId % jobs, rejectable, true);
        bool submitted = COMMERCE.getJob(jobId).status == JobStatus.Submitted;
        uint256 fee = BUDGET * FEE / 10_000;
        vm.prank(caller(who));
        (bool success,) = address(EVALUATOR).call(_completing(jobId, rejectable, named));
        if (!success) return;
        if (!submitted || !_jobProven[jobId] || _frozen) violation = "a job was judged wrongly";
        ++completed;
        left += fee;
        if (named) (earned[caller(who)], left) = (earned[caller(who)] + left, 0);
        ++calls["complete"];
    }

    function reject(uint256 jobId, bool rejectable) external {
        if (jobs == 0) return;
        jobId = 1 + jobId % jobs;
        bool submitted = COMMERCE.getJob(jobId).status == JobStatus.Submitted;
        try EVALUATOR.reject(COMMERCE, jobId, _terms(rejectable)) {
            if (!submitted || !_frozen || !rejectable) violation = "a job was rejected wrongly";
            ++calls["reject"];
        } catch {}
    }

    function beforeAction(uint256, bytes4, bytes calldata) external override {
        (bool success,) = address(EVALUATOR).call(_message);
        if (success) violation = "a hook had a job judged";
    }

    function afterAction(uint256, bytes4, bytes calldata) external override {
        (bool success,) = address(EVALUATOR).call(_message);
        if (success) violation = "a hook had a job judged";
    }

    function caller(uint256 who) public pure returns (address) {
        return address(uint160(0x2000 + who % 3));
    }

    function _completing(uint256 jobId, bool rejectable, bool named) private view returns (bytes memory) {
        return abi.encodeCall(
            ERC8183Evaluator.complete,
            (COMMERCE, jobId, _terms(rejectable), run.root, shownInputs(), IERC20(named ? address(TOKEN) : address(0)))
        );
    }

    function _terms(bool rejectable) private view returns (ERC8183Evaluator.Terms memory) {
        return ERC8183Evaluator.Terms(modelId, keccak256(abi.encode(run.inputs)), rejectable);
    }
}
