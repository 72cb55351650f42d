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

    /// Where the words of the encoding's frame lie: both offsets and both lengths.
    fn frame(&self) -> [usize; 4] {
        let offsets = 4 + 32 * self.target.head().len();
        let proof_length = offsets + 64;
        [
            offsets,
            offsets + 32,
            proof_length,
            proof_length + 32 + self.input.proof.len(),
        ]
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
        for at in case.frame() {
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
        for at in case.frame() {
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
        let start = first - 4 + 64;
        let mut swapped = good[..first].to_vec();
        swapped.extend(number(start + instances_part.len()));
        swapped.extend(number(start));
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
        let start = first - 4 + 64;
        let offset = |at: usize| number(at - 4);
        // Before the proof, and between proof and public inputs.
        let mut before = good[..first].to_vec();
        before.extend(number(start + 32));
        before.extend(offset(instances + 32));
        before.extend([0; 32]);
        before.extend(&good[proof..]);
        let mut between = good[..first].to_vec();
        between.extend(number(start));
        between.extend(offset(instances + 32));
        between.extend(&good[proof..instances]);
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

#[test]
fn dirty_upper_bits_of_the_key_s_address_revert() {
    for case in Case::all() {
        if case.target.key.is_none() {
            continue;
        }
        for bit in 160..256 {
            let mut calldata = case.calldata();
            calldata[4 + 31 - bit / 8] ^= 1 << (bit % 8);
            case.assert_reverts(calldata);
        }
    }
}

/// The tests' own encoding is the library's.
#[test]
fn library_encodes_the_same_calldata() {
    let fixture = Fixture::<Phases>::new();
    for target in ours(&fixture.key()) {
        let key = target.key.map(|key| key.into_array());
        let (proof, instances) = (&fixture.honest.proof, fixture.instances.concat());
        let library = target
            .verifier
            .encode_calldata(target.entry, key, proof, &instances)
            .unwrap();
        assert_eq!(library, target.calldata(&fixture.honest));
    }
}
