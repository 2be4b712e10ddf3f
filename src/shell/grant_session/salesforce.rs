//! What a session asks of Salesforce: the irreversible request, and the questions around it.

use std::time::Duration;

use redeem::{
    Access, AccessExpiration, AttemptId, CodeAnswer, IntrospectionAnswer, RedeemAnswer, Reply, TokenAnswer,
    Username,
};
use salesforce_client::{
    AccessToken, Failure, Host, IdentityUrl, InstanceUrl, RefreshToken, Refusal, Sent, TokenRequest,
    TokenResponse, TokenToInspect,
};

use crate::api::Reason;
use crate::api::reasons::Class;
use crate::core::grant::session_report::LoginFailure;
use crate::core::grant::view::is_at_home;
use crate::shell::grant_session::driver::SessionDriver;

impl SessionDriver {
    pub(crate) async fn send(
        &mut self,
        token: &redeem::RefreshToken,
        attempt: &AttemptId,
        limit: Duration,
    ) -> Reply {
        if let Some(failure) = away_from_home(self.known.as_ref(), token, &self.connector.host) {
            self.note_refused(attempt, failure);
            return Reply::Answer(RedeemAnswer::NotSent);
        }
        let grant = TokenRequest::RefreshToken(RefreshToken::new(token.expose_secret().to_owned()));
        self.requests += 1;
        let client = self.context.salesforce(&self.owner.namespace);
        let request = client.token(&self.connector.host, &self.connector.app, &grant);
        let answer = match tokio::time::timeout(limit, request).await {
            Ok(Ok(response)) => {
                self.sent = true;
                self.count("Succeeded");
                RedeemAnswer::Granted(Box::new(granted(&response, self.context.clock.now())))
            }
            Ok(Err(failure)) => {
                self.count(failure.refusal.as_str());
                let answer = understood(&failure);
                self.note_refused(attempt, failure);
                answer
            }
            Err(_) => {
                self.count(Refusal::TimedOut.as_str());
                RedeemAnswer::Unclear
            }
        };
        tracing::info!(attempt = %attempt, answer = answer_name(&answer), "Presented a refresh token");
        Reply::Answer(answer)
    }

    /// Exchanges the code of the login for tokens. It is sent once, whatever comes of it.
    pub(crate) async fn redeem_code(&mut self, limit: Duration) -> Reply {
        let Some(login) = self.login.take() else {
            return Reply::Code(CodeAnswer::Failed);
        };
        self.requests += 1;
        let client = self.context.salesforce(&self.owner.namespace);
        let request = login.token_request();
        let request = client.token(&self.connector.host, &self.connector.app, &request);
        let answer = tokio::time::timeout(limit, request).await;
        let (answer, result) = self.code_answer(answer.unwrap_or_else(|_| Err(silent(limit))));
        self.count(result);
        tracing::info!(answer = result, "Presented the authorization code of a login");
        Reply::Code(answer)
    }

    fn code_answer(&mut self, answer: Result<TokenResponse, Failure>) -> (CodeAnswer, &'static str) {
        let response = match answer {
            Ok(response) => response,
            Err(failure) => {
                let result = failure.refusal.as_str();
                return self.login_failed(LoginFailure::Refused(failure), result);
            }
        };
        let Some(token) = &response.refresh_token else {
            return self.login_failed(LoginFailure::NoRefreshToken, "NoRefreshToken");
        };
        self.sent = true;
        let token = redeem::RefreshToken::new(token.expose().to_owned());
        let granted = TokenAnswer {
            refresh_token: None,
            ..granted(&response, self.context.clock.now())
        };
        (CodeAnswer::Granted(Box::new((token, granted))), "Succeeded")
    }

    fn login_failed(&mut self, why: LoginFailure, result: &'static str) -> (CodeAnswer, &'static str) {
        self.login_failure = Some(Box::new(why));
        (CodeAnswer::Failed, result)
    }

    /// Remembers a refusal for the message, by the grant it was for: two may be redeemed in one session.
    fn note_refused(&mut self, attempt: &AttemptId, failure: Failure) {
        let mut grants = self.known.iter().flat_map(redeem::State::grants);
        let presented = grants.find(|grant| grant.attempt.as_ref().is_some_and(|open| open.id == *attempt));
        let id = presented.map(|grant| grant.id.clone());
        self.refusals.push((id, failure));
    }

    fn count(&self, result: &'static str) {
        self.context
            .metrics
            .token_request(self.connector.method_name, result);
    }

    /// Asks whether a refresh token lives, without spending it.
    pub(crate) async fn introspect(&mut self, token: &redeem::RefreshToken, limit: Duration) -> Reply {
        if self.connector.app.client_secret.is_none() {
            return Reply::Introspection(IntrospectionAnswer::Impossible);
        }
        if let Some(failure) = away_from_home(self.known.as_ref(), token, &self.connector.host) {
            self.unanswered = Some(failure);
            return Reply::Introspection(IntrospectionAnswer::NoAnswer);
        }
        self.requests += 1;
        let token = RefreshToken::new(token.expose_secret().to_owned());
        let inspected = TokenToInspect::Refresh(&token);
        let client = self.context.salesforce(&self.owner.namespace);
        let request = client.introspect(&self.connector.host, &self.connector.app, inspected);
        let answer = tokio::time::timeout(limit, request).await;
        let answer = answer.unwrap_or_else(|_| Err(silent(limit)));
        let said = said(answer.as_ref().map(|answer| answer.active));
        self.unanswered = answer.err().filter(|_| said == IntrospectionAnswer::NoAnswer);
        Reply::Introspection(said)
    }

