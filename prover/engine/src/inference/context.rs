//! Where the context of an inference comes from.

use crate::error::VerifyError;
use chainfer_formats::{B256, Binding, Scalar, ids};

/// Where the context of an inference comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextSource {
    /// Hashed from a binding, as the registry does.
    Binding {
        /// The binding.
        binding: Binding,
        /// On-chain id of the model.
        model_id: B256,
    },
    /// An explicit value. The proof has no binding, and a registry accepts it only if the value is one of its contexts.
    Explicit(B256),
}

impl ContextSource {
    /// The context as an instance.
    ///
    /// # Errors
    /// [`VerifyError::NotCanonical`] if an explicit context is not below the modulus.
    pub fn scalar(&self) -> Result<Scalar, VerifyError> {
        match self {
            Self::Binding { binding, model_id } => Ok(ids::context(binding, *model_id)),
            Self::Explicit(word) => {
                Scalar::from_word(*word).ok_or_else(|| VerifyError::NotCanonical {
                    what: "the context".to_owned(),
                })
            }
        }
    }

    /// The binding, if there is one.
    pub fn binding(&self) -> Option<Binding> {
        match self {
            Self::Binding { binding, .. } => Some(*binding),
            Self::Explicit(_) => None,
        }
    }

    /// The model id, if it is known.
    pub fn model_id(&self) -> Option<B256> {
        match self {
            Self::Binding { model_id, .. } => Some(*model_id),
            Self::Explicit(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explicit_context_at_the_modulus_is_refused() {
        let source = ContextSource::Explicit(Scalar::MODULUS.into());
        assert!(matches!(
            source.scalar(),
            Err(VerifyError::NotCanonical { .. })
        ));
    }
}
