//! A key on a Ledger.

use super::hd_path::HdPath;
use super::signing::{SignerKind, Wallet, unwrapped};
use crate::error::{Error, Result};
use alloy_signer_ledger::coins_ledger::LedgerError as Transport;
use alloy_signer_ledger::coins_ledger::common::APDUResponseCodes as Code;
use alloy_signer_ledger::coins_ledger::transports::native::NativeTransportError as Native;
use alloy_signer_ledger::{HDPath, LedgerError, LedgerSigner};
use std::path::Path;
use std::time::Duration;

const NAME: &str = "Ledger";

/// A person reads the transaction and presses buttons.
const LIMIT: Duration = Duration::from_secs(300);

/// Reading the address needs no confirmation on the device.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

const REMEDY: &str =
    "plug it in, unlock it, open its Ethereum app, and close other programs that use it";

/// Connects to the first Ledger and reads the account's address.
pub(super) async fn open(path: &HdPath) -> Result<Wallet> {
    // The USB library panics without one.
    if cfg!(target_os = "linux") && !Path::new("/dev/bus/usb").exists() {
        return Err(lasting(format_args!("there is no USB here; {REMEDY}")));
    }
    let path = HDPath::Other(path.to_string());
    // A task, because that library blocks at its start, and still may panic.
    let opening = tokio::spawn(LedgerSigner::new(path, None));
    let signer = match tokio::time::timeout(OPEN_LIMIT, opening).await {
        Ok(Ok(opened)) => opened.map_err(|e| lasting(format_args!("{e}; {REMEDY}")))?,
        Ok(Err(_)) => return Err(lasting(format_args!("USB cannot be used; {REMEDY}"))),
        Err(_) => return Err(lasting(format_args!("no answer; {REMEDY}"))),
    };
    let kind = SignerKind {
        name: NAME,
        limit: LIMIT,
        explain,
    };
    Ok(Wallet::new(signer, kind))
}

fn lasting(reason: impl std::fmt::Display) -> Error {
    Error::Wallet(format!("{NAME}: {reason}"))
}

fn explain(error: alloy::signers::Error) -> Error {
    let error: LedgerError = match unwrapped(error) {
        Ok(error) => *error,
        Err(other) => return lasting(other),
    };
    match &error {
        LedgerError::LedgerError(Transport::BadRetcode(Code::ConditionsNotSatisfied)) => {
            lasting("the transaction was refused on the device")
        }
        LedgerError::LedgerError(Transport::BadRetcode(Code::InvalidData)) => lasting(
            "the device does not take the transaction; allow blind signing in its Ethereum app",
        ),
        // Locked, in another app, or unplugged for a while.
        LedgerError::LedgerError(
            Transport::BadRetcode(_)
            | Transport::UnknownAPDUCode(_)
            | Transport::NativeTransportError(
                Native::Comm(_) | Native::Io(_) | Native::Hid(_) | Native::SequenceMismatch { .. },
            ),
        ) => Error::Signer {
            name: NAME,
            reason: format!("{error}; {REMEDY}"),
        },
        _ => lasting(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::WalletConfig;

    #[tokio::test]
    async fn ledger_that_is_not_there_is_named_with_what_to_do() {
        let path = HdPath::ledger_live(0);
        let told = WalletConfig::Ledger { path }.open().await.unwrap_err();
        assert!(matches!(told, Error::Wallet(_)) && !told.is_transient());
        let told = told.to_string();
        let usb = Path::new("/dev/bus/usb").exists();
        let found = told.contains("Ledger device not found") || !usb && told.contains("no USB");
        assert!(found, "{told}");
        assert!(told.contains("unlock it, open its Ethereum app"), "{told}");
    }

    #[test]
    fn refusal_on_the_device_is_final_and_a_locked_device_is_not() {
        let answer = |code: Code| {
            let error = LedgerError::LedgerError(Transport::BadRetcode(code));
            explain(alloy::signers::Error::other(error))
        };
        assert!(!answer(Code::ConditionsNotSatisfied).is_transient());
        assert!(
            answer(Code::InvalidData)
                .to_string()
                .contains("blind signing")
        );
        assert!(answer(Code::UnlockDeviceError).is_transient());
        assert!(answer(Code::InsNotSupported).is_transient());
    }
}
