//! The Kubernetes API server as the model knows it: objects with resourceVersions, compare-and-swap, live reads.

use redeem::{InstallationUid, LedgerEntry, LedgerName, ResourceVersion, Serial, State, WriteReply};

use crate::shared::Shared;

/// Which state Secret: installation and connector uid.
pub(crate) type Key = (usize, u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Connector {
    pub(crate) uid: u32,
    pub(crate) version: ResourceVersion,
    pub(crate) controller: Option<InstallationUid>,
    pub(crate) serial: Option<Serial>,
}

/// The consumer's Secret: its connector, serial and the access token in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Consumer {
    pub(crate) uid: u32,
    pub(crate) serial: Serial,
    pub(crate) access: String,
}

/// A write on its way to the API server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    State {
        key: Key,
        precondition: Option<ResourceVersion>,
        state: Shared<State>,
    },
    CreateLedger {
        installation: usize,
        name: LedgerName,
        entry: LedgerEntry,
    },
    MarkLedger {
        installation: usize,
        name: LedgerName,
        entry: LedgerEntry,
        precondition: ResourceVersion,
    },
    Claim {
        uid: u32,
        by: InstallationUid,
        serial: Serial,
        precondition: ResourceVersion,
    },
    Announce {
        uid: u32,
        serial: Serial,
        precondition: ResourceVersion,
    },
}

/// The version given last, for each object: it is compared with others of the same object only, and only for equality. One
/// number for all objects would tell apart worlds that nothing in them can tell apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Versions {
    connector: u32,
    states: Vec<(Key, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Cluster {
    versions: Versions,
    pub(crate) states: Vec<(Key, Shared<State>, ResourceVersion)>,
    pub(crate) ledger: Vec<(usize, LedgerName, LedgerEntry, ResourceVersion)>,
    pub(crate) connector: Option<Connector>,
    pub(crate) consumer: Option<Consumer>,
    /// A write that was thought lost and may land yet.
    pub(crate) delayed: Option<Op>,
    /// A state that was changed so that it can't be read.
    pub(crate) spoiled: Option<(Key, Spoiled)>,
    /// Ghost: the highest serial that was announced, by the connector's uid.
    pub(crate) announced: Vec<(u32, Serial)>,
}

/// How a state was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Spoiled {
    Unsupported,
    Unreadable,
}

impl Cluster {
    /// A version that the connector has never had.
    pub(crate) fn new_connector_version(&mut self) -> ResourceVersion {
        next_of(&mut self.versions.connector)
    }

    pub(crate) fn state(&self, key: Key) -> Option<(&Shared<State>, &ResourceVersion)> {
        self.states
            .iter()
            .find(|(at, ..)| *at == key)
            .map(|(_, state, version)| (state, version))
    }

    /// Puts a state there whatever was there before: what people, backups and broken variants do.
    pub(crate) fn put_state(&mut self, key: Key, state: Shared<State>) -> ResourceVersion {
        let version = self.versions.of_state(key);
        self.delete_state(key);
        self.states.push((key, state, version.clone()));
        version
    }

    /// Gives the first state another version, spoiled or mended.
    pub(crate) fn spoil(&mut self, how: Option<Spoiled>) -> bool {
        let Some((key, _, at)) = self.states.first_mut() else {
            return false;
        };
        *at = self.versions.of_state(*key);
        self.spoiled = how.map(|how| (*key, how));
        true
    }

    /// How the state of that key was spoiled.
    pub(crate) fn spoiled(&self, key: Key) -> Option<Spoiled> {
        self.spoiled.filter(|(at, _)| *at == key).map(|(_, how)| how)
    }

    pub(crate) fn delete_state(&mut self, key: Key) {
        self.states.retain(|(at, ..)| *at != key);
        self.spoiled = self.spoiled.filter(|(at, _)| *at != key);
    }

    pub(crate) fn ledger_entry(
        &self,
        at: usize,
        name: &LedgerName,
    ) -> Option<(LedgerEntry, ResourceVersion)> {
        let found = self
            .ledger
            .iter()
            .find(|(installation, named, ..)| *installation == at && named == name);
        found.map(|(_, _, entry, version)| (entry.clone(), version.clone()))
    }

    pub(crate) fn apply(&mut self, op: Op) -> WriteReply {
        match op {
            Op::State {
                key,
                precondition,
                state,
            } => {
                if self.state(key).map(|(_, version)| version) != precondition.as_ref() {
                    return WriteReply::Conflict;
                }
                WriteReply::Written(self.put_state(key, state))
            }
            Op::CreateLedger {
                installation,
                name,
                entry,
            } => {
                if self.ledger_entry(installation, &name).is_some() {
                    return WriteReply::Conflict;
                }
                let version = ResourceVersion::new("created");
                self.ledger.push((installation, name, entry, version.clone()));
                WriteReply::Written(version)
            }
            Op::MarkLedger {
                installation,
                name,
                entry,
                precondition,
            } => {
                let version = ResourceVersion::new(format!("{precondition}, marked"));
                let found = self
                    .ledger
                    .iter_mut()
                    .find(|(at, named, ..)| *at == installation && *named == name);
                match found {
                    Some((_, _, old, at)) if *at == precondition => {
                        *old = entry;
                        *at = version.clone();
                        WriteReply::Written(version)
                    }
                    Some(_) | None => WriteReply::Conflict,
                }
            }
            Op::Claim {
                uid,
                by,
                serial,
                precondition,
            } => self.patch(uid, &precondition, |connector| {
                connector.controller = Some(by);
                connector.serial = Some(serial);
            }),
            Op::Announce {
                uid,
                serial,
                precondition,
            } => {
                let reply = self.patch(uid, &precondition, |c| c.serial = Some(serial));
                if matches!(reply, WriteReply::Written(_)) {
                    self.note_announced(uid, serial);
                }
                reply
            }
        }
    }

    fn patch(
        &mut self,
        uid: u32,
        precondition: &ResourceVersion,
        change: impl FnOnce(&mut Connector),
    ) -> WriteReply {
        match &mut self.connector {
            Some(connector) if connector.uid == uid && connector.version == *precondition => {
                let version = next_of(&mut self.versions.connector);
                change(connector);
                connector.version = version.clone();
                WriteReply::Written(version)
            }
            Some(_) | None => WriteReply::Conflict,
        }
    }

    fn note_announced(&mut self, uid: u32, serial: Serial) {
        match self.announced.iter_mut().find(|(of, _)| *of == uid) {
            Some((_, highest)) => *highest = serial.max(*highest),
            None => self.announced.push((uid, serial)),
        }
    }
}

impl Versions {
    /// A version that the state of this key has never had, deleted or not.
    fn of_state(&mut self, key: Key) -> ResourceVersion {
        if let Some((_, given)) = self.states.iter_mut().find(|(of, _)| *of == key) {
            return next_of(given);
        }
        let mut given = 0;
        let version = next_of(&mut given);
        self.states.push((key, given));
        version
    }
}

fn next_of(given: &mut u32) -> ResourceVersion {
    *given += 1;
    ResourceVersion::new(given.to_string())
}
