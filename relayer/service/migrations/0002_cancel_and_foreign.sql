-- When a person asked for the job to be cancelled. What is signed by then has a nonce, which must be used up first.
ALTER TABLE jobs ADD COLUMN cancel_requested_at INTEGER;
CREATE INDEX jobs_cancelling ON jobs (chain_id) WHERE cancel_requested_at IS NOT NULL;

-- How many transactions of an account the chain was seen to have: those that are no intent of this file came from elsewhere.
CREATE TABLE accounts (
    chain_id   INTEGER NOT NULL,
    sender     BLOB NOT NULL CHECK (length(sender) = 20),
    nonce_seen INTEGER NOT NULL,
    PRIMARY KEY (chain_id, sender)
) STRICT;

-- Nonces that somebody else used with the same key.
CREATE TABLE foreign_nonces (
    chain_id INTEGER NOT NULL,
    sender   BLOB NOT NULL CHECK (length(sender) = 20),
    nonce    INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (chain_id, sender, nonce)
) STRICT;
