-- What a roll-up takes for publishing a transaction's bytes, in gwei: the most that was allowed for when it was signed, and what the
-- receipt says.
ALTER TABLE attempts ADD COLUMN data_fee INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN data_fee INTEGER;

-- Whether a node ever took it: what it said last may be that it did not understand, or nothing.
ALTER TABLE attempts ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
UPDATE attempts SET taken = 1 WHERE last_outcome IN ('accepted', 'already known');
