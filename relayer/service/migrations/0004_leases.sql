-- Which process sends for an account. The token grows with each change of hands; what is signed under an older one is refused.
CREATE TABLE leases (
    chain_id   INTEGER NOT NULL,
    sender     BLOB NOT NULL CHECK (length(sender) = 20),
    holder     TEXT NOT NULL,
    token      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (chain_id, sender)
) STRICT;
