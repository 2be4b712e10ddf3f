//! What is noted about a request before it is worked on, and what afterwards?

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::fault::{Course, Ending, Seen};
use crate::http::{Params, Reply, Request};
use crate::identity::token_of;
use crate::log::{LogEntry, Outcome};
use crate::vault::{Grant, GrantEnd};
use crate::world::World;
use crate::{Endpoint, refusal};

/// A request that is now in the log.
pub(crate) struct Arrival {
    pub(crate) number: u64,
    pub(crate) course: Course,
    /// The grant whose refresh this is: nobody else may refresh it until this one is done.
    pub(crate) refreshing: Option<usize>,
    pub(crate) takes: Duration,
}

impl World {
    /// Notes a request, finds the fault in force and takes the lock of a refresh.
    pub(crate) fn arrive(&mut self, request: &Request) -> Arrival {
        let mut entry = self.entry_of(request);
        let fault = self.strike(&Seen {
            endpoint: entry.endpoint,
            host: &entry.host,
            client_id: entry.client_id.as_deref(),
            grant_type: entry.grant_type.as_deref(),
        });
        entry.fault = fault.as_ref().map(crate::Fault::name);
        let mut course = fault.map_or(Course::Process(Ending::Send), |fault| fault.course(self.now()));
        let mut refreshing = None;
        if matches!(course, Course::Process(_)) {
            match self.lock_refresh(request, &entry) {
                Ok(grant) => refreshing = grant,
                Err(refused) => course = Course::Answer(refused),
            }
        }
        // A replay is one only if Salesforce gets to see it.
        entry.replay &= matches!(course, Course::Process(_));
        *self.counts.entry(entry.endpoint).or_default() += 1;
        let number = entry.number;
        self.log.push(entry);
        let takes = refreshing.map_or(Duration::ZERO, |_| self.switches.refresh_processing);
        Arrival {
            number,
            course,
            refreshing,
            takes,
        }
    }

    pub(crate) fn depart(&mut self, number: u64, refreshing: Option<usize>, outcome: Outcome) {
        if let Some(index) = refreshing {
            self.end_refresh(index);
        }
        if let Some(entry) = self.log.iter_mut().rev().find(|entry| entry.number == number) {
            entry.outcome = outcome;
        }
    }

    fn end_refresh(&mut self, index: usize) {
        let Some(grant) = self.vault.grant_mut(index) else {
            return;
        };
        grant.busy = false;
        if grant.contested {
            self.vault.end_grant(index, GrantEnd::Contested);
        }
    }

    fn entry_of(&mut self, request: &Request) -> LogEntry {
        self.requests += 1;
        let endpoint = Endpoint::of_request(request);
        let form = if endpoint == Endpoint::Authorize {
            request.query.clone()
        } else {
            request.form()
        };
        let presented = form
            .get("refresh_token")
            .and_then(|token| self.vault.present(token));
        let (client_id, username) = self.parties(request, &form);
        LogEntry {
            number: self.requests,
            at: self.now(),
            method: request.method.to_string(),
            host: request.host.clone(),
            path: request.path.clone(),
            endpoint,
            grant_type: form.get("grant_type").map(str::to_owned),
            client_id,
            username,
            refresh_token: presented.as_ref().map(|presented| presented.label),
            replay: endpoint == Endpoint::Token && presented.is_some_and(|presented| !presented.current),
            fault: None,
            outcome: Outcome::Pending,
        }
    }

    /// Consumer key and username: as sent, or those of the tokens that were sent.
    fn parties(&self, request: &Request, form: &Params) -> (Option<String>, Option<String>) {
        let basic = request.basic_credentials().ok().flatten().map(|(id, _)| id);
        let assertion = form.get("assertion").and_then(claims_of);
        let claim = |name: &str| Some(assertion.as_ref()?.get(name)?.as_str()?.to_owned());
        let bearer = token_of(request);
        let session = bearer.as_deref().and_then(|token| self.vault.session(token));
        let grant = form
            .get("refresh_token")
            .and_then(|token| self.vault.present(token))
            .and_then(|presented| self.vault.grant(presented.grant));
        let client_id = basic
            .or_else(|| form.get("client_id").map(str::to_owned))
            .or_else(|| claim("iss"))
            .or_else(|| session.map(|session| session.client_id.clone()));
        let username = form
            .get("username")
            .or_else(|| form.get("un"))
            .map(str::to_owned)
            .or_else(|| claim("prn").or_else(|| claim("sub")))
            .or_else(|| session.map(|session| session.username.clone()))
            .or_else(|| grant.map(|grant| grant.username.clone()));
        (client_id, username)
    }

    fn strike(&mut self, seen: &Seen<'_>) -> Option<crate::Fault> {
        let mut struck = None;
        for rule in self.faults.iter_mut().filter(|rule| rule.matches(seen)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.map(|times| times.saturating_sub(1));
            struck = Some(rule.fault.clone());
            break;
        }
        self.faults.retain(|rule| rule.times != Some(0));
        struck
    }

    /// Whether another refresh of the token, or by switch of the app, is worked on.
    fn is_held_up(&self, grant: usize) -> bool {
        self.vault.grant(grant).is_some_and(|own| {
            let of_app = |other: &Grant| other.busy && other.client_id == own.client_id;
            own.busy || (self.switches.refresh_locks_app && self.vault.grants().iter().any(of_app))
        })
    }

    /// One refresh at a time per refresh token; the loser is told so. docs/salesforce.md#concurrent-refresh
    fn lock_refresh(&mut self, request: &Request, entry: &LogEntry) -> Result<Option<usize>, Reply> {
        if entry.endpoint != Endpoint::Token || entry.grant_type.as_deref() != Some("refresh_token") {
            return Ok(None);
        }
        let form = request.form();
        let presented = form
            .get("refresh_token")
            .and_then(|token| self.vault.present(token));
        let Some(presented) = presented.filter(|presented| presented.current) else {
            return Ok(None);
        };
        let held_up = self.is_held_up(presented.grant);
        let Some(grant) = self.vault.grant_mut(presented.grant) else {
            return Ok(None);
        };
        if held_up {
            // Another refresh of this token is worked on: what it gets is void.
            grant.contested |= grant.busy && self.switches.losing_refresh_ends_grant;
            return Err(refusal::ALREADY_PROCESSED.reply());
        }
        grant.busy = true;
        Ok(Some(presented.grant))
    }
}

fn claims_of(assertion: &str) -> Option<Value> {
    let claims = assertion.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?).ok()
}
