-- What transactions cost, in gwei, rounded up. One row per nonce: however many attempts share it, one is paid for.
CREATE TABLE spend (
    intent_id INTEGER PRIMARY KEY REFERENCES intents (id),
    chain_id  INTEGER NOT NULL,
    sender    BLOB NOT NULL CHECK (length(sender) = 20),
    -- The most that any signed attempt can cost: gas limit times largest fee.
    reserved  INTEGER NOT NULL,
    -- What the chain took; null while that is open.
    settled   INTEGER,
    -- When it was reserved, and then when it was settled.
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX spend_by_time ON spend (chain_id, sender, at, settled, reserved);

INSERT INTO spend (intent_id, chain_id, sender, reserved, settled, at)
SELECT i.id, i.chain_id, i.sender,
       (SELECT max(CAST(1.0 * a.gas_limit * a.max_fee / 1e9 AS INTEGER) + 1) FROM attempts a WHERE a.intent_id = i.id),
       CASE i.state
           WHEN 'pending' THEN NULL
           ELSE CAST(1.0 * coalesce(i.gas_used, 0) * coalesce(i.gas_price, 0) / 1e9 AS INTEGER) + 1
       END,
       i.updated_at
FROM intents i
WHERE i.nonce IS NOT NULL AND EXISTS (SELECT 1 FROM attempts a WHERE a.intent_id = i.id);

-- Why nothing new is sent. `manual` is set and lifted by people, the others by the engine.
CREATE TABLE pauses (
    chain_id INTEGER NOT NULL,
    sender   BLOB NOT NULL CHECK (length(sender) = 20),
    cause    TEXT NOT NULL CHECK (cause IN ('manual', 'balance', 'spend')),
    reason   TEXT NOT NULL,
    -- Gwei that the transaction needs which could not be paid for.
    wanted   INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    PRIMARY KEY (chain_id, sender, cause)
) STRICT;
