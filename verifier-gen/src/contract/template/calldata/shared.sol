        if (key.length != KEY_LENGTH) revert InvalidKeyLength(KEY_LENGTH, key.length);
        if (proof.length != PROOF_LENGTH) revert InvalidProofLength(PROOF_LENGTH, proof.length);
        bool canonical;
        assembly {
            let end := add(INSTANCES, shl(5, instances.length))
            canonical := and(eq(instances.offset, INSTANCES), eq(calldatasize(), end))
            canonical := and(and(eq(key.offset, KEY), eq(proof.offset, PROOF)), canonical)
        }
        if (!canonical) revert NonCanonicalCalldata();
        bool fits;
        assembly {
            fits := {{valid}}
        }
        if (!fits) {
            bytes32 shape;
            assembly {
                shape := calldataload({{cd_shape}})
            }
            revert InvalidKey(shape);
        }
        uint256 count;
        assembly {
            count := {{expected}}
        }
        if (instances.length != count) revert InvalidInstanceCount(count, instances.length);
