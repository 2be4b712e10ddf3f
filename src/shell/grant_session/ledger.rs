//! What a session reads from and writes to the ledger: which bootstrap tokens were imported, and which codes redeemed.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::{ListParams, PartialObjectMeta};
use redeem::{LedgerEntry, LedgerName, LedgerPhase, Read, Reply, ResourceVersion, WriteReply};

use crate::api::names;
use crate::shell::grant_session::driver::SessionDriver;
use crate::shell::grant_session::kubernetes::{bytes, version, versioned};
use crate::shell::grant_session::replies::{KUBERNETES_LIMIT, mapped};

/// Imports that a connector may begin a day: each leaves an entry in the ledger.
const IMPORTS_OF_CONNECTOR: usize = 20;
/// The same for all connectors of a namespace.
const IMPORTS_OF_NAMESPACE: u32 = 100;

fn ledger_name(name: &LedgerName) -> String {
    format!("{}{}", names::LEDGER_PREFIX, name.as_str())
}

impl SessionDriver {
    /// An entry of an import or a login that begins is counted first, so that nobody fills the operator's namespace.
    pub(crate) async fn create_ledger(&mut self, name: &LedgerName, entry: &LedgerEntry) -> Reply {
        let mut secret = self.ledger_secret(name, entry, None);
        // The login is there until its code is presented, and the code's entry is the first of its session.
        let of_code = self.login.is_some();
        if of_code {
            let phase = names::PHASE_OF_CODE.to_owned();
            secret.labels_mut().insert(names::PHASE_LABEL.to_owned(), phase);
        }
        if of_code || entry.phase == LedgerPhase::Importing {
            match self.may_import(&secret).await {
                Read::Is(true) => {}
                Read::Is(false) => return Reply::ImportedTooOften,
                Read::Failed => return Reply::Write(WriteReply::Refused),
            }
        }
        self.create(secret).await
    }

    pub(crate) async fn mark_ledger(
        &mut self,
        name: &LedgerName,
        entry: &LedgerEntry,
        version: &ResourceVersion,
    ) -> Reply {
        self.replace(self.ledger_secret(name, entry, Some(version))).await
    }

    /// Its labels are all that garbage collection and counts look at.
    fn ledger_secret(
        &self,
        name: &LedgerName,
        entry: &LedgerEntry,
        version: Option<&ResourceVersion>,
    ) -> Secret {
        let mut secret = versioned(ledger_name(name), names::LEDGER, entry.to_data(), version);
        let labels = [
            (names::NAMESPACE_LABEL, self.owner.namespace.clone()),
            (names::CONNECTOR_UID_LABEL, entry.connector_uid.to_string()),
            (names::PHASE_LABEL, entry.phase.as_str().to_owned()),
            (names::DAY_LABEL, self.today()),
            (
                names::KEY_ID_LABEL,
                self.context.digest_key.ledger().id().to_owned(),
            ),
        ];
        let labels = labels.map(|(key, value)| (key.to_owned(), value));
        secret.labels_mut().extend(labels);
        secret
    }

    fn today(&self) -> String {
        let now = self.context.clock.now();
        now.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    }

    /// Whether the connector, and its namespace, may begin another import today. One that was begun before may go on.
    async fn may_import(&mut self, entry: &Secret) -> Read<bool> {
        let (namespace, today) = (&self.owner.namespace, self.today());
        let purpose = format!("{}={}", names::PURPOSE, names::LEDGER);
        let labels = format!(
            "{purpose},{}={namespace},{}={today}",
            names::NAMESPACE_LABEL,
            names::DAY_LABEL
        );
        let list = ListParams::default().labels(&labels).limit(IMPORTS_OF_NAMESPACE);
        let api = self.own_secrets();
        let result = tokio::time::timeout(KUBERNETES_LIMIT, api.list_metadata(&list)).await;
        let uid = self.owner.uid.clone();
        mapped(self.read(result), |found| {
            let of_this = |secret: &&PartialObjectMeta<Secret>| {
                secret.labels().get(names::CONNECTOR_UID_LABEL) == Some(&uid)
            };
            let known = found
                .items
                .iter()
                .any(|secret| secret.name_any() == entry.name_any());
            let few = found.items.len() < IMPORTS_OF_NAMESPACE as usize
                && found.items.iter().filter(of_this).count() < IMPORTS_OF_CONNECTOR;
            known || few
        })
    }

    pub(crate) async fn read_ledger(&mut self, name: &LedgerName) -> Reply {
        let found = match self.get(self.own_secrets(), &ledger_name(name)).await {
            Read::Failed => Read::Failed,
            Read::Is(None) => Read::Is(None),
            // An entry that can't be understood is no permission.
            Read::Is(Some(secret)) => match LedgerEntry::from_data(&bytes(&secret)) {
                Ok(entry) => Read::Is(Some((entry, version(&secret)))),
                Err(error) => {
                    self.unavailable = Some(format!("Secret \"{}\": {error}", secret.name_any()));
                    Read::Failed
                }
            },
        };
        Reply::Ledger(found)
    }

    /// Whether entries of bootstrap tokens were written with another key.
    pub(crate) async fn has_entries_of_other_keys(&mut self, key_id: &str) -> Reply {
        let labels = format!(
            "{}={},{}!={key_id},{}!={}",
            names::PURPOSE,
            names::LEDGER,
            names::KEY_ID_LABEL,
            names::PHASE_LABEL,
            names::PHASE_OF_CODE
        );
        let list = ListParams::default().labels(&labels).limit(1);
        let api = self.own_secrets();
        let result = tokio::time::timeout(KUBERNETES_LIMIT, api.list_metadata(&list)).await;
        let found = self.read(result);
        Reply::EntriesOfOtherKeys(mapped(found, |found| !found.items.is_empty()))
    }

    /// Whether a code was entered with another key for this connector since its login began: it may be the code of this login.
    pub(crate) async fn has_code_of_other_keys(&mut self, key_id: &str) -> Reply {
        let labels = format!(
            "{}={},{}!={key_id},{}={},{}={}",
            names::PURPOSE,
            names::LEDGER,
            names::KEY_ID_LABEL,
            names::PHASE_LABEL,
            names::PHASE_OF_CODE,
            names::CONNECTOR_UID_LABEL,
            self.owner.uid
        );
        let list = ListParams::default().labels(&labels);
        let api = self.own_secrets();
        let result = tokio::time::timeout(KUBERNETES_LIMIT, api.list_metadata(&list)).await;
        let found = self.read(result);
        let begun_at = self.login.as_ref().map(|login| login.begun_at);
        let since = |entry: &ObjectMeta| {
            let entered = entry.creation_timestamp.as_ref().map(|created| created.0);
            entered
                .zip(begun_at)
                .is_none_or(|(entered, begun_at)| entered >= begun_at)
        };
        Reply::EntriesOfOtherKeys(mapped(found, |found| {
            found.items.iter().any(|entry| since(&entry.metadata))
        }))
    }
}
