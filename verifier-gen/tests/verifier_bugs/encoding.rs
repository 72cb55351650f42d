//! Calldata other than the one canonical encoding.

use revm::primitives::U256;

use crate::common::{
    circuits::{EmptyColumn, NoPermutation, Phases},
    evm::{Outcome, Transaction},
    input::{Fixture, Input, number},
    targets::{Ours, Target, Verdict, ours},
};

/// A contract of ours with an honest call.
struct Case {
    target: Ours,
    input: Input,
}

impl Case {
    fn all() -> Vec<Self> {
        let fixture = Fixture::<Phases>::new();
        let case = |target| Self {
            target,
            input: fixture.honest.clone(),
        };
        ours(&fixture.key()).into_iter().map(case).collect()
    }

    fn calldata(&self) -> Vec<u8> {
        self.target.calldata(&self.input)
    }

    /// Where the offsets of proof and public inputs lie, and the lengths of both; a key's offset and length come first.
    fn frame(&self) -> [usize; 4] {
        let (offsets, tails) = match &self.target.key {
            None => (4, 4 + 64),
            Some(key) => (4 + 32, 4 + 96 + 32 + key.len()),
        };
        let instances = tails + 32 + self.input.proof.len();
        [offsets, offsets + 32, tails, instances]
    }

    /// The same, with offset and length of a key.
    fn words(&self) -> Vec<usize> {
        let mut words = self.frame().to_vec();
        if self.target.key.is_some() {
            words.extend([4, 4 + 96]);
        }
        words
    }

    #[track_caller]
    fn assert_reverts(&self, calldata: Vec<u8>) {
        let outcome = self.target.call(calldata);
        assert!(matches!(outcome, Outcome::Reverted(_)), "{outcome:?}");
    }
}

#[test]
fn dirty_bits_in_offsets_and_lengths_revert() {
    for case in Case::all() {
        for at in case.words() {
            for bit in 0..256 {
                let mut calldata = case.calldata();
                calldata[at + 31 - bit / 8] ^= 1 << (bit % 8);
                case.assert_reverts(calldata);
            }
        }
    }
}

#[test]
fn wrapped_offsets_and_lengths_revert() {
    for case in Case::all() {
        for at in case.words() {
            let good = case.calldata();
            let value = U256::from_be_slice(&good[at..at + 32]);
            for shift in [1usize, 5, 64, 128, 255] {
                let mut calldata = good.clone();
                let wrong = value.wrapping_add(U256::ONE << shift);
                calldata[at..at + 32].copy_from_slice(&wrong.to_be_bytes::<32>());
                case.assert_reverts(calldata);
            }
            let mut calldata = good;
            let wrong = U256::ZERO.wrapping_sub(value);
            calldata[at..at + 32].copy_from_slice(&wrong.to_be_bytes::<32>());
            case.assert_reverts(calldata);
        }
    }
}

#[test]
fn arguments_in_the_other_order_revert() {
    for case in Case::all() {
        let good = case.calldata();
        let [first, _, proof, instances] = case.frame();
        let (proof_part, instances_part) = (&good[proof..instances], &good[instances..]);
        let start = proof - 4;
        let mut swapped = good[..first].to_vec();
        swapped.extend(number(start + instances_part.len()));
        swapped.extend(number(start));
        swapped.extend(&good[first + 64..proof]);
        swapped.extend(instances_part);
        swapped.extend(proof_part);
        assert_eq!(swapped.len(), good.len());
        case.target
            .assert_error(swapped, "NonCanonicalCalldata()", &[]);
    }
}

#[test]
fn gaps_between_arguments_revert() {
    for case in Case::all() {
        let good = case.calldata();
        let [first, _, proof, instances] = case.frame();
        let offset = |at: usize| number(at - 4);
        // Before the proof, and between proof and public inputs.
        let mut before = good[..first].to_vec();
        before.extend(offset(proof + 32));
        before.extend(offset(instances + 32));
        before.extend(&good[first + 64..proof]);
        before.extend([0; 32]);
        before.extend(&good[proof..]);
        let mut between = good[..first].to_vec();
        between.extend(offset(proof));
        between.extend(offset(instances + 32));
        between.extend(&good[first + 64..instances]);
        between.extend([0; 32]);
        between.extend(&good[instances..]);
        for calldata in [before, between] {
            case.target
                .assert_error(calldata, "NonCanonicalCalldata()", &[]);
        }
    }
}

