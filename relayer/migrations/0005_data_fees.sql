-- What a roll-up takes for publishing a transaction's bytes, in gwei: the most that was allowed for when it was signed, and what the
-- receipt says.
ALTER TABLE attempts ADD COLUMN data_fee INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN data_fee INTEGER;
