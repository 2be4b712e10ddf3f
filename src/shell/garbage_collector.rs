//! What is removed once its connector is gone? Stored grants, ledger entries and refused passwords, now and then, by the
//! leader.
//!
//! Nothing is removed in doubt: it takes two looks a grace apart that both find the connector gone, and a look that fails,
//! is forbidden or can't tell says nothing. The grace is told by the wall clock, since it has to outlast the process; a
//! clock that jumps must not make it nothing, so the process must have run for a while with what it removes in view.
//! The one place that lists Secrets: the operator's own, by their label.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use redeem::{
    ConnectorRead, ConnectorRef, GarbageDecision, GarbageMark, LEDGER_RETENTION, LedgerEntry, Revocation,
    State, StateSeen,
};
use salesforce_client::{Host, RefreshToken, Refusal, TokenToRevoke};
use serde_json::json;

use crate::api::names::state_name;
use crate::api::{SalesforceConnector, names};
use crate::core::grant::view::is_at_home;
use crate::core::schedule::time::signed;
use crate::error_chain::chain;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::grant_session::{KUBERNETES_LIMIT, bytes, place, understood};
use crate::shell::kubernetes::own_secret;

/// The longest time between two runs.
const PERIOD: Duration = Duration::from_mins(10);
/// The shortest: a grace of nothing must not spin.
const SHORTEST: Duration = Duration::from_secs(1);
/// Tries to revoke a grant before it is removed all the same.
const REVOCATION_TRIES: u32 = 5;
/// For how long a process must have had in view what it removes, by a clock that doesn't jump; less where the grace is.
const IN_VIEW: Duration = Duration::from_hours(1);
/// Secrets in one answer of the API server.
const PAGE: u32 = 500;

/// Sweeps for as long as it is polled, while this process leads.
pub(crate) async fn run(context: &Context) {
    let mut views = Views::default();
    loop {
        let period = (context.settings.state_retention / 2).clamp(SHORTEST, PERIOD);
        tokio::time::sleep(context.clock.sleep_for(period)).await;
        if !context.lease.leads() {
            continue;
        }
        if let Err(error) = collect(context, &mut views).await {
            context.metrics.reconcile_errors(error.operation());
            tracing::warn!(error = %chain(&error), "Garbage collection interrupted, retrying");
        }
    }
}

/// Since when this process has had in view what could be removed, by uid, on the clock that doesn't jump.
#[derive(Debug, Default)]
struct Views(HashMap<String, Duration>);

impl Views {
    /// It could be removed for the first time, or again after it could not.
    fn begin(&mut self, secret: &Secret, now: Duration) {
        self.0.insert(secret.uid().unwrap_or_default(), now);
    }

    /// Whether it has been in view for long enough to be removed.
    fn suffice(&mut self, secret: &Secret, now: Duration, grace: Duration) -> bool {
        let since = *self.0.entry(secret.uid().unwrap_or_default()).or_insert(now);
        now.saturating_sub(since) >= grace.min(IN_VIEW)
    }

    fn retain(&mut self, stored: &HashSet<String>) {
        self.0.retain(|uid, _| stored.contains(uid));
    }
}

async fn collect(context: &Context, views: &mut Views) -> Result<(), Error> {
    let states = list(context, names::STATE).await?;
    let known = Known::of(context);
    for secret in &states {
        log(secret, collect_state(context, secret, &known, views).await);
    }
    let stored: HashSet<String> = states.iter().map(ResourceExt::name_any).collect();
    let entries = list(context, names::LEDGER).await?;
    for secret in &entries {
        log(
            secret,
            collect_ledger(context, secret, &known, &stored, views).await,
        );
    }
    let passwords = list(context, names::REFUSED_PASSWORD).await?;
    for secret in &passwords {
        log(secret, collect_password(context, secret, views).await);
    }
    let all = states.iter().chain(&entries).chain(&passwords);
    views.retain(&all.filter_map(ResourceExt::uid).collect());
    Ok(())
}

/// One Secret that can't be dealt with now must not stop the others.
fn log(secret: &Secret, result: Result<(), Error>) {
    let Err(error) = result else { return };
    let (name, error) = (secret.name_any(), chain(&error));
    tracing::info!(secret.name = %name, error = %error, "Garbage collection skipped a Secret until the next run");
}

struct Known {
    uids: HashSet<String>,
    /// Whether a uid that is not among them is nowhere in the cluster.
    complete: bool,
}

