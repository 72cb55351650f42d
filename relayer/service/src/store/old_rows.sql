-- A job with one signed transaction, as the first schema stored it.
INSERT INTO jobs (id, chain_id, registry, model_id, root, context, requester, nonce, inference_id, state, round, created_at, updated_at)
VALUES (zeroblob(32), 31337, zeroblob(20), zeroblob(32), zeroblob(32), zeroblob(32), zeroblob(20), zeroblob(32), zeroblob(32),
        'submitting', 1, 5, 5);
INSERT INTO intents (id, job_id, round, kind, chain_id, sender, data, gas_limit, nonce, state, created_at, updated_at)
VALUES (1, zeroblob(32), 1, 'attest', 31337, zeroblob(20), x'00', 100000, 0, 'pending', 5, 5);
INSERT INTO attempts (intent_id, seq, purpose, nonce, raw, tx_hash, max_fee, priority_fee, gas_limit, created_at)
VALUES (1, 0, 'call', 0, x'02', zeroblob(32), 3000000001, 1, 100000, 5);
-- And one that is mined.
INSERT INTO intents (id, kind, chain_id, sender, data, gas_limit, nonce, state, attempt_id, block_number, block_hash, gas_used,
                     gas_price, created_at, updated_at)
VALUES (2, 'deploy', 31337, zeroblob(20), x'00', 100000, 1, 'mined', 2, 7, zeroblob(32), 50000, 2000000000, 5, 6);
INSERT INTO attempts (intent_id, seq, purpose, nonce, raw, tx_hash, max_fee, priority_fee, gas_limit, created_at)
VALUES (2, 0, 'call', 1, x'02', x'0100000000000000000000000000000000000000000000000000000000000000', 3000000000, 1, 100000, 5);
-- The first job's proof, and a job that failed, with its own.
INSERT INTO payloads (job_id, digest, body) VALUES (zeroblob(32), zeroblob(32), x'7b7d');
INSERT INTO jobs (id, chain_id, registry, model_id, root, context, requester, nonce, inference_id, state, round, created_at, updated_at)
VALUES (x'0100000000000000000000000000000000000000000000000000000000000000', 31337, zeroblob(20), zeroblob(32), zeroblob(32),
        zeroblob(32), zeroblob(20), zeroblob(32), zeroblob(32), 'failed', 0, 5, 5);
INSERT INTO payloads (job_id, digest, body)
VALUES (x'0100000000000000000000000000000000000000000000000000000000000000', zeroblob(32), x'5b5d78');