#[test]
fn shared_tail_of_both_arguments_reverts() {
    for case in Case::all() {
        // Both offsets point at the proof, or both at the public inputs.
        let good = case.calldata();
        let [first, second, ..] = case.frame();
        for (from, to) in [(first, second), (second, first)] {
            let mut calldata = good.clone();
            calldata.copy_within(from..from + 32, to);
            case.assert_reverts(calldata);
        }
    }
}

#[test]
fn trailing_calldata_reverts() {
    for case in Case::all() {
        for extra in [1, 31, 32, 64, 1000] {
            for fill in [0, 0xff] {
                let mut calldata = case.calldata();
                calldata.resize(calldata.len() + extra, fill);
                case.target
                    .assert_error(calldata, "NonCanonicalCalldata()", &[]);
            }
        }
    }
}

#[test]
fn truncated_calldata_of_every_length_reverts() {
    for case in Case::all() {
        let good = case.calldata();
        for len in
            (0..good.len()).filter(|len| *len < 300 || len % 16 == 4 || len + 40 > good.len())
        {
            case.assert_reverts(good[..len].to_vec());
        }
    }
}

#[test]
fn proof_of_any_other_length_reverts() {
    for case in Case::all() {
        let right = case.input.proof.len();
        for len in [
            0,
            1,
            31,
            32,
            64,
            right - 64,
            right - 32,
            right - 1,
            right + 1,
            right + 32,
            2 * right,
        ] {
            let mut input = case.input.clone();
            input.proof.resize(len, 0);
            case.target.assert_error(
                case.target.calldata(&input),
                "InvalidProofLength(uint256,uint256)",
                &[right, len],
            );
        }
    }
}

#[test]
fn any_other_number_of_instances_reverts() {
    for case in Case::all() {
        let right = case.input.instances.len();
        for count in (0..2 * right + 2).filter(|count| *count != right) {
            let mut input = case.input.clone();
            input.instances.resize(count, [0; 32]);
            case.target.assert_error(
                case.target.calldata(&input),
                "InvalidInstanceCount(uint256,uint256)",
                &[right, count],
            );
        }
    }
}

#[test]
fn unknown_selector_and_empty_calldata_revert() {
    for case in Case::all() {
        for bit in 0..32 {
            let mut calldata = case.calldata();
            calldata[3 - bit / 8] ^= 1 << (bit % 8);
            assert_eq!(case.target.call(calldata), Outcome::Reverted(vec![]));
        }
        let selector = case.calldata()[..4].to_vec();
        for calldata in [
            vec![],
            vec![0],
            selector[..3].to_vec(),
            selector,
            vec![0; 4],
        ] {
            assert_eq!(case.target.call(calldata), Outcome::Reverted(vec![]));
        }
    }
}

#[test]
fn ether_reverts() {
    for case in Case::all() {
        for calldata in [case.calldata(), vec![]] {
            let tx = Transaction {
                value: 1,
                ..Transaction::new(case.target.at, calldata)
            };
            let outcome = case.target.evm.execute(&tx, &[]).0;
            assert_eq!(outcome, Outcome::Reverted(vec![]));
        }
    }
}

#[test]
fn empty_inputs_revert() {
    for case in Case::all() {
        let nothing = Input {
            proof: vec![],
            instances: vec![],
        };
        let expected = [case.input.proof.len(), 0];
        let calldata = case.target.calldata(&nothing);
        case.target
            .assert_error(calldata, "InvalidProofLength(uint256,uint256)", &expected);
    }
}

