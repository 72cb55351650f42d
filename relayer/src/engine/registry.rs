//! Typed calls of the registry contract.

use crate::abi::{
    IChainferRegistry, Inference, InferenceStatus, Model, TensorSpec, VerifierStatus, decode_revert,
};
use crate::error::{Error, Result};
use crate::rpc::{At, CallRequest, Rpc, RpcError};
use alloy::primitives::{Address, B256, I256, U256};
use alloy::sol_types::SolCall;

/// A registry contract, for reading.
#[derive(Debug, Clone)]
pub struct Registry {
    rpc: Rpc,
    address: Address,
}

impl Registry {
    /// The registry at `address`.
    pub fn new(rpc: Rpc, address: Address) -> Self {
        Self { rpc, address }
    }

    /// Where it is.
    pub fn address(&self) -> Address {
        self.address
    }

    async fn call<C: SolCall>(&self, call: C, at: At) -> Result<C::Return> {
        let request = CallRequest::new(Address::ZERO, Some(self.address), call.abi_encode().into());
        let data = self
            .rpc
            .call(&request, at)
            .await
            .map_err(|e| reverted::<C>(e))?;
        if data.is_empty() {
            return Err(Error::NoCode {
                address: self.address,
                what: "the registry",
            });
        }
        C::abi_decode_returns_validate(&data).map_err(|_| Error::Mismatch {
            field: "registry",
            expected: format!("a contract that answers {}", C::SIGNATURE),
            got: format!("another contract at {}", self.address),
        })
    }

    /// What the registry knows of an inference.
    pub async fn inference(&self, id: B256, at: At) -> Result<Inference> {
        self.call(IChainferRegistry::inferenceCall { inferenceId: id }, at)
            .await
    }

    /// Whether every chunk of an inference is proven.
    pub async fn is_proven(&self, id: B256, at: At) -> Result<bool> {
        Ok(self.inference(id, at).await?.status == InferenceStatus::Proven)
    }

    /// The record of a model; `None` when it is not registered.
    pub async fn model(&self, id: B256) -> Result<Option<Model>> {
        match self
            .call(IChainferRegistry::modelCall { modelId: id }, At::Latest)
            .await
        {
            Ok(model) => Ok(Some(model)),
            Err(Error::Reverted { reason, .. }) if reason.starts_with("ModelNotRegistered") => {
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Where a verifier shape stands.
    pub async fn verifier_status(&self, code_hash: B256) -> Result<VerifierStatus> {
        let call = IChainferRegistry::verifierStatusCall {
            codeHash: code_hash,
        };
        self.call(call, At::Latest).await
    }

    /// Who lists verifier shapes.
    pub async fn owner(&self) -> Result<Address> {
        self.call(IChainferRegistry::ownerCall {}, At::Latest).await
    }

    /// Who freezes at once; zero for nobody.
    pub async fn guardian(&self) -> Result<Address> {
        self.call(IChainferRegistry::guardianCall {}, At::Latest)
            .await
    }

    /// The contract that opens committed tensors.
    pub async fn openings(&self) -> Result<Address> {
        self.call(IChainferRegistry::openingsCall {}, At::Latest)
            .await
    }

    /// How one chunk of a model is verified.
    pub async fn chunk_spec(&self, model: B256, chunk: u16) -> Result<crate::abi::ChunkSpec> {
        let chunk = U256::from(chunk);
        self.call(
            IChainferRegistry::chunkSpecCall {
                modelId: model,
                chunk,
            },
            At::Latest,
        )
        .await
    }

    /// An input of a model.
    pub async fn input_spec(&self, model: B256, index: u16) -> Result<TensorSpec> {
        let call = IChainferRegistry::inputSpecCall {
            modelId: model,
            inputIndex: U256::from(index),
        };
        self.call(call, At::Latest).await
    }

    /// An output of a model.
    pub async fn output_spec(&self, model: B256, index: u16) -> Result<TensorSpec> {
        let call = IChainferRegistry::outputSpecCall {
            modelId: model,
            outputIndex: U256::from(index),
        };
        self.call(call, At::Latest).await
    }

    /// Number of values behind a leaf of a model.
    pub async fn leaf_length(&self, model: B256, leaf: u32) -> Result<U256> {
        let leaf = U256::from(leaf);
        let call = IChainferRegistry::leafLengthCall {
            modelId: model,
            leaf,
        };
        self.call(call, At::Latest).await
    }

    /// The stored public values of a proven chunk.
    pub async fn public_values(&self, inference: B256, chunk: u16) -> Result<Vec<U256>> {
        let chunk = U256::from(chunk);
        let call = IChainferRegistry::publicValuesCall {
            inferenceId: inference,
            chunk,
        };
        self.call(call, At::Latest).await
    }

    /// The integers of a public output of a proven inference.
    pub async fn output(&self, inference: B256, index: u64) -> Result<Vec<U256>> {
        let index = U256::from(index);
        let call = IChainferRegistry::outputCall {
            inferenceId: inference,
            outputIndex: index,
        };
        self.call(call, At::Latest).await
    }

    /// The real values of a public output of a proven inference, times 1e18.
    pub async fn dequantised(&self, inference: B256, index: u64) -> Result<Vec<I256>> {
        let index = U256::from(index);
        let call = IChainferRegistry::dequantisedCall {
            inferenceId: inference,
            outputIndex: index,
        };
        self.call(call, At::Latest).await
    }
}

/// Turns a revert into [`Error::Reverted`] with the decoded reason; other errors stay.
pub(super) fn reverted<C: SolCall>(e: RpcError) -> Error {
    let name = C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE);
    revert_error(name, e)
}

pub(crate) fn revert_error(call: &str, e: RpcError) -> Error {
    match e.revert_data() {
        Some(data) => Error::Reverted {
            call: call.to_owned(),
            reason: decode_revert(&data).to_string(),
        },
        None => Error::Rpc(e),
    }
}