    /// Asks for the username behind an access token.
    pub(crate) async fn identify(&mut self, access: &Access) -> Reply {
        let answer = match self.identity_url(access) {
            Some((instance, id)) => {
                let token = AccessToken::new(access.token.expose_secret().to_owned());
                let client = self.context.salesforce(&self.owner.namespace);
                client.identity(&instance, &id, &token).await
            }
            None => Err(unaskable()),
        };
        let said = named(answer.as_ref().map(|answer| answer.value.username.as_str()));
        self.unanswered = answer.err();
        Reply::Username(said)
    }

    /// Where to ask whose an access token is.
    fn identity_url(&self, access: &Access) -> Option<(InstanceUrl, IdentityUrl)> {
        let instance: InstanceUrl = access.instance_url.parse().ok()?;
        let mut grants = self.known.iter().flat_map(redeem::State::grants);
        let of = |each: &Access| each.serial == access.serial;
        let grant = grants.find(|grant| grant.access.as_ref().is_some_and(of))?;
        let identity = grant.identity.as_ref()?;
        let id = IdentityUrl {
            organization_id: identity.organization_id.parse().ok()?,
            user_id: identity.user_id.parse().ok()?,
        };
        Some((instance, id))
    }
}

/// Why a refresh token is not presented at a host: it is a stored one, and that host has not granted it.
fn away_from_home(
    known: Option<&redeem::State>,
    token: &redeem::RefreshToken,
    host: &Host,
) -> Option<Failure> {
    let mut grants = known.into_iter().flat_map(redeem::State::grants);
    let grant = grants.find(|grant| grant.refresh_token == *token)?;
    (!is_at_home(grant, host)).then(|| Failure {
        refusal: Refusal::HostNotAllowed,
        sent: Sent::NotSent,
        detail: format!("{host} has not granted the stored refresh token"),
        ..silent(Duration::ZERO)
    })
}

/// What an answer tells of the user behind an access token. A new token helps only where this one has ended.
fn named(answer: Result<&str, &Failure>) -> Username {
    match answer {
        Ok(username) => Username::Is(username.to_owned()),
        Err(failure) if Reason::from(failure.refusal).class() == Class::RenewToken => Username::AccessEnded,
        Err(_) => Username::NoAnswer,
    }
}

fn unaskable() -> Failure {
    Failure {
        refusal: Refusal::RequestNotBuilt,
        sent: Sent::NotSent,
        detail: "the address of the user that Salesforce gave can't be understood".to_owned(),
        ..silent(Duration::ZERO)
    }
}

/// What a failed request says of the token that was presented. An answer that can't be understood may still hold the new
/// refresh token, the only one that lives now.
fn understood(failure: &Failure) -> RedeemAnswer {
    if let Some(token) = &failure.salvaged_refresh_token {
        return RedeemAnswer::Rescued(redeem::RefreshToken::new(token.expose().to_owned()));
    }
    match (failure.sent, failure.refusal) {
        (Sent::NotSent, _) => RedeemAnswer::NotSent,
        (Sent::Unknown, _) => RedeemAnswer::Unclear,
        (Sent::Answered, Refusal::TokenRequestInProgress) => RedeemAnswer::AlreadyProcessing,
        (Sent::Answered, Refusal::RefreshTokenExpired) => {
            RedeemAnswer::Refused(redeem::RedeemRefusal::GrantDead)
        }
        (Sent::Answered, _) => RedeemAnswer::Refused(redeem::RedeemRefusal::Unspent),
    }
}

/// What an introspection says of the refresh token. A refusal of the app itself, such as a wrong client secret, would meet
/// the token request as well: it is no reason to present the token unasked.
fn said(answer: Result<bool, &Failure>) -> IntrospectionAnswer {
    match answer {
        Ok(true) => IntrospectionAnswer::Active,
        Ok(false) => IntrospectionAnswer::Inactive,
        Err(failure) => match failure.refusal {
            // Salesforce says this of what was never a token of any app of this org.
            Refusal::TokenTypeNotSupported => IntrospectionAnswer::Inactive,
            Refusal::AccessDenied
            | Refusal::InsufficientAccess
            | Refusal::FunctionalityNotEnabled
            | Refusal::ResourceNotFound
                if failure.sent == Sent::Answered =>
            {
                IntrospectionAnswer::Impossible
            }
            _ => IntrospectionAnswer::NoAnswer,
        },
    }
}

fn silent(limit: Duration) -> Failure {
    Failure {
        refusal: Refusal::TimedOut,
        sent: Sent::Unknown,
        http_status: None,
        retry_after: None,
        server_date: None,
        detail: format!("no answer within {} s", limit.as_secs()),
        salvaged_refresh_token: None,
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
        identity: redeem::GrantIdentity {
            organization_id: response.id.organization_id.to_string(),
            user_id: response.id.user_id.to_string(),
            username: None,
        },
        scopes: response.scopes.iter().cloned().collect(),
        issued_at: Some(response.issued_at),
        expiration: response.claims_exp.map(|time| AccessExpiration {
            time,
            source: "TokenClaims".to_owned(),
        }),
        received_at: now,
    }
}

fn answer_name(answer: &RedeemAnswer) -> &'static str {
    match answer {
        RedeemAnswer::NotSent => "NotSent",
        RedeemAnswer::Granted(_) => "Granted",
        RedeemAnswer::Rescued(_) => "Rescued",
        RedeemAnswer::Refused(redeem::RedeemRefusal::GrantDead) => "GrantDead",
        RedeemAnswer::Refused(redeem::RedeemRefusal::Unspent) => "RefusedUnspent",
        RedeemAnswer::AlreadyProcessing => "AlreadyProcessing",
        RedeemAnswer::Unclear => "Unclear",
    }
}

#[cfg(test)]
mod tests;
