//! Calls and transactions from the unlocked accounts of a local development node.

use alloy::primitives::{Address, B256, Bytes, U256};
use anyhow::{Context as _, bail};
use chainfer_chain::rpc::{At, CallRequest, Receipt, Rpc, RpcConfig};
use serde_json::{Value, json};
use std::time::Duration;

/// A client of the local node.
#[derive(Clone, Debug)]
pub(super) struct LocalNode {
    url: String,
    http: reqwest::Client,
    rpc: Rpc,
}

/// The result of a simulated call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallOutcome {
    /// The call returned this data.
    Returned(Bytes),
    /// The call reverted with this data.
    Reverted(Bytes),
}

impl LocalNode {
    /// A client of the node at this URL.
    ///
    /// # Errors
    /// The URL is not an HTTP URL.
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let rpc = Rpc::new(RpcConfig::new(url))?;
        Ok(Self {
            url: url.to_owned(),
            http: http_client()?,
            rpc,
        })
    }

    /// Hash of the latest block.
    pub(super) async fn head(&self) -> anyhow::Result<B256> {
        Ok(self.rpc.head().await?.hash)
    }

    /// Balance of an account in wei.
    pub(super) async fn balance(&self, address: Address) -> anyhow::Result<U256> {
        Ok(self.rpc.balance(address).await?)
    }

    /// Simulates a call.
    ///
    /// # Errors
    /// The node does not answer. A revert is not an error.
    pub(super) async fn call(
        &self,
        to: Address,
        data: Bytes,
        at: At,
    ) -> anyhow::Result<CallOutcome> {
        match self
            .rpc
            .call(&CallRequest::new(Address::ZERO, Some(to), data), at)
            .await
        {
            Ok(returned) => Ok(CallOutcome::Returned(returned)),
            Err(error) => match error.revert_data() {
                Some(data) => Ok(CallOutcome::Reverted(data)),
                None => Err(error.into()),
            },
        }
    }

    /// Sends a transaction from an unlocked account and waits until it is in a block.
    ///
    /// # Errors
    /// The node refuses it, or it reverts.
    pub(super) async fn send(
        &self,
        from: Address,
        to: Option<Address>,
        value: U256,
        data: Bytes,
    ) -> anyhow::Result<(B256, Receipt)> {
        let mut transaction = json!({ "from": from, "value": value, "data": data });
        if let Some(to) = to {
            transaction["to"] = json!(to);
        }
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": [transaction],
        });
        let reply = post(&self.http, &self.url, body.to_string()).await?.1;
        let Some(hash) = reply["result"].as_str() else {
            bail!(
                "the node refuses the transaction: {}",
                reply["error"]["message"]
            );
        };
        let hash: B256 = hash
            .parse()
            .context("the node's answer is not a transaction hash")?;
        for _ in 0..200 {
            if let Some(receipt) = self.rpc.receipt(hash).await? {
                if !receipt.status {
                    bail!("transaction {hash} reverted");
                }
                return Ok((hash, receipt));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("transaction {hash} is not in a block after 10 s")
    }
}

/// Makes an HTTP client.
///
/// # Errors
/// The client cannot be made.
pub(super) fn http_client() -> anyhow::Result<reqwest::Client> {
    // Fails if the process has chosen a provider already, which is fine too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        .no_proxy();
    builder.build().context("cannot make an HTTP client")
}

/// Posts JSON and returns status and JSON of the reply.
///
/// # Errors
/// There is no reply, or it is not JSON.
pub(super) async fn post(
    http: &reqwest::Client,
    url: &str,
    body: String,
) -> anyhow::Result<(u16, Value)> {
    let request = http
        .post(url)
        .header("content-type", "application/json")
        .body(body);
    read(
        request
            .send()
            .await
            .with_context(|| format!("no reply from {url}"))?,
    )
    .await
}

/// Gets JSON and returns status and JSON of the reply.
///
/// # Errors
/// As [`post`].
pub(super) async fn get(http: &reqwest::Client, url: &str) -> anyhow::Result<(u16, Value)> {
    read(
        http.get(url)
            .send()
            .await
            .with_context(|| format!("no reply from {url}"))?,
    )
    .await
}

async fn read(response: reqwest::Response) -> anyhow::Result<(u16, Value)> {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.context("the reply is incomplete")?;
    let value = serde_json::from_slice(&bytes)
        .with_context(|| format!("HTTP status {status} without a JSON reply"))?;
    Ok((status, value))
}
