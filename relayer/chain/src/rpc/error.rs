//! Errors of a node, and what to do about them.

use alloy::primitives::Bytes;
use std::time::Duration;

/// Failure of one request.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The client cannot be made.
    #[error("{reason}")]
    Config {
        /// Explanation, in words.
        reason: String,
    },
    /// No reply: connection refused, reset, timed out, closed midway.
    #[error("{method}: no reply from the node: {reason}")]
    Transport {
        /// JSON-RPC method.
        method: &'static str,
        /// Explanation, in words.
        reason: String,
    },
    /// An HTTP status without a JSON-RPC reply.
    #[error("{method}: the node replied with HTTP status {status}")]
    Http {
        /// JSON-RPC method.
        method: &'static str,
        /// Status code.
        status: u16,
        /// The wait that the node asks for.
        retry_after: Option<Duration>,
    },
    /// A reply that is not the JSON expected (truncated, or of another shape).
    #[error("{method}: the node's reply cannot be read: {reason}")]
    BadReply {
        /// JSON-RPC method.
        method: &'static str,
        /// Explanation, in words.
        reason: String,
    },
    /// A JSON-RPC error object.
    #[error("{method}: {message} (code {code})")]
    Response {
        /// JSON-RPC method.
        method: &'static str,
        /// Error code.
        code: i64,
        /// Message of the node.
        message: String,
        /// Revert data, where the node gives any.
        data: Option<Bytes>,
    },
}

impl RpcError {
    /// Whether, and where, trying again may help.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Transport { .. } | Self::BadReply { .. } => ErrorClass::Transient,
            Self::Http { status, .. } => match status {
                429 => ErrorClass::Overloaded,
                408 | 425 | 500.. => ErrorClass::Transient,
                _ => ErrorClass::Node,
            },
            // -32005 limit exceeded; -32603 internal error, but anvil and others use it for everything, so
            // the message decides.
            Self::Response { code, message, .. } => {
                if matches!(*code, -32005 | 429)
                    || has(message, &["rate limit", "too many requests"])
                {
                    ErrorClass::Overloaded
                } else if has(
                    message,
                    &["timeout", "timed out", "header not found", "unknown block"],
                ) {
                    ErrorClass::Transient
                } else {
                    ErrorClass::Answer
                }
            }
            Self::Config { .. } => ErrorClass::Answer,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self.class() {
            ErrorClass::Transient | ErrorClass::Overloaded => true,
            ErrorClass::Node | ErrorClass::Answer => false,
        }
    }

    /// The wait that the node asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The revert data when the call itself was refused by the contract.
    pub fn revert_data(&self) -> Option<Bytes> {
        match self {
            Self::Response {
                code,
                message,
                data,
                ..
            } => {
                let nonempty = data.as_ref().is_some_and(|d| !d.is_empty());
                (nonempty || *code == 3 || has(message, &["execution reverted"]))
                    .then(|| data.clone().unwrap_or_default())
            }
            _ => None,
        }
    }

    /// Whether the node refused because of the gas a call needs.
    pub fn is_out_of_gas(&self) -> bool {
        match self {
            Self::Response { message, .. } => has(
                message,
                &[
                    "out of gas",
                    "outofgas",
                    "gas required exceeds",
                    "exceeds block gas limit",
                    "gas limit",
                    "intrinsic gas",
                ],
            ),
            _ => false,
        }
    }
}

/// What a failure says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The node or the way to it failed: try again, elsewhere if possible.
    Transient,
    /// The node limits our rate: try elsewhere, or wait as long as it asks.
    Overloaded,
    /// The node does not serve us (no access, wrong path): try elsewhere only.
    Node,
    /// The node understood and refused: asking again does not help.
    Answer,
}

/// What a node said about a broadcast. A caller has to choose what each of them means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// Taken into the pool.
    Accepted,
    /// In the pool before.
    AlreadyKnown,
    /// The nonce is used up, by this transaction or by another.
    NonceTooLow,
    /// The fees are too low for the node, or too low to replace what it has at this nonce.
    Underpriced(String),
    /// The account cannot pay.
    InsufficientFunds(String),
    /// The node will never take this transaction.
    Invalid(String),
    /// Unknown: the reply was lost, or the error is none of the above.
    Unknown(String),
}

