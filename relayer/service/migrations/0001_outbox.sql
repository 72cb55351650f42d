-- The outbox. Hashes, addresses and 256-bit integers are big-endian blobs; times are Unix milliseconds.

-- One row per chain that this file was ever used with: a restarted development chain has the same
-- chain id but another genesis, and nothing recorded for the one is true of the other.
CREATE TABLE chains (
    chain_id INTEGER PRIMARY KEY,
    genesis  BLOB NOT NULL CHECK (length(genesis) = 32)
) STRICT;

-- One inference proof that shall be on chain. id = keccak256(chain, registry, model, root, context).
CREATE TABLE jobs (
    id             BLOB PRIMARY KEY CHECK (length(id) = 32),
    chain_id       INTEGER NOT NULL,
    registry       BLOB NOT NULL CHECK (length(registry) = 20),
    model_id       BLOB NOT NULL CHECK (length(model_id) = 32),
    root           BLOB NOT NULL CHECK (length(root) = 32),
    context        BLOB NOT NULL CHECK (length(context) = 32),
    requester      BLOB NOT NULL CHECK (length(requester) = 20),
    nonce          BLOB NOT NULL CHECK (length(nonce) = 32),
    inference_id   BLOB NOT NULL CHECK (length(inference_id) = 32),
    state          TEXT NOT NULL,
    reason         TEXT,
    -- How often transactions were planned; a later plan follows a revert, a reorganisation, or a
    -- nonce that someone else used.
    round          INTEGER NOT NULL DEFAULT 0,
    -- Value of `round` when the job was last submitted: earlier reverts no longer count against it.
    base_round     INTEGER NOT NULL DEFAULT 0,
    -- The block at which the registry was seen to say `Proven`.
    proven_number  INTEGER,
    proven_hash    BLOB,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, created_at);

-- The proof as submitted. Public data only: never salts, witnesses or weights.
CREATE TABLE payloads (
    job_id BLOB PRIMARY KEY REFERENCES jobs (id),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    body   BLOB NOT NULL
) STRICT;

-- One transaction that must be in a block; owns one nonce once it is signed.
CREATE TABLE intents (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id           BLOB REFERENCES jobs (id),
    round            INTEGER NOT NULL DEFAULT 0,
    -- Idempotency key of a transaction without a job (deployments).
    intent_key       BLOB UNIQUE,
    kind             TEXT NOT NULL,
    chain_id         INTEGER NOT NULL,
    sender           BLOB NOT NULL CHECK (length(sender) = 20),
    to_address       BLOB,
    data             BLOB NOT NULL,
    chunks           TEXT NOT NULL DEFAULT '[]',
    gas_limit        INTEGER NOT NULL,
    nonce            INTEGER,
    state            TEXT NOT NULL,
    reason           TEXT,
    attempt_id       INTEGER,
    block_number     INTEGER,
    block_hash       BLOB,
    gas_used         INTEGER,
    gas_price        INTEGER,
    contract_address BLOB,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX intents_by_job ON intents (job_id, round, id);
CREATE INDEX intents_by_state ON intents (state, id);
-- No nonce is ever given out twice, whoever writes to this file.
CREATE UNIQUE INDEX intents_by_nonce ON intents (chain_id, sender, nonce) WHERE nonce IS NOT NULL;

-- One signed transaction. Written before it is broadcast, and never deleted.
CREATE TABLE attempts (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    intent_id        INTEGER NOT NULL REFERENCES intents (id),
    seq              INTEGER NOT NULL,
    purpose          TEXT NOT NULL CHECK (purpose IN ('call', 'cancel')),
    nonce            INTEGER NOT NULL,
    raw              BLOB NOT NULL,
    tx_hash          BLOB NOT NULL UNIQUE CHECK (length(tx_hash) = 32),
    max_fee          INTEGER NOT NULL,
    priority_fee     INTEGER NOT NULL,
    gas_limit        INTEGER NOT NULL,
    sends            INTEGER NOT NULL DEFAULT 0,
    last_sent_at     INTEGER,
    last_outcome     TEXT,
    seen_block       INTEGER,
    seen_block_hash  BLOB,
    created_at       INTEGER NOT NULL,
    UNIQUE (intent_id, seq)
) STRICT;

-- What happened when; append only.
CREATE TABLE transitions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id     BLOB,
    intent_id  INTEGER,
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    reason     TEXT,
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX transitions_by_job ON transitions (job_id, id);
