//! Points that are not those of an honest ceremony are refused by name.

use super::{FORMATS, K, ceremony, layout, open_with, refusal, section, tau};
use crate::{
    error::EngineError,
    srs::{
        development_tau,
        import::{
            ImportError, ImportOptions,
            layout::{FileFormat, Role},
            testing::{Ceremony, other_point, outside_subgroup},
        },
    },
};
use chainfer_compute::scalar::root_of_unity;
use halo2curves::{
    bn256::{Fr, G1Affine, G2Affine},
    ff::Field,
};

#[test]
fn swapped_and_foreign_points_are_refused() {
    for format in FORMATS {
        let good = ceremony().write(format);
        for role in [Role::Powers, Role::PowersG2, Role::Shifted] {
            let Some(section) = layout(&good).sections.into_iter().find(|s| s.role == role) else {
                continue;
            };
            let size = match role {
                Role::PowersG2 => section.encoding.size::<G2Affine>(),
                _ => section.encoding.size::<G1Affine>(),
            };
            let count = section.length as usize / size;
            if count < 4 {
                continue;
            }
            for (a, b) in [(1, 2), (2, 3), (0, count - 1), (count - 2, count - 1)] {
                let mut bad = good.clone();
                for i in 0..size {
                    let start = section.offset as usize + i;
                    bad.swap(start + a * size, start + b * size);
                }
                let error = refusal(&bad);
                assert!(
                    matches!(
                        error,
                        ImportError::NotPowers { .. }
                            | ImportError::NotTheGenerator { .. }
                            | ImportError::WeakTau(_)
                            | ImportError::Repeated { .. }
                            | ImportError::OtherBeta { .. }
                            | ImportError::Contributions(_)
                    ),
                    "{format:?} {role:?} {a} {b}: {error}"
                );
            }
        }
    }
    let mut foreign = ceremony();
    foreign.g1[5] = other_point();
    let error = refusal(&foreign.ptau(false));
    assert!(matches!(error, ImportError::NotPowers { .. }), "{error}");
    // All powers of another tau than that in G2.
    let mut mixed = ceremony();
    mixed.g1 = Ceremony::new(K, tau() + Fr::ONE).g1;
    let error = refusal(&mixed.ptau(false));
    assert!(matches!(error, ImportError::NotPowers { .. }), "{error}");
    let mut mixed = ceremony();
    mixed.g2 = Ceremony::new(K, tau() + Fr::ONE).g2;
    let error = refusal(&mixed.challenge());
    assert!(matches!(error, ImportError::NotPowers { .. }), "{error}");
    let mut beta = ceremony();
    beta.beta_g2 = beta.g2[3];
    let error = refusal(&beta.response());
    assert!(matches!(error, ImportError::OtherBeta { .. }), "{error}");
}

#[test]
fn point_of_g2_outside_the_subgroup_is_refused() {
    for format in FORMATS {
        for index in [1, 3] {
            let mut bad = ceremony();
            bad.g2[index] = outside_subgroup();
            if format == FileFormat::Halo2 && index != 1 {
                continue;
            }
            let error = refusal(&bad.write(format));
            assert!(
                matches!(error, ImportError::OutsideSubgroup { index: at, .. } if at == index as u64),
                "{format:?} {index}: {error}"
            );
        }
        if format != FileFormat::Halo2 {
            let mut bad = ceremony();
            bad.beta_g2 = outside_subgroup();
            assert!(matches!(
                refusal(&bad.write(format)),
                ImportError::OutsideSubgroup { index: 0, .. }
            ));
        }
    }
}

#[test]
fn weak_taus_are_refused() {
    for (tau, expected) in [
        (Fr::ONE, "1"),
        (-Fr::ONE, "-1"),
        (Fr::from(2), "2"),
        (-Fr::from(65_536), "-65536"),
    ] {
        for format in [FileFormat::Challenge, FileFormat::Response] {
            let error = refusal(&Ceremony::new(K, tau).write(format));
            assert_eq!(error, ImportError::WeakTau(expected.to_owned()));
        }
        let error = refusal(&Ceremony::new(K, tau).ptau(false));
        assert_eq!(error, ImportError::WeakTau(expected.to_owned()));
    }
    let zero = Ceremony::new(K, Fr::ZERO);
    let mut bytes = zero.ptau(false);
    assert_eq!(refusal(&bytes), ImportError::WeakTau("0".to_owned()));
    // In G1 alone.
    let good = ceremony().ptau(false);
    let powers = section(&good, |s| s.role == Role::Powers);
    let at = powers.offset as usize + 64;
    bytes = good;
    bytes[at..at + 64].fill(0);
    assert_eq!(refusal(&bytes), ImportError::WeakTau("0".to_owned()));
}

#[test]
fn development_tau_is_refused_in_every_format() {
    for format in FORMATS {
        let error = refusal(&Ceremony::new(K, development_tau()).write(format));
        assert_eq!(error, ImportError::DevelopmentTau, "{format:?}");
    }
}

#[test]
fn tau_of_small_order_is_refused() {
    let error = refusal(&Ceremony::new(K, root_of_unity(3)).challenge());
    assert!(
        matches!(error, ImportError::Repeated { index: 8, .. }),
        "{error}"
    );
    // Of the order of the domain: no power repeats among those of a halo2 file, but the basis is degenerate.
    let bytes = Ceremony::new(K, root_of_unity(K)).halo2();
    let error = refusal(&bytes);
    assert!(matches!(error, ImportError::Infinity { .. }), "{error}");
    let options = ImportOptions {
        needed_only: true,
        ..ImportOptions::default()
    };
    let challenge = Ceremony::new(K, root_of_unity(K)).challenge();
    let mut file = open_with(&challenge, &options).unwrap();
    assert!(matches!(
        file.lagrange(K),
        Err(EngineError::Import { source, .. }) if *source == ImportError::TauInDomain { k: K }
    ));
}

#[test]
fn basis_that_is_not_that_of_the_powers_is_refused() {
    let ceremony = ceremony();
    for format in [FileFormat::Ptau, FileFormat::Halo2] {
        let mut bytes = ceremony.write(format);
        let basis = section(&bytes, |s| matches!(s.role, Role::Lagrange { .. }));
        let before = if format == FileFormat::Ptau {
            (1 << K) - 1
        } else {
            0
        };
        let at = basis.offset as usize + (before + 2) * 64;
        for i in 0..64 {
            bytes.swap(at + i, at + 64 + i);
        }
        let mut file = open_with(&bytes, &ImportOptions::default()).unwrap();
        assert!(matches!(
            file.lagrange(K),
            Err(EngineError::Import { source, .. })
                if matches!(*source, ImportError::NotLagrange { k: K, .. })
        ));
    }
}
