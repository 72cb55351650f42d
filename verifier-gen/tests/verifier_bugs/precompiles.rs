//! Precompiles that are missing, fail or answer nonsense: nothing they do short of the right answer makes a verifier accept.

use crate::common::{
    circuits::Phases,
    evm::{Fault, Outcome, Transaction},
    input::Fixture,
    targets::{Ours, Verdict, error_name, ours},
};

const MODEXP: u8 = 5;
const ADD: u8 = 6;
const MUL: u8 = 7;
const PAIRING: u8 = 8;
const ALL: [u8; 4] = [MODEXP, ADD, MUL, PAIRING];

fn run(target: &Ours, fixture: &Fixture<Phases>, at: u8, fault: Fault) -> Outcome {
    let tx = Transaction::new(target.at, target.calldata(&fixture.honest));
    target.evm.execute(&tx, &[(at, fault)]).0
}

/// Runs every contract against a fault in each precompile that it calls, and hands over the outcomes.
fn with_fault(fault: impl Fn(u8) -> Fault, check: impl Fn(&Ours, u8, Outcome)) {
    let fixture = Fixture::<Phases>::new();
    for target in ours(&fixture.key()) {
        let (honest, trace) = target
            .evm
            .trace(target.at, target.calldata(&fixture.honest));
        assert_eq!(target.verdict(&honest), Verdict::Accepts);
        for at in ALL {
            if trace.precompiles.contains_key(&at) {
                check(&target, at, run(&target, &fixture, at, fault(at)));
            }
        }
        let called = trace.precompiles.keys().copied().collect::<Vec<_>>();
        assert!(called.iter().all(|at| ALL.contains(at)), "{called:?}");
    }
}

/// A typed error or, if the precompile took all gas, a halt.
fn assert_refused(target: &Ours, at: u8, outcome: &Outcome) {
    let name = target.name;
    match outcome {
        Outcome::Reverted(data) => assert!(error_name(data).is_some(), "{name}, {at}: {data:?}"),
        Outcome::Halted(_) => {}
        other => panic!("{name}, precompile {at}: {other:?}"),
    }
}

/// The error that names the precompile. Point operations run on until their schedule ends, so a wrong answer of one may
/// instead make the next take all gas.
fn assert_precompile_failed(target: &Ours, at: u8, outcome: &Outcome) {
    let Outcome::Reverted(data) = outcome else {
        assert!(at == ADD || at == MUL, "{at}: {outcome:?}");
        return assert_refused(target, at, outcome);
    };
    assert_eq!(error_name(data), Some("PrecompileFailed(uint256)"), "{at}");
    // Point operations share one error.
    let named = if at == ADD { MUL } else { at };
    assert!([at, named].contains(&data[35]), "{at}: {data:?}");
}

/// Prices of other chains: a verifier relies on none of them.
#[test]
fn precompiles_at_other_prices_are_paid_what_they_ask() {
    let fixture = Fixture::<Phases>::new();
    let dear = [
        (MODEXP, 90_000),
        (ADD, 25_000),
        (MUL, 40_000),
        (PAIRING, 1_500_000),
    ];
    let free = ALL.map(|at| (at, 0));
    for target in ours(&fixture.key()) {
        let tx = Transaction::new(target.at, target.calldata(&fixture.honest));
        let (_, usual) = target.evm.execute(&tx, &[]);
        for (prices, costs_more) in [(dear, true), (free, false)] {
            let prices = prices.map(|(at, price)| (at, Fault::Costs(price)));
            let (outcome, gas) = target.evm.execute(&tx, &prices);
            assert_eq!(
                target.verdict(&outcome),
                Verdict::Accepts,
                "{}",
                target.name
            );
            assert_eq!(gas > usual, costs_more, "{}: {gas}, {usual}", target.name);
        }
        // One price above what a call can have: refused, with whatever is left.
        for at in ALL {
            let (outcome, _) = target.evm.execute(&tx, &[(at, Fault::Costs(1 << 24))]);
            if target.verdict(&outcome) != Verdict::Accepts {
                assert_refused(&target, at, &outcome);
                continue;
            }
            let (_, trace) = target.evm.trace(target.at, tx.calldata.clone());
            assert!(
                !trace.precompiles.contains_key(&at),
                "{}, {at}",
                target.name
            );
        }
    }
}

#[test]
fn absent_precompile_reverts() {
    with_fault(
        |_| Fault::Absent,
        |target, at, outcome| assert_precompile_failed(target, at, &outcome),
    );
}