impl Known {
    fn of(context: &Context) -> Self {
        let stores = context.connectors.stores();
        let ready = stores
            .iter()
            .all(|store| matches!(store.wait_until_ready().now_or_never(), Some(Ok(()))));
        let connectors = stores.iter().flat_map(kube::runtime::reflector::Store::state);
        Self {
            uids: connectors.filter_map(|connector| connector.uid()).collect(),
            complete: ready && !stores.is_empty() && context.settings.watch_namespaces.is_empty(),
        }
    }

    fn has(&self, uid: &str) -> bool {
        self.uids.contains(uid)
    }
}

async fn collect_state(
    context: &Context,
    secret: &Secret,
    known: &Known,
    views: &mut Views,
) -> Result<(), Error> {
    let StateSeen::Found(state, _) = understood(secret) else {
        return Ok(()); // another version's, or damaged: not ours to judge
    };
    let (uid, mark) = (&state.connector.uid, mark(secret));
    if secret.name_any() != state_name(uid) || (mark.is_none() && known.has(uid)) {
        return Ok(());
    }
    let read = read_connector(context, &state.connector).await;
    let retention = context.settings.state_retention;
    let (now, ran) = (context.clock.now(), context.clock.running_for());
    match redeem::garbage_collection(uid, &read, mark, now, signed(retention)) {
        GarbageDecision::Keep if mark.is_some() => annotate(context, secret, None).await,
        GarbageDecision::Undecided => {
            tracing::debug!(object.name = %state.connector.name, object.namespace = %state.connector.namespace,
                read = ?read, "Kept a stored grant: the connector's existence is unclear");
            Ok(())
        }
        GarbageDecision::Keep => Ok(()),
        GarbageDecision::Mark(mark) => {
            tracing::info!(object.name = %state.connector.name, object.namespace = %state.connector.namespace,
                "The connector was deleted; its stored grant is kept until the retention time is over");
            views.begin(secret, ran);
            annotate(context, secret, Some(mark)).await
        }
        GarbageDecision::Remove if !views.suffice(secret, ran, retention) => {
            tracing::debug!(object.name = %state.connector.name, object.namespace = %state.connector.namespace,
                "Kept a stored grant until this process has observed it for longer");
            Ok(())
        }
        GarbageDecision::Remove => {
            let Some(secret) = revoked(context, secret, &state).await? else {
                return Ok(());
            };
            delete(context, &secret).await?;
            tracing::info!(object.name = %state.connector.name, object.namespace = %state.connector.namespace,
                "Deleted the stored grant of a deleted connector");
            Ok(())
        }
    }
}

/// Revokes the grants in a state where that was asked for. Answers with the Secret to remove, at its latest version, or
/// with nothing as long as another try is worth while.
async fn revoked(context: &Context, secret: &Secret, state: &State) -> Result<Option<Secret>, Error> {
    let host = secret.annotations().get(names::REVOKE_AT);
    let Some(host) = host.and_then(|host| host.parse::<Host>().ok()) else {
        return Ok(Some(secret.clone()));
    };
    // A state of another cluster came with a backup: its grant is in use there.
    if state.cluster != place(context).await?.cluster {
        return Ok(Some(secret.clone()));
    }
    let counted = match redeem::revocation(state, REVOCATION_TRIES) {
        Revocation::Finished => return Ok(Some(secret.clone())),
        Revocation::Try(counted) => counted,
    };
    let Some(written) = count_try(context, secret, &counted).await? else {
        return Ok(None);
    };
    let mut all = true;
    for grant in counted
        .grants()
        .filter(|grant| !grant.is_dead() && is_at_home(grant, &host))
    {
        all &= revoke(context, &host, &grant.refresh_token, &counted).await;
    }
    Ok(all.then_some(written))
}

/// Writes the state with the try that is counted in it.
async fn count_try(context: &Context, secret: &Secret, counted: &State) -> Result<Option<Secret>, Error> {
    let Ok(data) = counted.to_data() else {
        return Ok(None);
    };
    let mut wanted = secret.clone();
    wanted.data = Some(
        data.into_iter()
            .map(|(key, value)| (key, ByteString(value)))
            .collect(),
    );
    let name = secret.name_any();
    match own_secrets(context)
        .replace(&name, &PostParams::default(), &wanted)
        .await
    {
        Ok(written) => Ok(Some(written)),
        Err(source) => Err(Error::WriteSecret { name, source }),
    }
}

