//! What a session asks of Salesforce: the irreversible request, and the questions around it.

use std::time::Duration;

use redeem::{Access, Answer, AttemptId, Expiration, Introspection, Reply, TokenAnswer};
use salesforce_client::{
    AccessToken, Failure, Grant, IdentityUrl, InstanceUrl, RefreshToken, Refusal, Sent, TokenResponse,
    TokenToInspect,
};

use super::Shell;

impl Shell {
    /// Presents the refresh token, once.
    pub(super) async fn send(
        &mut self,
        token: &redeem::RefreshToken,
        attempt: &AttemptId,
        limit: Duration,
    ) -> Reply {
        let grant = Grant::RefreshToken(RefreshToken::new(token.expose_secret().to_owned()));
        let client = self.context.salesforce.clone();
        let request = client.token(&self.connector.host, &self.connector.app, &grant);
        let answer = match tokio::time::timeout(limit, request).await {
            Ok(Ok(response)) => {
                self.sent = true;
                self.count("Succeeded");
                Answer::Granted(Box::new(granted(&response, self.context.clock.now())))
            }
            Ok(Err(failure)) => {
                self.count(failure.refusal.as_str());
                let answer = self.refused(&failure);
                self.failure = Some(failure);
                answer
            }
            Err(_) => {
                self.count(Refusal::TimedOut.as_str());
                Answer::Unclear
            }
        };
        tracing::info!(attempt = %attempt, answer = answer_name(&answer), "Presented a refresh token");
        Reply::Answer(answer)
    }

    fn count(&self, result: &'static str) {
        self.context
            .metrics
            .token_request(self.connector.method.name(), result);
    }

    fn refused(&mut self, failure: &Failure) -> Answer {
        if let Some(answer) = self.rescued(failure) {
            return answer;
        }
        match (failure.sent, failure.refusal) {
            (Sent::NotSent, _) => Answer::NotSent,
            (Sent::Unknown, _) | (_, Refusal::UnknownRefusal) => Answer::Unclear,
            (Sent::Answered, Refusal::TokenRequestInProgress) => Answer::AlreadyProcessing,
            (Sent::Answered, Refusal::RefreshTokenExpired) => Answer::Refused(redeem::Refusal::GrantDead),
            (Sent::Answered, _) => Answer::Refused(redeem::Refusal::Unspent),
        }
    }

    /// An answer that can't be understood may still hold the new refresh token, the only one that lives now. It is kept
    /// with what is known from before; the next test finds the earlier access token dead or alive.
    fn rescued(&mut self, failure: &Failure) -> Option<Answer> {
        let token = failure.rescued_refresh_token.as_ref()?;
        let grant = self.known.as_ref().and_then(|state| state.current.as_ref());
        let (access, identity) =
            grant.and_then(|grant| Some((grant.access.as_ref()?, grant.identity.as_ref()?)))?;
        self.sent = true;
        Some(Answer::Granted(Box::new(TokenAnswer {
            access_token: access.token.clone(),
            refresh_token: Some(redeem::RefreshToken::new(token.expose().to_owned())),
            instance_url: access.instance_url.clone(),
            identity: identity.clone(),
            scopes: access.scopes.clone(),
            issued_at: access.issued_at,
            expiration: access.expiration.clone(),
            received_at: self.context.clock.now(),
        })))
    }

    /// Asks whether a refresh token lives, without spending it.
    pub(super) async fn introspect(&self, token: &redeem::RefreshToken) -> Reply {
        if self.connector.app.client_secret.is_none() {
            return Reply::Introspection(Introspection::Impossible);
        }
        let token = RefreshToken::new(token.expose_secret().to_owned());
        let inspected = TokenToInspect::Refresh(&token);
        let said = match self
            .context
            .salesforce
            .introspect(&self.connector.host, &self.connector.app, inspected)
            .await
        {
            Ok(answer) if answer.active => Introspection::Active,
            Ok(_) => Introspection::Inactive,
            // Salesforce says this of what was never a token of any app of this org.
            Err(failure) if failure.refusal == Refusal::TokenTypeNotSupported => Introspection::Inactive,
            Err(_) => Introspection::NoAnswer,
        };
        Reply::Introspection(said)
    }

    /// Asks for the username behind an access token.
    pub(super) async fn identify(&self, access: &Access) -> Reply {
        Reply::Username(self.username(access).await)
    }

    async fn username(&self, access: &Access) -> Option<String> {
        let instance: InstanceUrl = access.instance_url.parse().ok()?;
        let token = AccessToken::new(access.token.expose_secret().to_owned());
        let known = self.known.as_ref()?;
        let grant = known.grants().find(|grant| {
            grant
                .access
                .as_ref()
                .is_some_and(|each| each.serial == access.serial)
        })?;
        let identity = grant.identity.as_ref()?;
        let id = IdentityUrl {
            organization_id: identity.organization_id.parse().ok()?,
            user_id: identity.user_id.parse().ok()?,
        };
        let answer = self
            .context
            .salesforce
            .identity(&instance, &id, &token)
            .await
            .ok()?;
        Some(answer.value.username)
    }
}

fn granted(response: &TokenResponse, now: jiff::Timestamp) -> TokenAnswer {
    TokenAnswer {
        access_token: redeem::AccessToken::new(response.access_token.expose().to_owned()),
        refresh_token: response
            .refresh_token
            .as_ref()
            .map(|token| redeem::RefreshToken::new(token.expose().to_owned())),
        instance_url: response.instance_url.to_string(),
        identity: redeem::Identity {
            organization_id: response.id.organization_id.to_string(),
            user_id: response.id.user_id.to_string(),
            username: None,
        },
        scopes: response.scopes.iter().cloned().collect(),
        issued_at: Some(response.issued_at),
        expiration: response.claims_exp.map(|time| Expiration {
            time,
            source: "TokenClaims".to_owned(),
        }),
        received_at: now,
    }
}

fn answer_name(answer: &Answer) -> &'static str {
    match answer {
        Answer::NotSent => "NotSent",
        Answer::Granted(_) => "Granted",
        Answer::Refused(redeem::Refusal::GrantDead) => "GrantDead",
        Answer::Refused(redeem::Refusal::Unspent) => "RefusedUnspent",
        Answer::AlreadyProcessing => "AlreadyProcessing",
        Answer::Unclear => "Unclear",
    }
}
