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
    pub(crate) taken_over: bool,
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
        taken_over: bool,
        precondition: ResourceVersion,
    },
    Announce {
        uid: u32,
        serial: Serial,
        precondition: ResourceVersion,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Cluster {
    version: u32,
    pub(crate) states: Vec<(Key, Shared<State>, ResourceVersion)>,
    pub(crate) ledger: Vec<(usize, LedgerName, LedgerEntry, ResourceVersion)>,
    pub(crate) connector: Option<Connector>,
    pub(crate) consumer: Option<Consumer>,
    /// A write that was thought lost and may land yet.
    pub(crate) delayed: Option<Op>,
    /// A state that was changed so that it can't be read.
    pub(crate) spoiled: Option<(Key, Spoiled)>,
    /// Ghost: the serials that were announced, by the connector's uid.
    pub(crate) announced: Vec<(u32, Serial)>,
}

/// How a state was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Spoiled {
    Unsupported,
    Unreadable,
}

impl Cluster {
    pub(crate) fn new_version(&mut self) -> ResourceVersion {
        self.version += 1;
        ResourceVersion::new(self.version.to_string())
    }

    pub(crate) fn state(&self, key: Key) -> Option<(&Shared<State>, &ResourceVersion)> {
        self.states
            .iter()
            .find(|(at, ..)| *at == key)
            .map(|(_, state, version)| (state, version))
    }

    /// Puts a state there whatever was there before: what people, backups and broken variants do.
    pub(crate) fn put_state(&mut self, key: Key, state: Shared<State>) -> ResourceVersion {
        let version = self.new_version();
        self.delete_state(key);
        self.states.push((key, state, version.clone()));
        version
    }

    /// Gives the first state another version, spoiled or mended.
    pub(crate) fn spoil(&mut self, how: Option<Spoiled>) -> bool {
        let version = self.new_version();
        let Some((key, _, at)) = self.states.first_mut() else {
            return false;
        };
        *at = version;
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
                let version = self.new_version();
                self.ledger.push((installation, name, entry, version.clone()));
                WriteReply::Written(version)
            }
            Op::MarkLedger {
                installation,
                name,
                entry,
                precondition,
            } => {
                let version = self.new_version();
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
                taken_over,
                precondition,
            } => self.patch(uid, &precondition, |connector| {
                connector.controller = Some(by);
                connector.taken_over |= taken_over;
                connector.serial = Some(serial);
            }),
            Op::Announce {
                uid,
                serial,
                precondition,
            } => {
                let reply = self.patch(uid, &precondition, |c| c.serial = Some(serial));
                if matches!(reply, WriteReply::Written(_)) {
                    self.announced.push((uid, serial));
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
        let version = self.new_version();
        match &mut self.connector {
            Some(connector) if connector.uid == uid && connector.version == *precondition => {
                change(connector);
                connector.version = version.clone();
                WriteReply::Written(version)
            }
            Some(_) | None => WriteReply::Conflict,
        }
    }
}