/// Contracts without public inputs take an empty array, and nothing else.
#[test]
fn no_instances_means_an_empty_array() {
    fn check(targets: Vec<Ours>, honest: &Input) {
        for target in targets {
            assert_eq!(target.judge(honest), Verdict::Accepts);
            let mut more = honest.clone();
            more.instances.push([0; 32]);
            target.assert_error(
                target.calldata(&more),
                "InvalidInstanceCount(uint256,uint256)",
                &[0, 1],
            );
            // Without the array's length word.
            let mut calldata = target.calldata(honest);
            calldata.truncate(calldata.len() - 32);
            let outcome = target.call(calldata);
            assert!(matches!(outcome, Outcome::Reverted(_)), "{outcome:?}");
        }
    }
    let fixture = Fixture::<NoPermutation>::new();
    check(ours(&fixture.key()), &fixture.honest);
    let fixture = Fixture::<EmptyColumn>::new();
    check(ours(&fixture.key()), &fixture.honest);
}

/// A call of a shared verifier whose arguments are laid out as the offsets say; what they say is the canonical arguments.
fn laid_out(case: &Case, offsets: [usize; 3], tail: &[u8]) -> Vec<u8> {
    let mut calldata = case.calldata()[..4].to_vec();
    calldata.extend(offsets.map(number).concat());
    calldata.extend(tail);
    calldata
}

/// Key, proof and public inputs in every order but their own, and with a gap before each.
#[test]
fn shared_arguments_in_another_order_or_apart_revert() {
    for case in Case::all() {
        let Some(key) = case.target.key.clone() else {
            continue;
        };
        let good = case.calldata();
        let [_, _, proof, instances] = case.frame();
        let parts = [
            &good[100..132 + key.len()],
            &good[proof..instances],
            &good[instances..],
        ];
        let call = |order: [usize; 3], gap: Option<usize>| {
            let (mut tail, mut offsets) = (Vec::new(), [0; 3]);
            for part in order {
                if gap == Some(part) {
                    tail.extend([0; 32]);
                }
                offsets[part] = 96 + tail.len();
                tail.extend(parts[part]);
            }
            laid_out(&case, offsets, &tail)
        };
        assert_eq!(call([0, 1, 2], None), good);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            case.target
                .assert_error(call(order, None), "NonCanonicalCalldata()", &[]);
        }
        for gap in 0..3 {
            case.target
                .assert_error(call([0, 1, 2], Some(gap)), "NonCanonicalCalldata()", &[]);
        }
    }
}

/// A key and a proof, or a key and public inputs, that share bytes: each offset in place of each other one.
#[test]
fn overlapping_arguments_of_a_shared_verifier_revert() {
    for case in Case::all() {
        if case.target.key.is_none() {
            continue;
        }
        let good = case.calldata();
        for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
            let mut calldata = good.clone();
            let [from, to] = [from, to].map(|argument| 4 + 32 * argument);
            calldata.copy_within(from..from + 32, to);
            case.assert_reverts(calldata);
        }
    }
}

/// A key that is longer or shorter than the shape's, canonically encoded.
#[test]
fn key_of_any_other_length_reverts() {
    for case in Case::all() {
        let Some(key) = case.target.key.clone() else {
            continue;
        };
        let right = key.len();
        for len in [
            0,
            1,
            20,
            32,
            256,
            right - 64,
            right - 32,
            right - 1,
            right + 1,
            right + 32,
            2 * right,
        ] {
            let mut key = key.clone();
            key.resize(len, 0);
            let target = case.target.with_key(key);
            let error = "InvalidKeyLength(uint256,uint256)";
            target.assert_error(target.calldata(&case.input), error, &[right, len]);
        }
        // The length says less or more than there is.
        for change in [-32_i64, -1, 1, 32] {
            let mut calldata = case.calldata();
            let wrong = (right as i64 + change) as usize;
            calldata[100..132].copy_from_slice(&number(wrong));
            let error = "InvalidKeyLength(uint256,uint256)";
            case.target.assert_error(calldata, error, &[right, wrong]);
        }
    }
}

/// The tests' own encoding is the library's.
#[test]
fn library_encodes_the_same_calldata() {
    let fixture = Fixture::<Phases>::new();
    for target in ours(&fixture.key()) {
        let key = target.key.as_deref();
        let (proof, instances) = (&fixture.honest.proof, fixture.instances.concat());
        let library = target
            .verifier
            .encode_calldata(target.entry, key, proof, &instances)
            .unwrap();
        assert_eq!(library, target.calldata(&fixture.honest));
    }
}