/// Revokes one refresh token; whether it is dead now.
async fn revoke(context: &Context, host: &Host, token: &redeem::RefreshToken, state: &State) -> bool {
    let token = RefreshToken::new(token.expose_secret().to_owned());
    let answer = context
        .salesforce(&state.connector.namespace)
        .revoke(host, TokenToRevoke::Refresh(&token))
        .await;
    let ConnectorRef { name, namespace, .. } = &state.connector;
    match answer.map_err(|failure| failure.refusal) {
        Ok(()) | Err(Refusal::TokenInvalid | Refusal::TokenTypeNotSupported) => {
            tracing::info!(object.name = %name, object.namespace = %namespace,
                "Revoked the grant of a deleted connector");
            true
        }
        Err(refusal) => {
            tracing::warn!(object.name = %name, object.namespace = %namespace, reason = refusal.as_str(),
                tries = state.revocation_tries, "Failed to revoke the grant of a deleted connector");
            false
        }
    }
}

/// An entry names its connector by uid alone, so it takes a watch of the whole cluster to tell that it is gone.
async fn collect_ledger(
    context: &Context,
    secret: &Secret,
    known: &Known,
    stored: &HashSet<String>,
    views: &mut Views,
) -> Result<(), Error> {
    let Ok(entry) = LedgerEntry::from_data(&bytes(secret)) else {
        return Ok(());
    };
    let (uid, mark) = (&entry.connector_uid, mark(secret));
    let read = if known.has(uid) || stored.contains(&state_name(uid)) {
        ConnectorRead::Found(uid.clone())
    } else if known.complete {
        ConnectorRead::NotFound
    } else {
        ConnectorRead::NotWatched
    };
    let (now, ran) = (context.clock.now(), context.clock.running_for());
    match redeem::garbage_collection(uid, &read, mark, now, LEDGER_RETENTION) {
        GarbageDecision::Keep if mark.is_some() => annotate(context, secret, None).await,
        GarbageDecision::Keep | GarbageDecision::Undecided => Ok(()),
        GarbageDecision::Mark(mark) => {
            views.begin(secret, ran);
            annotate(context, secret, Some(mark)).await
        }
        GarbageDecision::Remove if !views.suffice(secret, ran, IN_VIEW) => Ok(()),
        GarbageDecision::Remove => delete(context, secret).await,
    }
}

/// A password that was refused this long ago has been changed, or may cost its user one more refusal.
async fn collect_password(context: &Context, secret: &Secret, views: &mut Views) -> Result<(), Error> {
    let Some(created) = &secret.metadata.creation_timestamp else {
        return Ok(());
    };
    let over = context.clock.now().duration_since(created.0) > LEDGER_RETENTION;
    if over && views.suffice(secret, context.clock.running_for(), IN_VIEW) {
        return delete(context, secret).await;
    }
    Ok(())
}

/// Reads a connector live. Its metadata suffices: one that can't be parsed is there all the same.
async fn read_connector(context: &Context, connector: &ConnectorRef) -> ConnectorRead {
    let watched = &context.settings.watch_namespaces;
    if !watched.is_empty() && !watched.iter().any(|each| **each == *connector.namespace) {
        return ConnectorRead::NotWatched;
    }
    let api: Api<SalesforceConnector> = Api::namespaced(context.once.clone(), &connector.namespace);
    match tokio::time::timeout(KUBERNETES_LIMIT, api.get_metadata(&connector.name)).await {
        Ok(answer) => judge(&connector.name, answer.map(|found| found.uid())),
        Err(_) => ConnectorRead::Failed,
    }
}

/// What the API server's answer says about the connector of that name.
///
/// Only a 404 that names the object says that the object is gone. It looks the same in a namespace that is gone; where the
/// CRD is gone, the 404 is about the path and names nothing.
pub fn judge(name: &str, answer: kube::Result<Option<String>>) -> ConnectorRead {
    let status = match answer {
        Ok(Some(uid)) => return ConnectorRead::Found(uid.into()),
        Err(kube::Error::Api(status)) => status,
        Ok(None) | Err(_) => return ConnectorRead::Failed,
    };
    let names_it = status
        .details
        .as_ref()
        .is_some_and(|details| details.name == name && details.group == names::GROUP);
    match status.code {
        404 if status.reason == "NotFound" && names_it => ConnectorRead::NotFound,
        404 => ConnectorRead::NoCrd,
        401 | 403 => ConnectorRead::Forbidden,
        _ => ConnectorRead::Failed,
    }
}

fn mark(secret: &Secret) -> Option<GarbageMark> {
    let text = secret.annotations().get(names::GONE_SINCE)?;
    let gone_since: Timestamp = text.parse().ok()?;
    Some(GarbageMark { gone_since })
}

fn own_secrets(context: &Context) -> Api<Secret> {
    Api::namespaced(context.client.clone(), &context.settings.namespace)
}

