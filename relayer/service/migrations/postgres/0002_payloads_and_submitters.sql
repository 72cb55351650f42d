-- What migration 0006 of SQLite does.
ALTER TABLE payloads DROP CONSTRAINT payloads_pkey;
ALTER TABLE payloads ALTER COLUMN body DROP NOT NULL;
ALTER TABLE payloads ADD COLUMN submitter TEXT NOT NULL DEFAULT 'local';
ALTER TABLE payloads ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting';
ALTER TABLE payloads ADD COLUMN verified BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payloads ADD COLUMN reason TEXT;
ALTER TABLE payloads ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payloads ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
UPDATE payloads SET
    state = CASE WHEN j.state IN ('failed', 'cancelled') THEN j.state ELSE 'waiting' END,
    bytes = length(payloads.body),
    created_at = j.created_at
FROM jobs j WHERE j.id = payloads.job_id;
ALTER TABLE payloads ADD PRIMARY KEY (job_id, digest, submitter);
CREATE INDEX payloads_kept ON payloads (submitter, bytes) WHERE bytes > 0;
CREATE INDEX payloads_by_submitter ON payloads (submitter, created_at);

ALTER TABLE jobs ADD COLUMN payload BYTEA;
ALTER TABLE jobs ADD COLUMN payer TEXT;
ALTER TABLE jobs ADD COLUMN progress BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN stalls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs DROP COLUMN base_round;
ALTER TABLE jobs ADD COLUMN retry_at BIGINT;
ALTER TABLE jobs ADD COLUMN expired_at BIGINT;
CREATE INDEX jobs_to_expire ON jobs (updated_at) WHERE expired_at IS NULL;

ALTER TABLE spend ADD COLUMN submitter TEXT;
CREATE INDEX spend_by_submitter ON spend (chain_id, submitter, at, settled, reserved);

CREATE TABLE submitters (
    name      TEXT PRIMARY KEY,
    served_at BIGINT NOT NULL
);
