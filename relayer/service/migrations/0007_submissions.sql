-- How many proofs a submitter handed in, by the hour since the epoch: handing in the same proof again counts as well.
CREATE TABLE submissions (
    submitter TEXT NOT NULL,
    hour      INTEGER NOT NULL,
    proofs    INTEGER NOT NULL,
    PRIMARY KEY (submitter, hour)
) STRICT;
INSERT INTO submissions (submitter, hour, proofs)
SELECT submitter, created_at / 3600000, count(*) FROM payloads GROUP BY submitter, created_at / 3600000;

-- The account that had no money for a job which was put back: others need not wait with it.
ALTER TABLE jobs ADD COLUMN short_of BLOB;
