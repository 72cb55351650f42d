//! The state machines of jobs and of transaction intents.
//!
//! A *job* is one inference proof that shall be on chain. An *intent* is one transaction that a job
//! (or a deployment) needs; it owns one nonce and any number of signed *attempts* with that nonce.
//! Both machines run backwards as well: a reorganisation reopens what it undoes.

use std::fmt;

macro_rules! states {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// All states.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Name in the database and in the HTTP interface.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Inverse of [`Self::as_str`].
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

states! {
    /// State of a job.
    JobState {
        /// Accepted and stored; nothing planned yet, or to be planned again.
        Queued = "queued",
        /// Transactions are planned and stored, none is signed.
        Planned = "planned",
        /// At least one transaction is signed and stored; it may have been broadcast.
        Submitting = "submitting",
        /// The registry says `Proven` at a known block.
        Mined = "mined",
        /// That block has the wanted number of confirmations.
        Confirmed = "confirmed",
        /// That block is finalized. Terminal, unless a proof is handed in and the registry turns out not to have the inference.
        Finalized = "finalized",
        /// None of its proofs can be attested; the reason is recorded. Terminal unless a proof is handed in.
        Failed = "failed",
        /// Cancelled on request before anything was mined. Terminal unless a proof is handed in.
        Cancelled = "cancelled",
    }
}

impl JobState {
    /// Whether the engine is done with a job in this state.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Finalized | Self::Failed | Self::Cancelled)
    }

    /// Whether the machine allows the step.
    pub const fn may_become(self, to: Self) -> bool {
        use JobState::*;
        matches!(
            (self, to),
            (Queued, Planned | Mined | Failed | Cancelled)
                | (Planned, Submitting | Queued | Mined | Failed | Cancelled)
                // Queued: plan again after a revert, a foreign nonce or a partial result.
                | (Submitting, Mined | Queued | Failed | Cancelled)
                // Backwards: a reorganisation removed the block.
                | (Mined, Confirmed | Submitting | Queued)
                | (Confirmed, Finalized | Submitting | Queued)
                // A proof that is handed in reopens it: whoever knows an id may have filed anything under it, and a node may have said
                // that it is proven.
                | (Failed | Cancelled | Finalized, Queued)
        )
    }
}

states! {
    /// State of one proof of a job. A job may have several, of which the chain takes at most one.
    PayloadState {
        /// May be tried.
        Waiting = "waiting",
        /// The chain does not take it; the reason is recorded.
        Failed = "failed",
        /// Withdrawn by whoever handed it in, or cancelled with its job.
        Cancelled = "cancelled",
    }
}

states! {
    /// State of a transaction intent.
    IntentState {
        /// Planned; no nonce is reserved.
        Ready = "ready",
        /// A nonce is reserved and at least one signed attempt is stored.
        Pending = "pending",
        /// An attempt is in a block of the canonical chain and succeeded.
        Mined = "mined",
        /// An attempt is in a block of the canonical chain and reverted.
        Reverted = "reverted",
        /// The nonce was used by a transaction that is not ours.
        Superseded = "superseded",
        /// The nonce was used up by our own cancelling transaction.
        Cancelled = "cancelled",
        /// Given up: before a nonce was reserved, or because the chain does not come to the nonce. Terminal.
        Abandoned = "abandoned",
    }
}

impl IntentState {
    /// Whether a transaction with the reserved nonce is in a block.
    pub const fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Mined | Self::Reverted | Self::Superseded | Self::Cancelled
        )
    }

    /// Whether the machine allows the step.
    pub const fn may_become(self, to: Self) -> bool {
        use IntentState::*;
        match self {
            Ready => matches!(to, Pending | Abandoned),
            // Abandoned: its nonce is out of reach.
            Pending => to.is_settled() || matches!(to, Abandoned),
            // A reorganisation reopens; a settled intent may also settle anew in another block.
            Mined | Reverted | Superseded | Cancelled => matches!(to, Pending),
            Abandoned => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for state in JobState::ALL {
            assert_eq!(JobState::parse(state.as_str()), Some(*state));
        }
        for state in IntentState::ALL {
            assert_eq!(IntentState::parse(state.as_str()), Some(*state));
        }
        assert_eq!(JobState::parse("QUEUED"), None);
    }

    #[test]
    fn job_that_ended_allows_only_another_try() {
        for to in JobState::ALL {
            for ended in [JobState::Finalized, JobState::Failed, JobState::Cancelled] {
                assert_eq!(ended.may_become(*to), *to == JobState::Queued, "{to}");
            }
        }
    }

    #[test]
    fn job_never_skips_confirmation() {
        for from in JobState::ALL {
            assert_eq!(
                from.may_become(JobState::Finalized),
                *from == JobState::Confirmed,
                "{from}"
            );
            assert_eq!(
                from.may_become(JobState::Confirmed),
                *from == JobState::Mined,
                "{from}"
            );
        }
    }

    #[test]
    fn job_settled_reopens_after_a_reorganisation() {
        assert!(JobState::Mined.may_become(JobState::Queued));
        assert!(JobState::Confirmed.may_become(JobState::Submitting));
        assert!(!JobState::Mined.may_become(JobState::Failed));
    }

    #[test]
    fn every_job_state_but_queued_is_reachable_from_queued() {
        let mut seen = vec![JobState::Queued];
        let mut i = 0;
        while i < seen.len() {
            for to in JobState::ALL {
                if seen[i].may_become(*to) && !seen.contains(to) {
                    seen.push(*to);
                }
            }
            i += 1;
        }
        assert_eq!(seen.len(), JobState::ALL.len());
    }

    #[test]
    fn intent_never_settles_without_a_stored_attempt() {
        for to in IntentState::ALL {
            let allowed = matches!(to, IntentState::Pending | IntentState::Abandoned);
            assert_eq!(IntentState::Ready.may_become(*to), allowed, "{to}");
        }
    }
}
