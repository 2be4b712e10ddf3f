//! Which password does a login send, and why is it not sent?

use std::time::Duration;

use jiff::Timestamp;

use crate::api::reasons::OwnReason;
use crate::core::model::connector::{Connector, PasswordLogin};
use crate::core::model::decision::MintReason;
use crate::core::model::digest::{Digest, DigestKey};
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Problem;
use crate::core::model::rejection::{Rejection, explain};
use crate::core::schedule::password_memory::{PasswordAttempt, PasswordMemory, PasswordOrder, PasswordVeto};
use crate::core::schedule::time::{since, whole_seconds};

/// The password of a login, and what is remembered of its user.
pub(super) struct SentPassword {
    pub(super) user: Digest,
    pub(super) username: String,
    pub(super) attempt: PasswordAttempt,
    pub(super) order: PasswordOrder,
    pub(super) memory: PasswordMemory,
    /// How often others have changed the memory before the attempt was noted.
    pub(super) outrun: u8,
}

impl SentPassword {
    pub(super) fn new(
        login: &PasswordLogin,
        observed: &Observed,
        connector: &Connector,
        why: MintReason,
        key: &DigestKey,
        now: Timestamp,
    ) -> Self {
        let held = observed.held.as_ref();
        let order = PasswordOrder {
            requested: why == MintReason::Requested,
            accepted_before: held.is_some_and(|held| connector.has_inputs(&held.inputs_digest)),
        };
        Self {
            user: login.user_digest(key),
            username: login.username.clone(),
            attempt: PasswordAttempt {
                password: login.password_id(&observed.owner.namespace, key),
                time: now,
                requested: order.requested,
                unclear_until: None,
            },
            order,
            memory: PasswordMemory::default(),
            outrun: 0,
        }
    }
}

/// Why a password is not sent.
pub(super) fn not_sent(connector: &Connector, veto: PasswordVeto, now: Timestamp) -> Problem {
    let host = format!("host {}", connector.host);
    match veto {
        PasswordVeto::Refused { request_from } => {
            let from = request_from.filter(|from| now < *from);
            let subject = from.map_or(host.clone(), |from| {
                let from = whole_seconds(from);
                format!("{host}, not on request before {from}")
            });
            Rejection::new(OwnReason::PasswordRefusedBefore, subject).into()
        }
        PasswordVeto::Wait { until } => unclear(since(now, until), &host),
    }
}

pub(super) fn unclear(wait: Duration, particulars: &str) -> Problem {
    let reason = OwnReason::PasswordOutcomeUnknown.into();
    Problem {
        reason,
        message: explain(reason, particulars),
        retry_after: Some(wait),
    }
}
