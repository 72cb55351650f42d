//! The key that a fake service holds, and what it may do wrong with it.

use crate::anvil::KEYS;
use alloy::primitives::{Address, hex};
use alloy::signers::k256::ecdsa::signature::hazmat::PrehashSigner;
use alloy::signers::k256::ecdsa::{Signature, SigningKey};
use std::collections::VecDeque;
use std::sync::Mutex;

/// What the service does instead of its work.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers with an error: the status and the vendor's name of it.
    Refuse(u16, &'static str),
    /// Signs with another key.
    OtherKey,
    /// Gives the higher of the two values of s, which services may do.
    HighS,
    /// Answers with bytes that are no signature.
    Nonsense,
    /// Never answers.
    Hang,
}

#[derive(Debug)]
pub struct ServiceKey {
    key: SigningKey,
    faults: Mutex<VecDeque<Fault>>,
    asked: Mutex<Vec<String>>,
}

fn secret(account: usize) -> SigningKey {
    SigningKey::from_slice(&hex::decode(KEYS[account]).unwrap()).unwrap()
}

impl ServiceKey {
    /// Of an account of anvil's.
    pub fn of(account: usize) -> Self {
        Self {
            key: secret(account),
            faults: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    pub fn address(&self) -> Address {
        Address::from_private_key(&self.key)
    }

    /// SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> Vec<u8> {
        let mut der = hex::decode("3056301006072a8648ce3d020106052b8104000a034200").unwrap();
        der.extend(self.key.verifying_key().to_encoded_point(false).as_bytes());
        der
    }

    /// The next answers are these.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    pub fn clear(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// Notes a question; what shall be done instead of answering it.
    pub fn next(&self, question: &str) -> Option<Fault> {
        self.asked.lock().unwrap().push(question.to_owned());
        self.faults.lock().unwrap().pop_front()
    }

    /// How often something was asked.
    pub fn asked(&self, question: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|q| *q == question).count()
    }

    /// A signature in DER.
    pub fn sign(&self, digest: &[u8], fault: Option<&Fault>) -> Vec<u8> {
        assert_eq!(digest.len(), 32);
        let sign = |key: &SigningKey| -> Signature { key.sign_prehash(digest).unwrap() };
        let low = sign(&self.key);
        let signature = match fault {
            Some(Fault::OtherKey) => sign(&secret(2)),
            Some(Fault::HighS) => {
                let (r, s) = low.split_scalars();
                Signature::from_scalars(r, -s).unwrap()
            }
            Some(Fault::Nonsense) => return vec![0x30, 0x02, 0x05, 0x00],
            _ => low,
        };
        let high = signature.normalize_s().is_some();
        assert_eq!(high, matches!(fault, Some(Fault::HighS)));
        signature.to_der().as_bytes().to_vec()
    }
}
