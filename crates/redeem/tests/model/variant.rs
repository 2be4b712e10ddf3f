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
    /// Attempts of others are left alone for as long as the reader's own limits demand.
    ReadersHoldOff,
    /// Every bootstrap token counts as new.
    NoLedger,
    /// The code of a login is not entered in the ledger.
    NoCodeEntry,
    /// The serial of an intent is not copied to status before sending.
    NoAnnouncement,
    /// The intent counts as soon as its write was answered.
    NoReadBack,
    /// A refresh token saved from an unreadable answer is given identity and access token of the grant in use.
    BorrowedIdentity,
    /// What was not announced counts as sent all the same.
    NoClosing,
    /// A report copies the serial of an intent that stands.
    CopiesIntent,
    /// The stamp of the cluster is not looked at.
    NoStamp,
    /// Storing a result drops the grant that waits.
    DropsNext,
    /// Nobody looks for the code of a login under another digest key.
    OwnKeyOnly,
    /// Nobody looks for bootstrap tokens under another digest key.
    OwnKeyOnlyForImports,
    /// Salesforce is asked about an old state at once, although somebody may be presenting its token.
    OldStateAtOnce,
}

impl Variant {
    /// What random schedules do not hit upon in seconds: a restored state of which a token is under way, and two sessions that ask
    /// about it before Salesforce has decided.
    pub(crate) const WALKED_ALONE: [Self; 1] = [Self::OldStateAtOnce];

    /// What the check must find in each, and a scope of the exhaustive search that shows it.
    pub(crate) const BROKEN: [(Self, Violation, &'static str); 19] = [
        (Self::NoIntent, Violation::Replay, "renew: two jumps"),
        (Self::UnconditionalIntent, Violation::Replay, "renew: two jumps"),
        (Self::IntentAfterSending, Violation::Replay, "renew: two jumps"),
        (
            Self::DeriveBeforeStore,
            Violation::DerivedBeforeStored,
            "renew: two jumps",
        ),
        (
            Self::BlindRetry,
            Violation::Replay,
            "renew, no introspection: one fault, one jump",
        ),
        (Self::NoHoldOff, Violation::Replay, "renew: one crash, one jump"),
        (
            Self::ReadersHoldOff,
            Violation::Replay,
            "renew, unequal limits: one shorter jump",
        ),
        (
            Self::NoLedger,
            Violation::Replay,
            "renew, no introspection: people, one jump",
        ),
        (
            Self::NoCodeEntry,
            Violation::CodeReplayed,
            "renew: people, one jump",
        ),
        (
            Self::NoAnnouncement,
            Violation::Replay,
            "renew, no introspection: one fault, one jump",
        ),
        (
            Self::NoReadBack,
            Violation::Replay,
            "renew, no introspection: one fault, one jump",
        ),
        (
            Self::BorrowedIdentity,
            Violation::WrongUserPromoted,
            "renew: people and one fault",
        ),
        (
            Self::NoClosing,
            Violation::WrongEnding,
            "renew, no introspection: one crash, one jump",
        ),
        (
            Self::CopiesIntent,
            Violation::WrongEnding,
            "renew, no introspection: one crash, one jump",
        ),
        (
            Self::DropsNext,
            Violation::StoredResultLost,
            "renew: people, one jump",
        ),
        (Self::NoStamp, Violation::Replay, "renew: what is rare, one jump"),
        (
            Self::OwnKeyOnly,
            Violation::CodeReplayed,
            "renew: another digest key, one crash",
        ),
        (
            Self::OwnKeyOnlyForImports,
            Violation::Replay,
            "renew, no introspection: another digest key",
        ),
        (
            Self::OldStateAtOnce,
            Violation::Replay,
            "renew: people, two sessions of one",
        ),
    ];
}