async fn list(context: &Context, purpose: &'static str) -> Result<Vec<Secret>, Error> {
    let mut found = Vec::new();
    let mut params = ListParams::default()
        .labels(&format!("{}={purpose}", names::PURPOSE))
        .limit(PAGE);
    loop {
        let page = own_secrets(context).list(&params).await;
        let page = page.map_err(|source| Error::ListSecrets { purpose, source })?;
        found.extend(page.items);
        match page.metadata.continue_ {
            Some(more) if !more.is_empty() => params = params.continue_token(&more),
            Some(_) | None => return Ok(found),
        }
    }
}

/// Sets the mark, or takes it away, on the very version that was looked at.
async fn annotate(context: &Context, secret: &Secret, mark: Option<GarbageMark>) -> Result<(), Error> {
    let text = mark.map(|mark| mark.gone_since.to_string());
    let patch = Patch::Merge(json!({ "metadata": {
        "uid": secret.uid(),
        "resourceVersion": secret.resource_version(),
        "annotations": { names::GONE_SINCE: text },
    } }));
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let name = secret.name_any();
    match own_secrets(context).patch_metadata(&name, &params, &patch).await {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::WriteSecret { name, source }),
    }
}

/// Deletes the very version that was looked at: one that was written or created again meanwhile stays.
async fn delete(context: &Context, secret: &Secret) -> Result<(), Error> {
    let deleted = own_secret::delete_version(&own_secrets(context), secret).await;
    deleted.map_err(|source| Error::DeleteSecret {
        name: secret.name_any(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    /// An error of the API server, as `tests/cluster/garbage_collection.rs` sees it from a real one.
    fn refused(code: u16, reason: &str, details: Option<(&str, &str)>) -> kube::Error {
        let details = details.map(|(name, group)| StatusDetails {
            name: name.to_owned(),
            group: group.to_owned(),
            kind: "salesforceconnectors".to_owned(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        });
        let status = kube::core::Status {
            code,
            reason: reason.to_owned(),
            details,
            ..kube::core::Status::default()
        };
        kube::Error::Api(Box::new(status))
    }

    #[test]
    fn nothing_is_removed_before_the_process_has_had_it_in_view_for_the_grace_or_an_hour() {
        let secret = |uid: &str| {
            let mut secret = Secret::default();
            secret.metadata.uid = Some(uid.to_owned());
            secret
        };
        let (state, other) = (secret("state"), secret("other"));
        let (minutes, day) = (Duration::from_mins, Duration::from_hours(24));
        let mut views = Views::default();
        // The wall clock says that the grace is over, from the first look on.
        assert!(!views.suffice(&state, minutes(5), day));
        assert!(!views.suffice(&state, minutes(64), day));
        assert!(views.suffice(&state, minutes(65), day));
        assert!(!views.suffice(&other, minutes(65), day), "each for itself");
        assert!(
            views.suffice(&other, minutes(66), minutes(1)),
            "a shorter grace is enough"
        );
        views.begin(&state, minutes(70));
        assert!(!views.suffice(&state, minutes(129), day), "it was kept meanwhile");
        views.retain(&HashSet::from(["other".to_owned()]));
        assert!(!views.suffice(&state, minutes(200), day), "it was away meanwhile");
    }

    #[test]
    fn an_answer_that_does_not_name_the_connector_says_nothing_of_it() {
        let cases = [
            (Ok(Some("uid".to_owned())), ConnectorRead::Found("uid".into())),
            (Ok(None), ConnectorRead::Failed),
            (
                Err(refused(404, "NotFound", Some(("crm", names::GROUP)))),
                ConnectorRead::NotFound,
            ),
            (
                Err(refused(404, "NotFound", Some(("other", names::GROUP)))),
                ConnectorRead::NoCrd,
            ),
            (
                Err(refused(404, "NotFound", Some(("crm", "")))),
                ConnectorRead::NoCrd,
            ),
            (Err(refused(404, "NotFound", None)), ConnectorRead::NoCrd),
            (
                Err(refused(404, "Failed to parse error data", None)),
                ConnectorRead::NoCrd,
            ),
            (
                Err(refused(403, "Forbidden", Some(("crm", names::GROUP)))),
                ConnectorRead::Forbidden,
            ),
            (Err(refused(401, "Unauthorized", None)), ConnectorRead::Forbidden),
            (Err(refused(500, "InternalError", None)), ConnectorRead::Failed),
            (Err(refused(503, "", None)), ConnectorRead::Failed),
            (
                Err(kube::Error::LinesCodecMaxLineLengthExceeded),
                ConnectorRead::Failed,
            ),
        ];
        for (answer, read) in cases {
            let shown = format!("{answer:?}");
            assert_eq!(judge("crm", answer), read, "{shown}");
        }
    }
}
