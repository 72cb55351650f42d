// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {IERC8183, Job, JobStatus} from "../../src/interfaces/standards/IERC8183.sol";

/// @notice TEST ONLY: money.
contract StubToken is ERC20("token", "TKN") {
    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }
}

/// @notice TEST ONLY: the hook interface of ERC-8183.
interface IStubHook {
    function beforeAction(uint256 jobId, bytes4 selector, bytes calldata data) external;
    function afterAction(uint256 jobId, bytes4 selector, bytes calldata data) external;
}

/// @notice TEST ONLY: the job escrow of ERC-8183 with the state machine and the roles of the draft, one token, hooks around the
/// evaluator's actions, and the reference implementation's fee for the evaluator.
contract StubCommerce is IERC8183, ReentrancyGuard {
    using SafeERC20 for IERC20;

    error WrongStatus();
    error Unauthorised();
    error TooEarly();

    IERC20 public immutable TOKEN;
    uint256 public immutable EVALUATOR_FEE_BP;
    Job[] internal _jobs;

    constructor(IERC20 token, uint256 evaluatorFeeBP) {
        (TOKEN, EVALUATOR_FEE_BP) = (token, evaluatorFeeBP);
        _jobs.push();
    }

    function createJob(
        address provider,
        address evaluator,
        uint256 expiredAt,
        string calldata description,
        address hook
    ) external returns (uint256 jobId) {
        jobId = _jobs.length;
        _jobs.push(Job(jobId, msg.sender, provider, evaluator, description, 0, expiredAt, JobStatus.Open, hook));
    }

    function setBudget(uint256 jobId, uint256 amount, bytes calldata) external {
        Job storage job = _in(jobId, JobStatus.Open);
        if (msg.sender != job.client && msg.sender != job.provider) revert Unauthorised();
        job.budget = amount;
    }

    function fund(uint256 jobId, uint256 expectedBudget, bytes calldata) external nonReentrant {
        Job storage job = _in(jobId, JobStatus.Open);
        if (msg.sender != job.client || job.budget != expectedBudget) revert Unauthorised();
        job.status = JobStatus.Funded;
        TOKEN.safeTransferFrom(job.client, address(this), job.budget);
    }

    function submit(uint256 jobId, bytes32 deliverable, bytes calldata) external override nonReentrant {
        Job storage job = _in(jobId, JobStatus.Funded);
        if (msg.sender != job.provider) revert Unauthorised();
        job.status = JobStatus.Submitted;
        emit JobSubmitted(jobId, msg.sender, deliverable);
    }

    function complete(uint256 jobId, bytes32 reason, bytes calldata optParams) external override nonReentrant {
        Job storage job = _in(jobId, JobStatus.Submitted);
        if (msg.sender != job.evaluator) revert Unauthorised();
        bytes memory data = abi.encode(reason, optParams);
        if (job.hook != address(0)) IStubHook(job.hook).beforeAction(jobId, msg.sig, data);
        job.status = JobStatus.Completed;
        uint256 fee = job.budget * EVALUATOR_FEE_BP / 10_000;
        TOKEN.safeTransfer(job.evaluator, fee);
        TOKEN.safeTransfer(job.provider, job.budget - fee);
        emit JobCompleted(jobId, msg.sender, reason);
        if (job.hook != address(0)) IStubHook(job.hook).afterAction(jobId, msg.sig, data);
    }

    function reject(uint256 jobId, bytes32 reason, bytes calldata) external override nonReentrant {
        Job storage job = _jobs[jobId];
        JobStatus status = job.status;
        if (status > JobStatus.Submitted) revert WrongStatus();
        if (msg.sender != (status == JobStatus.Open ? job.client : job.evaluator)) revert Unauthorised();
        job.status = JobStatus.Rejected;
        if (status != JobStatus.Open) TOKEN.safeTransfer(job.client, job.budget);
        emit JobRejected(jobId, msg.sender, reason);
    }

    function claimRefund(uint256 jobId) external override nonReentrant {
        Job storage job = _jobs[jobId];
        if (job.status != JobStatus.Funded && job.status != JobStatus.Submitted) revert WrongStatus();
        if (block.timestamp < job.expiredAt) revert TooEarly();
        job.status = JobStatus.Expired;
        TOKEN.safeTransfer(job.client, job.budget);
    }

    /// @dev As in the reference implementation, an unknown job is one of zeros.
    function getJob(uint256 jobId) external view virtual override returns (Job memory) {
        return _jobs[jobId < _jobs.length ? jobId : 0];
    }

    function _in(uint256 jobId, JobStatus status) private view returns (Job storage job) {
        job = _jobs[jobId];
        if (job.status != status) revert WrongStatus();
    }
}

/// @notice TEST ONLY: returns a job with the fields that the reference implementation has since 2026-03-24.
contract LaterCommerce is StubCommerce {
    struct LaterJob {
        uint256 id;
        address client;
        address provider;
        address evaluator;
        string description;
        uint256 budget;
        uint256 expiredAt;
        JobStatus status;
        address hook;
        address paymentToken;
        uint256 providerAgentId;
        uint256 submittedAt;
    }

    constructor(IERC20 token, uint256 evaluatorFeeBP) StubCommerce(token, evaluatorFeeBP) {}

    /// @dev Returns another struct than it says, as a later implementation does to a caller that knows the earlier one.
    function getJob(uint256 jobId) external view override returns (Job memory) {
        Job memory job = _jobs[jobId];
        LaterJob memory later = LaterJob(
            job.id,
            job.client,
            job.provider,
            job.evaluator,
            job.description,
            job.budget,
            job.expiredAt,
            job.status,
            job.hook,
            address(TOKEN),
            7,
            block.timestamp
        );
        bytes memory answer = abi.encode(later);
        assembly ("memory-safe") {
            return(add(answer, 0x20), mload(answer))
        }
    }
}
