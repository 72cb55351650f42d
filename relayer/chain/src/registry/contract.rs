//! Typed calls of the registry contract.

use crate::abi::{
    ChainferRegistry, ChunkSpec, Inference, InferenceStatus, Model, TensorSpec, VerifierStatus,
};
use crate::error::{Error, Result};
use crate::rpc::{At, CallRequest, Rpc};
use alloy::primitives::{Address, B256, I256, U256, keccak256};
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

    /// Hash of the code of the registry that this program was built with. Its code holds nothing that depends on its deployment.
    pub fn built_code_hash() -> B256 {
        keccak256(&ChainferRegistry::DEPLOYED_BYTECODE)
    }

    /// Address of the contract.
    pub fn address(&self) -> Address {
        self.address
    }

    async fn call<C: SolCall>(&self, call: C, at: At) -> Result<C::Return> {
        let request = CallRequest::new(Address::ZERO, Some(self.address), call.abi_encode().into());
        let data = self
            .rpc
            .call(&request, at)
            .await
            .map_err(|e| Error::of_call(function::<C>(), e))?;
        if data.is_empty() {
            return Err(Error::NoCode {
                address: self.address,
                what: "the registry",
            });
        }
        C::abi_decode_returns_validate(&data).map_err(|_| self.another_contract::<C>())
    }

    fn another_contract<C: SolCall>(&self) -> Error {
        Error::Mismatch {
            field: "registry",
            expected: format!("a contract that answers {}", C::SIGNATURE),
            got: format!("another contract at {}", self.address),
        }
    }

    /// The registry's record of an inference. Its status is one that this program knows.
    pub async fn inference(&self, id: B256, at: At) -> Result<Inference> {
        let call = ChainferRegistry::inferenceCall { inferenceId: id };
        let inference = self.call(call, at).await?;
        match inference.status() {
            Some(_) => Ok(inference),
            None => Err(self.another_contract::<ChainferRegistry::inferenceCall>()),
        }
    }

    /// Whether every chunk of an inference is proven.
    pub async fn is_proven(&self, id: B256, at: At) -> Result<bool> {
        Ok(self.inference(id, at).await?.status() == Some(InferenceStatus::Proven))
    }

    /// The record of a model; `None` when it is not registered.
    pub async fn model(&self, id: B256) -> Result<Option<Model>> {
        match self
            .call(ChainferRegistry::modelCall { modelId: id }, At::Latest)
            .await
        {
            Ok(model) => Ok(Some(model)),
            Err(Error::Reverted { reason, .. }) if reason.starts_with("ModelNotRegistered") => {
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Whether the registry accepts models with a verifier shape.
    pub async fn verifier_status(&self, code_hash: B256) -> Result<VerifierStatus> {
        let call = ChainferRegistry::verifierStatusCall {
            codeHash: code_hash,
        };
        let status = self.call(call, At::Latest).await?;
        VerifierStatus::from_abi(status)
            .ok_or_else(|| self.another_contract::<ChainferRegistry::verifierStatusCall>())
    }

    /// The account that lists verifier shapes.
    pub async fn owner(&self) -> Result<Address> {
        self.call(ChainferRegistry::ownerCall {}, At::Latest).await
    }

    /// The account that freezes without delay; zero for none.
    pub async fn guardian(&self) -> Result<Address> {
        self.call(ChainferRegistry::guardianCall {}, At::Latest)
            .await
    }

    /// The contract that opens committed tensors.
    pub async fn openings(&self) -> Result<Address> {
        self.call(ChainferRegistry::openingsCall {}, At::Latest)
            .await
    }

    /// Whether the registrant has withdrawn a model: what is proven afterwards does not count.
    pub async fn is_deprecated(&self, model: B256) -> Result<bool> {
        let call = ChainferRegistry::isDeprecatedCall { modelId: model };
        self.call(call, At::Latest).await
    }

    /// Whether a model is frozen: nothing of it counts.
    pub async fn is_frozen(&self, model: B256) -> Result<bool> {
        let call = ChainferRegistry::isFrozenCall { modelId: model };
        self.call(call, At::Latest).await
    }

    /// How one chunk of a model is verified.
    pub async fn chunk_spec(&self, model: B256, chunk: u16) -> Result<ChunkSpec> {
        let chunk = U256::from(chunk);
        self.call(
            ChainferRegistry::chunkSpecCall {
                modelId: model,
                chunk,
            },
            At::Latest,
        )
        .await
    }

    /// An input of a model.
    pub async fn input_spec(&self, model: B256, index: u16) -> Result<TensorSpec> {
        let call = ChainferRegistry::inputSpecCall {
            modelId: model,
            inputIndex: U256::from(index),
        };
        self.call(call, At::Latest).await
    }

    /// An output of a model.
    pub async fn output_spec(&self, model: B256, index: u16) -> Result<TensorSpec> {
        let call = ChainferRegistry::outputSpecCall {
            modelId: model,
            outputIndex: U256::from(index),
        };
        self.call(call, At::Latest).await
    }

    /// Number of values behind a leaf of a model.
    pub async fn leaf_length(&self, model: B256, leaf: u32) -> Result<U256> {
        let leaf = U256::from(leaf);
        let call = ChainferRegistry::leafLengthCall {
            modelId: model,
            leaf,
        };
        self.call(call, At::Latest).await
    }

    /// The stored public values of a proven chunk.
    pub async fn public_values(&self, inference: B256, chunk: u16) -> Result<Vec<U256>> {
        let chunk = U256::from(chunk);
        let call = ChainferRegistry::publicValuesCall {
            inferenceId: inference,
            chunk,
        };
        self.call(call, At::Latest).await
    }

    /// The integers of a public output of a proven inference.
    pub async fn output(&self, inference: B256, index: u64) -> Result<Vec<U256>> {
        let index = U256::from(index);
        let call = ChainferRegistry::outputCall {
            inferenceId: inference,
            outputIndex: index,
        };
        self.call(call, At::Latest).await
    }

    /// The real values of a public output of a proven inference, times 1e18.
    pub async fn dequantised(&self, inference: B256, index: u64) -> Result<Vec<I256>> {
        let index = U256::from(index);
        let call = ChainferRegistry::dequantisedCall {
            inferenceId: inference,
            outputIndex: index,
        };
        self.call(call, At::Latest).await
    }
}

/// Name of the function that is called.
fn function<C: SolCall>() -> &'static str {
    C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE)
}
