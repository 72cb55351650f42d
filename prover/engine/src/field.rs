//! Field elements as files have them and as halo2 has them.

use chainfer_formats::{B256, Scalar, U256};
use halo2curves::{
    bn256::{Fq, Fr},
    ff::PrimeField,
};

/// halo2's element as it appears in files.
pub fn to_scalar(element: &Fr) -> Scalar {
    Scalar::reduce(U256::from_le_bytes(element.to_repr()))
}

/// An element of a file as halo2 has it.
pub fn to_fr(scalar: Scalar) -> Fr {
    Fr::from_raw(*scalar.value().as_limbs())
}

/// A coordinate of a curve point, big-endian.
pub(crate) fn coordinate_word(coordinate: &Fq) -> B256 {
    B256::from(U256::from_le_bytes(coordinate.to_repr()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::ff::Field as _;

    #[test]
    fn elements_survive_the_round_trip() {
        for element in [
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            Fr::from(0xabcd),
            Fr::ROOT_OF_UNITY,
        ] {
            assert_eq!(to_fr(to_scalar(&element)), element);
        }
        assert_eq!(to_scalar(&Fr::from(5)), Scalar::from_u64(5));
        let largest = Scalar::new(Scalar::MODULUS - U256::from(1)).unwrap();
        assert_eq!(to_scalar(&-Fr::ONE), largest);
        assert_eq!(to_fr(largest), -Fr::ONE);
    }
}
