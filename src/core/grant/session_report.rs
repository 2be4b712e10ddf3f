//! What does the end of a session mean for the connector?

use std::time::Duration;

use redeem::{GrantId, GrantProblem, LoginVerdict, SessionEnd, SessionOutcome, SessionWait, State};
use salesforce_client::{Failure, Refusal};

use crate::api::Reason;
use crate::api::reasons::{Class, OwnReason};
use crate::core::grant::view::granted_elsewhere;
use crate::core::model::connector::Connector;
use crate::core::model::decision::MintReason;
use crate::core::model::outcome::{Minted, Problem};
use crate::core::model::rejection::{Rejection, explain};

/// After how long a session is begun again that came to nothing for no reason that anybody gave.
const BEGIN_AGAIN: Duration = Duration::from_secs(10);

/// What a session came to, and what was heard on the way.
pub struct SessionReport {
    pub outcome: SessionOutcome,
    /// Whether Salesforce granted a new token in this session.
    pub granted: bool,
    /// Token requests that brought nothing, with the grants that they were for.
    pub refusals: Vec<(Option<GrantId>, Failure)>,
    /// Why Salesforce did not say what it was asked last, if it didn't.
    pub unanswered: Option<Failure>,
    /// What the API server last had against a call, if anything.
    pub unavailable: Option<String>,
    /// Why the code of a login has brought no grant.
    pub login_failure: Option<Box<LoginFailure>>,
}

/// Why the code of a login has brought no grant.
pub enum LoginFailure {
    Refused(Failure),
    NoRefreshToken,
}

impl SessionReport {
    /// What came of obtaining a token. Nothing where the session only closed what was open.
    pub fn minted(&self, connector: &Connector, why: MintReason) -> Option<Minted> {
        let failed = |problem| Some(Minted::Failed { why, problem });
        match self.outcome.end {
            SessionEnd::Ready if self.granted => Some(Minted::Obtained { why }),
            SessionEnd::Ready | SessionEnd::ConnectorGone => None,
            SessionEnd::Waiting { why: wait, length } => match &self.unanswered {
                // An import that Salesforce does not want to tell about does not wait without a word.
                Some(failure) if wait == SessionWait::Salesforce => failed(silence(failure, self.granted)),
                Some(_) | None if self.is_stuck() => failed(self.unavailability()),
                Some(_) | None => Some(Minted::Waiting { length }),
            },
            SessionEnd::Unspent => match self.refusal() {
                Some(failure) => failed(self.unspent(failure, connector)),
                None if self.is_stuck() => failed(self.unavailability()),
                None => Some(Minted::Waiting { length: BEGIN_AGAIN }),
            },
            SessionEnd::Problem { problem, ask_again } => {
                let failure = self.refusal().or(self.unanswered.as_ref());
                let detail = failure.map_or("", |failure| failure.detail.as_str());
                let reason = self.told(problem).into();
                failed(Problem {
                    reason,
                    message: explain(reason, detail),
                    retry_after: ask_again,
                })
            }
        }
    }

    /// A problem as it is told. Who has spent a code without a result authorized the connector, and must do so again.
    fn told(&self, problem: GrantProblem) -> GrantProblem {
        let spent = |problem: &Problem| problem.reason == OwnReason::LoginCodeUsed.into();
        let code_spent = matches!(self.login(), Some(Err(problem)) if spent(&problem));
        match problem {
            GrantProblem::AuthorizationRequired if code_spent => GrantProblem::ReauthorizationRequired,
            problem => problem,
        }
    }

    /// What came of the login that the session was for.
    pub fn login(&self) -> Option<Result<(), Problem>> {
        let failure = self.login_failure.as_deref();
        let problem = match (self.outcome.login?, failure, self.outcome.candidate) {
            (LoginVerdict::Stored, _, None) => return Some(Ok(())),
            (LoginVerdict::Stored, _, Some(problem)) => Rejection::new(problem, "").into(),
            (LoginVerdict::CodeUsed, _, _) | (LoginVerdict::Failed, None, _) => {
                Rejection::new(OwnReason::LoginCodeUsed, "").into()
            }
            (LoginVerdict::TooOften, _, _) => Rejection::new(GrantProblem::BootstrapTooOften, "").into(),
            (LoginVerdict::Failed, Some(LoginFailure::Refused(failure)), _) => failure.into(),
            (LoginVerdict::Failed, Some(LoginFailure::NoRefreshToken), _) => {
                Rejection::new(OwnReason::LoginWithoutRefreshToken, "").into()
            }
        };
        Some(Err(problem))
    }

    fn state(&self) -> Option<&State> {
        self.outcome.state.as_deref()
    }

    /// What Salesforce had against the current grant, or else against a candidate.
    fn refusal(&self) -> Option<&Failure> {
        let current = self.state().and_then(|state| state.current.as_ref());
        let current = current.map(|grant| &grant.id);
        let of_current = self
            .refusals
            .iter()
            .rfind(|(id, _)| current.is_some() && id.as_ref() == current);
        of_current.or(self.refusals.last()).map(|(_, failure)| failure)
    }

    /// Whether the session came to nothing because of the API server. What one has stored is delivered by the next, soon.
    fn is_stuck(&self) -> bool {
        let stuck = match self.outcome.end {
            SessionEnd::Waiting { why, .. } => {
                matches!(why, SessionWait::Kubernetes | SessionWait::Contention)
            }
            SessionEnd::Unspent => self.unavailable.is_some(),
            SessionEnd::Ready | SessionEnd::Problem { .. } | SessionEnd::ConnectorGone => false,
        };
        stuck && !self.granted
    }

    /// Why a session that has sent nothing could not do what it was for.
    fn unavailability(&self) -> Problem {
        let contention = "other writers keep changing the same objects";
        let why = self.unavailable.as_deref().unwrap_or(contention);
        Rejection::new(OwnReason::GrantStateUnavailable, why).into()
    }

    /// Why a grant is unspent that was presented.
    fn unspent(&self, failure: &Failure, connector: &Connector) -> Problem {
        let elsewhere = self.state().and_then(|state| granted_elsewhere(state, connector));
        match elsewhere {
            Some(rejection)
                if matches!(
                    failure.refusal,
                    Refusal::RefreshTokenExpired | Refusal::HostNotAllowed
                ) =>
            {
                rejection.into()
            }
            Some(_) | None => failure.into(),
        }
    }
}

/// Why Salesforce did not say what it was asked. An access token that it granted and refused in the same session has not
/// ended by itself: somebody must see to what ends it.
fn silence(failure: &Failure, granted: bool) -> Problem {
    if granted && Reason::from(failure.refusal).class() == Class::RenewToken {
        return Rejection::new(OwnReason::FreshTokenRejected, &failure.detail).into();
    }
    failure.into()
}

#[cfg(test)]
mod tests {
    use salesforce_client::Sent;

    use super::*;
    use crate::core::testing::fixtures;

    #[test]
    fn a_token_that_is_refused_in_the_session_that_obtained_it_is_somebodys_business() {
        let reason = |refusal, granted| {
            silence(
                &Failure {
                    sent: Sent::Answered,
                    ..fixtures::failure(refusal)
                },
                granted,
            )
            .reason
        };
        assert_eq!(
            reason(Refusal::BadOauthToken, true),
            OwnReason::FreshTokenRejected.into()
        );
        assert_eq!(
            reason(Refusal::BadOauthToken, false),
            Refusal::BadOauthToken.into()
        );
        assert_eq!(reason(Refusal::TimedOut, true), Refusal::TimedOut.into());
    }
}
