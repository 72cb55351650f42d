//! Gas limits from nothing upwards: with less than it needs a verifier reverts or halts; it never returns.

use crate::common::{
    circuits::{Cubic, Example, Phases},
    evm::{Outcome, Transaction},
    input::Fixture,
    targets::{Verdict, ours},
};

/// Every limit that is tried below what is needed, then close around it.
fn sweep<E: Example>(step: usize) {
    let fixture = Fixture::<E>::new();
    for target in ours(&fixture.key()) {
        let mut tx = Transaction::new(target.at, target.calldata(&fixture.honest));
        let (honest, needed) = target.evm.execute(&tx, &[]);
        assert_eq!(target.verdict(&honest), Verdict::Accepts);
        let (mut reverted, mut halted, mut tried) = (0, 0, 0);
        let coarse = (21_000..needed).step_by(step);
        for limit in coarse.chain(needed - 200..needed) {
            tx.gas_limit = limit;
            tried += 1;
            match target.evm.execute(&tx, &[]).0 {
                Outcome::Reverted(_) => reverted += 1,
                Outcome::Halted(_) => halted += 1,
                Outcome::Refused => {}
                other => panic!("{}, limit {limit}: {other:?}", E::NAME),
            }
        }
        assert!(halted > 0, "{reverted} reverted");
        for limit in [needed, needed + 1, needed + 100_000] {
            tx.gas_limit = limit;
            let outcome = target.evm.execute(&tx, &[]).0;
            // What a frame keeps back from a call (1/64) may have to be there, too.
            if limit > needed + 1 {
                assert_eq!(target.verdict(&outcome), Verdict::Accepts, "limit {limit}");
            }
        }
        eprintln!(
            "{}, {}: {needed} gas; {tried} lower limits: {reverted} reverted, {halted} halted",
            E::NAME,
            target.name
        );
    }
}

#[test]
fn less_gas_than_needed_never_returns() {
    sweep::<Phases>(491);
    sweep::<Cubic>(1_009);
}
