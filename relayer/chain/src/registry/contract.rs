//! Typed calls of the registry contract.

use super::registration::record_of;
use crate::abi::{
    ChainferRegistry, InferenceState, InferenceStatus, Model, ModelRegistration, VerifierStatus,
};
use crate::error::{Error, Result};
use crate::rpc::{At, CallRequest, Rpc};
use alloy::primitives::{Address, B256, keccak256};
use alloy::sol_types::{SolCall, SolEvent};

/// A registration, as its event shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// What was registered.
    pub registration: ModelRegistration,
    /// In which block.
    pub block: u64,
}

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

    /// What the registry stores about an inference of a model. Its status is one that this program knows.
    pub async fn state(&self, model: B256, inference: B256, at: At) -> Result<InferenceState> {
        let call = ChainferRegistry::stateOfCall {
            modelId: model,
            inferenceId: inference,
        };
        let state = self.call(call, at).await?;
        match state.status() {
            Some(_) => Ok(state),
            None => Err(self.another_contract::<ChainferRegistry::stateOfCall>()),
        }
    }

    /// Whether every chunk of an inference is proven.
    pub async fn is_proven(&self, model: B256, inference: B256, at: At) -> Result<bool> {
        let state = self.state(model, inference, at).await?;
        Ok(state.status() == Some(InferenceStatus::Proven))
    }

    /// What the registry stores about a model; `None` when it is not registered.
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

    /// What a model was registered with, from its event, which is searched from a block on; `None` if the node does not find it. It
    /// is what `record_hash`, of the model that the registry stores, is the hash of.
    pub async fn registered(
        &self,
        id: B256,
        record_hash: B256,
        from_block: u64,
    ) -> Result<Option<Registered>> {
        let topics = [ChainferRegistry::ModelRegistered::SIGNATURE_HASH, id];
        let logs = self.rpc.logs(self.address, &topics, from_block).await?;
        for log in logs {
            let Ok(event) =
                ChainferRegistry::ModelRegistered::decode_raw_log_validate(log.topics, &log.data)
            else {
                continue;
            };
            if event.modelId == id && record_of(&event.registration).hash() == record_hash {
                return Ok(Some(Registered {
                    registration: event.registration,
                    block: log.block_number,
                }));
            }
        }
        Ok(None)
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
}

/// Name of the function that is called.
fn function<C: SolCall>() -> &'static str {
    C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE)
}