#[test]
fn reverting_precompile_reverts() {
    with_fault(
        |_| Fault::Reverts,
        |target, at, outcome| assert_precompile_failed(target, at, &outcome),
    );
}

#[test]
fn failing_precompile_is_refused() {
    with_fault(
        |_| Fault::Fails,
        |target, at, outcome| assert_refused(target, at, &outcome),
    );
}

#[test]
fn precompile_out_of_gas_is_refused() {
    with_fault(
        |_| Fault::OutOfGas,
        |target, at, outcome| assert_refused(target, at, &outcome),
    );
}

#[test]
fn answer_of_the_wrong_size_reverts() {
    for difference in [-32, -1, 1, 32] {
        let answer = |at| {
            let right = if at == ADD || at == MUL { 64 } else { 32 };
            // All ones: as a pairing's answer, it would be true to who looks at one byte.
            Fault::Returns(vec![1; (right + difference) as usize])
        };
        with_fault(answer, |target, at, outcome| {
            assert_precompile_failed(target, at, &outcome);
        });
    }
}

/// A word that is 1 in its last byte, whatever else is in it.
fn dirty_one(high: usize) -> Vec<u8> {
    let mut word = vec![0; 32];
    word[31] = 1;
    word[high] |= 0x80;
    word
}

#[test]
fn pairing_answer_other_than_one_is_rejected() {
    let mut answers = vec![
        vec![0; 32],
        dirty_one(0),
        dirty_one(15),
        dirty_one(31),
        vec![0xff; 32],
    ];
    let mut two = vec![0; 32];
    two[31] = 2;
    let mut high = vec![0; 32];
    high[0] = 1;
    answers.extend([two, high]);
    let fixture = Fixture::<Phases>::new();
    for target in ours(&fixture.key()) {
        let (_, trace) = target
            .evm
            .trace(target.at, target.calldata(&fixture.honest));
        if !trace.precompiles.contains_key(&PAIRING) {
            continue;
        }
        for answer in &answers {
            let outcome = run(&target, &fixture, PAIRING, Fault::Returns(answer.clone()));
            let Outcome::Reverted(data) = &outcome else {
                panic!("{answer:?}: {outcome:?}");
            };
            assert_eq!(error_name(data), Some("ProofRejected()"), "{answer:?}");
        }
    }
}

#[test]
fn wrong_points_from_point_operations_are_rejected() {
    let mut generator = vec![0; 64];
    (generator[31], generator[63]) = (1, 2);
    for point in [vec![0; 64], generator] {
        let fixture = Fixture::<Phases>::new();
        for target in ours(&fixture.key()) {
            for at in [ADD, MUL] {
                let outcome = run(&target, &fixture, at, Fault::Returns(point.clone()));
                assert_eq!(target.verdict(&outcome), Verdict::Rejects, "{at}");
            }
        }
    }
}

#[test]
fn wrong_inverse_is_rejected() {
    with_fault(
        |at| match at {
            MODEXP => Fault::Returns(dirty_one(31)),
            _ => Fault::Absent,
        },
        |target, at, outcome| {
            if at == MODEXP {
                assert_eq!(target.verdict(&outcome), Verdict::Rejects);
            }
        },
    );
    with_fault(
        |_| Fault::Returns(vec![0; 32]),
        |target, at, outcome| {
            if at == MODEXP {
                assert_eq!(target.verdict(&outcome), Verdict::Rejects);
            }
        },
    );
}

/// The opposite check: with sound precompiles the pairing does decide.
#[test]
fn pairing_is_called_once_and_decides() {
    let fixture = Fixture::<Phases>::new();
    for target in ours(&fixture.key()) {
        let (outcome, trace) = target
            .evm
            .trace(target.at, target.calldata(&fixture.honest));
        assert_eq!(target.verdict(&outcome), Verdict::Accepts);
        if let Some((calls, gas)) = trace.precompiles.get(&PAIRING) {
            assert_eq!((*calls, *gas), (1, 45_000 + 2 * 34_000));
        }
        let mut wrong = fixture.honest.clone();
        let last = wrong.proof.len() - 64;
        let generator = {
            let mut point = [0; 64];
            (point[31], point[63]) = (1, 2);
            point
        };
        wrong.proof[last..].copy_from_slice(&generator);
        target.assert_unsatisfied(&wrong);
    }
}
