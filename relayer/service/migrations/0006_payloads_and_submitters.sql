-- A job can have several proofs: whoever knows an id can file anything under it, and only the chain says which of them holds.
ALTER TABLE payloads RENAME TO payloads_before;
CREATE TABLE payloads (
    job_id     BLOB NOT NULL REFERENCES jobs (id),
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    submitter  TEXT NOT NULL,
    state      TEXT NOT NULL,
    -- Whether it succeeded in simulation when it was handed in.
    verified   INTEGER NOT NULL,
    reason     TEXT,
    -- Length of the body, 0 once that is gone.
    bytes      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    body       BLOB,
    PRIMARY KEY (job_id, digest, submitter)
) STRICT;
INSERT INTO payloads (job_id, digest, submitter, state, verified, reason, bytes, created_at, body)
SELECT p.job_id, p.digest, 'local', CASE WHEN j.state IN ('failed', 'cancelled') THEN j.state ELSE 'waiting' END,
       0, NULL, length(p.body), j.created_at, p.body
FROM payloads_before p JOIN jobs j ON j.id = p.job_id;
DROP TABLE payloads_before;
CREATE INDEX payloads_kept ON payloads (submitter, bytes) WHERE bytes > 0;
CREATE INDEX payloads_by_submitter ON payloads (submitter, created_at);

-- The proof and the submitter of the current plan.
ALTER TABLE jobs ADD COLUMN payload BLOB;
ALTER TABLE jobs ADD COLUMN payer TEXT;
-- The most that the registry's record was ever seen to hold (chunks proven, and one for the root), and how many plans in a row were
-- paid for without more.
ALTER TABLE jobs ADD COLUMN progress INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN stalls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs DROP COLUMN base_round;
-- Not to be planned before.
ALTER TABLE jobs ADD COLUMN retry_at INTEGER;
-- When the proofs and transaction bytes of a finished job were dropped.
ALTER TABLE jobs ADD COLUMN expired_at INTEGER;
CREATE INDEX jobs_to_expire ON jobs (updated_at) WHERE expired_at IS NULL;

-- Whose job it was for.
ALTER TABLE spend ADD COLUMN submitter TEXT;
CREATE INDEX spend_by_submitter ON spend (chain_id, submitter, at, settled, reserved);

-- When a job of a submitter's was last planned: they take turns.
CREATE TABLE submitters (
    name      TEXT PRIMARY KEY,
    served_at INTEGER NOT NULL
) STRICT;
