-- What migration 0007 of SQLite does.
CREATE TABLE submissions (
    submitter TEXT NOT NULL,
    hour      BIGINT NOT NULL,
    proofs    BIGINT NOT NULL,
    PRIMARY KEY (submitter, hour)
);
INSERT INTO submissions (submitter, hour, proofs)
SELECT submitter, created_at / 3600000, count(*) FROM payloads GROUP BY submitter, created_at / 3600000;

-- The account that had no money for a job which was put back: others need not wait with it.
ALTER TABLE jobs ADD COLUMN short_of BYTEA;
