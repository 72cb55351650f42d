//! The verdict does not depend on how solc compiled the contract.

use rand::{SeedableRng, rngs::StdRng};

use crate::common::{
    circuits::Phases,
    input::Fixture,
    mutate::{KINDS, mutate},
    solc::Settings,
    targets::{Native, Ours, Target, Verdict},
};

#[test]
fn every_compiler_setting_gives_the_same_verdicts() {
    let fixture = Fixture::<Phases>::new();
    let native = Native::new(&fixture.key());
    for via_ir in [false, true] {
        let settings = Settings {
            via_ir,
            ..Settings::PROJECT
        };
        let target = Ours::compiled(&fixture.key(), settings);
        assert_eq!(
            target.judge(&fixture.honest),
            Verdict::Accepts,
            "{settings:?}"
        );
        let words = fixture.honest.instances.len() + fixture.honest.proof.len() / 32;
        let mut rng = StdRng::seed_from_u64(5);
        for (i, kind) in KINDS.into_iter().cycle().take(150).enumerate() {
            let mut input = fixture.honest.clone();
            let what = mutate(&mut input, kind, i % words, fixture.shape, &mut rng);
            assert_eq!(
                target.judge(&input),
                native.judge(&input),
                "{settings:?}: {what}"
            );
        }
    }
}
