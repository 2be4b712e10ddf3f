//! Protocols that lack one rule each, to prove that the check sees what the rule is for.

use crate::world::Violation;

/// How the driver carries out what the shipped session asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Variant {
    /// Faithfully.
    Shipped,
    /// The intent is never written; reading it back is made up.
    NoIntent,
    /// The intent is written over whatever is there.
    UnconditionalIntent,
    /// The intent is written once the answer is in.
    IntentAfterSending,
    /// The consumer's Secret is written before the result is stored.
    DeriveBeforeStore,
    /// `token request is already being processed` is answered by sending again.
    BlindRetry,
    /// Attempts of others are looked into at once.
    NoHoldOff,
    /// Every brought token counts as new.
    NoLedger,
    /// The serial of an intent is not copied to status before sending.
    NoAnnouncement,
    /// The intent counts as soon as its write was answered.
    NoReadBack,
}

impl Variant {
    /// What the check must find in each.
    pub(crate) const BROKEN: [(Self, Violation); 9] = [
        (Self::NoIntent, Violation::Replay),
        (Self::UnconditionalIntent, Violation::Replay),
        (Self::IntentAfterSending, Violation::Replay),
        (Self::DeriveBeforeStore, Violation::DerivedBeforeStored),
        (Self::BlindRetry, Violation::Replay),
        (Self::NoHoldOff, Violation::Replay),
        (Self::NoLedger, Violation::Replay),
        (Self::NoAnnouncement, Violation::Replay),
        (Self::NoReadBack, Violation::Replay),
    ];
}
