        if (proof.length != PROOF_LENGTH) revert InvalidProofLength(PROOF_LENGTH, proof.length);
        if (instances.length != NUM_INSTANCES) revert InvalidInstanceCount(NUM_INSTANCES, instances.length);
        bool canonical;
        assembly {
            canonical := and(eq(proof.offset, PROOF), and(eq(instances.offset, INSTANCES), eq(calldatasize(), CALLDATA_END)))
        }
        if (!canonical) revert NonCanonicalCalldata();
