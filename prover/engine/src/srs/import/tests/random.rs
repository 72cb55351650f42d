//! Random bytes and damage are refused without a panic.

use super::{FORMATS, open_with, tau};
use crate::srs::import::{ImportOptions, testing::Ceremony};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn random_bytes_never_panic(
        magic in 0usize..3,
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
    ) {
        let mut bytes = bytes;
        if magic == 1 {
            bytes.splice(0..0, b"ptau\x01\0\0\0\x07\0\0\0".iter().copied());
        } else if magic == 2 {
            // The length of raw parameters with 2^2 powers.
            bytes.resize(4 + 128 * 4 + 256, 0);
            bytes[..4].copy_from_slice(&2u32.to_le_bytes());
        }
        prop_assert!(open_with(&bytes, &ImportOptions::default()).is_err());
    }

    #[test]
    fn damaged_files_never_panic(
        format in 0usize..4,
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        truncate: bool,
    ) {
        let mut bytes = small_files()[format].clone();
        for (place, value) in places {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = open_with(&bytes, &ImportOptions::default()).map(|mut file| file.lagrange(1));
    }
}

fn small_files() -> &'static [Vec<u8>] {
    static FILES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    FILES.get_or_init(|| {
        let ceremony = Ceremony::new(2, tau());
        FORMATS.iter().map(|f| ceremony.write(*f)).collect()
    })
}
