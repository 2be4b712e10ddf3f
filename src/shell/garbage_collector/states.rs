//! When is a stored grant removed, whose connector is gone? Where that was asked for, it is revoked first.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use redeem::{ConnectorRead, ConnectorRef, GarbageDecision, GarbageMark, Revocation, State, StateSeen};
use salesforce_client::{Host, RefreshToken, Refusal, TokenToRevoke};

use crate::api::names::state_name;
use crate::api::{SalesforceConnector, names};
use crate::core::grant::view::is_at_home;
use crate::core::schedule::time::signed;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::garbage_collector::store::{Known, Stored, annotate, delete, mark, orphaned, own_secrets};
use crate::shell::garbage_collector::views::Views;
use crate::shell::grant_session::{KUBERNETES_LIMIT, place, understood};

/// Tries to revoke a grant before it is removed all the same.
const REVOCATION_TRIES: u32 = 5;

pub(super) async fn collect_state(
    context: &Context,
    stored: &Stored,
    known: &Known,
    views: &mut Views,
) -> Result<(), Error> {
    let mark = mark(stored);
    let Some((secret, state)) = orphan(context, stored, known, mark).await? else {
        return Ok(());
    };
    let uid = &state.connector.uid;
    let read = read_connector(context, &state.connector).await;
    let retention = context.settings.state_retention;
    let (now, ran) = (context.clock.now(), context.clock.running_for());
    match redeem::garbage_collection(uid, &read, mark, now, signed(retention)) {
        GarbageDecision::Keep if mark.is_some() => annotate(context, stored, None).await,
        GarbageDecision::Undecided => {
            tracing::debug!(object.name = %state.connector.name, object.namespace = %state.connector.namespace,
                read = ?read, "Kept a stored grant: the connector's existence is unclear");
            Ok(())
        }
        GarbageDecision::Keep => Ok(()),
        GarbageDecision::Mark(mark) => {
            tracing::info!(object.name = %state.connector.name, object.namespace = %state.connector.namespace,
                "The connector was deleted; its stored grant is kept until the retention time is over");
            views.begin(stored, ran);
            annotate(context, stored, Some(mark)).await
        }
        GarbageDecision::Remove if !views.suffice(stored, ran, retention) => {
            tracing::debug!(object.name = %state.connector.name, object.namespace = %state.connector.namespace,
                "Kept a stored grant until this process has observed it for longer");
            Ok(())
        }
        GarbageDecision::Remove => {
            let Some(secret) = revoked(context, &secret, &state).await? else {
                return Ok(());
            };
            delete(context, &secret).await?;
            tracing::info!(object.name = %state.connector.name, object.namespace = %state.connector.namespace,
                "Deleted the stored grant of a deleted connector");
            Ok(())
        }
    }
}

/// A state whose connector may be gone.
async fn orphan(
    context: &Context,
    stored: &Stored,
    known: &Known,
    mark: Option<GarbageMark>,
) -> Result<Option<(Secret, Box<State>)>, Error> {
    let found = orphaned(context, stored, names::STATE_PREFIX, known, mark).await?;
    // Another version's, or a damaged one, is not ours to judge.
    Ok(found.and_then(|secret| match understood(&secret) {
        StateSeen::Found(state, _) if stored.name_any() == state_name(&state.connector.uid) => {
            Some((secret, state))
        }
        _ => None,
    }))
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
    let presentable = |grant: &&redeem::Grant| !grant.is_dead() && is_at_home(grant, &host);
    for grant in counted.grants().filter(presentable) {
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

/// Reads a connector live. Its metadata suffices: one that can't be parsed is there all the same.
pub(super) async fn read_connector(context: &Context, connector: &ConnectorRef) -> ConnectorRead {
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