impl SendOutcome {
    /// Reads a node's error; every client words them differently.
    pub fn classify(error: &RpcError) -> Self {
        let RpcError::Response { message, .. } = error else {
            return Self::Unknown(error.to_string());
        };
        let text = message.clone();
        if has(
            message,
            &[
                "already known",
                "alreadyknown",
                "already imported",
                "already in pool",
                "known transaction",
                "already exists",
            ],
        ) {
            Self::AlreadyKnown
        } else if has(
            message,
            &[
                "nonce too low",
                "nonce is too low",
                "oldnonce",
                "nonce below",
            ],
        ) {
            Self::NonceTooLow
        } else if has(
            message,
            &[
                "underpriced",
                "less than block base fee",
                "replacement",
                "fee too low",
                "feetoolow",
                "gas price too low",
                "gas price below",
            ],
        ) {
            Self::Underpriced(text)
        } else if has(
            message,
            &[
                "insufficient funds",
                "insufficientfunds",
                "upfront cost",
                "insufficient balance",
            ],
        ) {
            Self::InsufficientFunds(text)
        } else if has(
            message,
            &[
                "exceeds block gas limit",
                "intrinsic gas",
                "gas limit",
                "oversized",
                "invalid sender",
                "chain id",
                "chainid",
                "initcode",
                "rlp",
                "type not supported",
                "gas cap",
            ],
        ) {
            Self::Invalid(text)
        } else {
            Self::Unknown(text)
        }
    }
}

fn has(message: &str, needles: &[&str]) -> bool {
    let message = message.to_ascii_lowercase();
    needles.iter().any(|n| message.contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(code: i64, message: &str) -> RpcError {
        RpcError::Response {
            method: "eth_x",
            code,
            message: message.to_owned(),
            data: None,
        }
    }

    #[test]
    fn classify_reads_the_wording_of_several_clients() {
        let cases = [
            ("already known", SendOutcome::AlreadyKnown),
            ("transaction already imported", SendOutcome::AlreadyKnown),
            (
                "nonce too low: next nonce 3, tx nonce 2",
                SendOutcome::NonceTooLow,
            ),
            ("OldNonce, Current nonce: 4", SendOutcome::NonceTooLow),
        ];
        for (message, expected) in cases {
            assert_eq!(
                SendOutcome::classify(&response(-32000, message)),
                expected,
                "{message}"
            );
        }
        for message in [
            "replacement transaction underpriced",
            "max fee per gas less than block base fee",
        ] {
            let outcome = SendOutcome::classify(&response(-32003, message));
            assert!(matches!(outcome, SendOutcome::Underpriced(_)), "{message}");
        }
        let outcome = SendOutcome::classify(&response(
            -32000,
            "insufficient funds for gas * price + value",
        ));
        assert!(matches!(outcome, SendOutcome::InsufficientFunds(_)));
        let outcome = SendOutcome::classify(&response(-32000, "exceeds block gas limit"));
        assert!(matches!(outcome, SendOutcome::Invalid(_)));
    }

    #[test]
    fn classify_lost_reply_is_unknown() {
        let lost = RpcError::Transport {
            method: "eth_sendRawTransaction",
            reason: "reset".to_owned(),
        };
        assert!(matches!(
            SendOutcome::classify(&lost),
            SendOutcome::Unknown(_)
        ));
    }

    #[test]
    fn class_says_whether_and_where_to_try_again() {
        let http = |status| RpcError::Http {
            method: "m",
            status,
            retry_after: None,
        };
        for (error, class) in [
            (http(429), ErrorClass::Overloaded),
            (http(502), ErrorClass::Transient),
            (http(401), ErrorClass::Node),
            (http(404), ErrorClass::Node),
            (response(-32005, "limit exceeded"), ErrorClass::Overloaded),
            (response(-32000, "header not found"), ErrorClass::Transient),
            (response(3, "execution reverted"), ErrorClass::Answer),
        ] {
            assert_eq!(error.class(), class, "{error}");
        }
        assert!(http(429).is_transient() && !http(401).is_transient());
        assert!(response(3, "execution reverted").revert_data().is_some());
        assert!(response(-32000, "gas required exceeds allowance (16777216)").is_out_of_gas());
    }
}
