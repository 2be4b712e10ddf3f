//! What can be decided, and why?

use jiff::Timestamp;

use crate::core::model::rejection::Rejection;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Something stands in the way that a person must change; nothing is sent.
    Reject(Rejection),
    /// Nothing is sent; the Secret is kept in step where a token is held.
    Wait(WaitReason),
    /// The token that is held is good; keep the Secret in step, and test the connection where a test is due.
    Keep {
        /// Why a test is due, if it is.
        test: Option<TestReason>,
    },
    Mint {
        why: MintReason,
    },
}

/// Why nothing is sent although a token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// `spec.suspend`.
    Suspended,
    /// The last attempt failed; the next one is at this time.
    BackOff(Timestamp),
    /// The last attempt failed in a way that only another input, or a request, can change.
    InputMustChange,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestReason {
    /// It never was, or not with this spec.
    First,
    /// The token must be verified before it may reach the consumer.
    Verification,
    Interval,
    /// Somebody asked by annotation.
    Requested,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MintReason {
    /// Somebody asked by annotation.
    Requested,
    /// A person has logged in, and hands the code over.
    Login,
    /// None is held: the connector is new, or its Secret was deleted or edited.
    NoToken,
    /// The inputs are not those that the held token was obtained with.
    InputsChanged,
    /// The held token was obtained with the app's previous credentials. It is good; Salesforce is asked whether it accepts the
    /// current ones.
    CredentialsTrial,
    /// The stored grant has something open: an import, an attempt, a login that waits.
    GrantOpen,
    /// Salesforce refused the held token.
    SessionEnded,
    /// The address of the held token leads nowhere any more: a new one may come with another.
    InstanceGone,
    /// The held token's time is up, or nearly so.
    RenewalDue,
    /// The stored grant would lapse if it were left unused for longer.
    KeepAlive,
    /// The last attempt failed, such as a renewal that somebody asked for; it is repeated until one succeeds.
    Retry,
}

impl MintReason {
    /// Label in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "Requested",
            Self::Login => "Login",
            Self::NoToken => "NoToken",
            Self::InputsChanged => "InputsChanged",
            Self::CredentialsTrial => "CredentialsTrial",
            Self::GrantOpen => "GrantOpen",
            Self::SessionEnded => "SessionEnded",
            Self::InstanceGone => "InstanceGone",
            Self::RenewalDue => "RenewalDue",
            Self::KeepAlive => "KeepAlive",
            Self::Retry => "Retry",
        }
    }
}

/// What a test of this pass has shown about the token that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    None,
    TokenRejected,
    InstanceGone,
}
