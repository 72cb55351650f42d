// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice States of a job. Completed, Rejected and Expired are final.
enum JobStatus {
    Open,
    Funded,
    Submitted,
    Completed,
    Rejected,
    Expired
}

/// @notice A job of ERC-8183: the client's budget in escrow, the provider's work, the evaluator's verdict.
/// @dev Later versions of the reference implementation append fields; what they return still decodes as this.
/// @param description Set when the job is made and never changed.
/// @param expiredAt From this time on anyone can have the budget of an undecided job refunded.
/// @param hook A contract that is called around each action; zero if there is none.
struct Job {
    uint256 id;
    address client;
    address provider;
    address evaluator;
    string description;
    uint256 budget;
    uint256 expiredAt;
    JobStatus status;
    address hook;
}

/// @title IERC8183
/// @notice What an evaluator needs of the job escrow of ERC-8183 (https://eips.ethereum.org/EIPS/eip-8183), draft of 2026-03-13. The
/// draft specifies the actions in prose; these signatures are those of its reference implementation, the same in the version of
/// 2026-04-17. That has another `createJob`, `setProvider`, `setBudget` and `fund`, which are not here for that reason.
interface IERC8183 {
    /// @notice The provider submitted work. Nothing but this event and the hook gets `deliverable`.
    event JobSubmitted(uint256 indexed jobId, address indexed provider, bytes32 deliverable);
    /// @notice The evaluator completed the job.
    event JobCompleted(uint256 indexed jobId, address indexed evaluator, bytes32 reason);
    /// @notice The job was rejected: by the client while open, by the evaluator afterwards.
    event JobRejected(uint256 indexed jobId, address indexed rejector, bytes32 reason);

    /// @notice Says that the work is done. By the provider of a funded job.
    function submit(uint256 jobId, bytes32 deliverable, bytes calldata optParams) external;

    /// @notice Pays the provider. By the evaluator of a submitted job.
    /// @param reason A commitment to the evidence; may be zero.
    /// @param optParams For the hook.
    function complete(uint256 jobId, bytes32 reason, bytes calldata optParams) external;

    /// @notice Refunds the client. By the evaluator of a funded or submitted job, or the client of an open one.
    function reject(uint256 jobId, bytes32 reason, bytes calldata optParams) external;

    /// @notice Refunds the client of a job that was not decided in time.
    function claimRefund(uint256 jobId) external;

    /// @notice A job.
    function getJob(uint256 jobId) external view returns (Job memory);
}
