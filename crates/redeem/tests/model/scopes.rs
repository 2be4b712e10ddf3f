//! Within which bounds is every interleaving walked?
//!
//! A scope bounds how many sessions each controller begins and how often each kind of problem strikes in one schedule.

use crate::world::{Asking, Start};

/// The bounds of one search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    pub(crate) start: Start,
    pub(crate) rotates: bool,
    pub(crate) asking: Asking,
    pub(crate) named: bool,
    pub(crate) installations: usize,
    /// Whether controller 1 has shorter limits than the other.
    pub(crate) unequal: bool,
    /// How far time jumps, in seconds.
    pub(crate) jump: u64,
    pub(crate) people: People,
    pub(crate) left: Left,
}

/// What people may do in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum People {
    /// Log in, delete or restore the state, re-create or edit the connector, bring another token.
    Usual,
    /// What is seen less: another user's login, the first token again, a state that is spoiled or comes from another
    /// cluster, a grant that ends, a claim taken away, a connector deleted.
    Rare,
    /// Tell the second installation to take the connectors of the first one over.
    HandOver,
    /// Lose or restore the digest key, log in, bring the first token again, re-create the connector.
    DigestKey,
}

/// What may still happen in a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    /// Sessions that each controller begins.
    pub(crate) sessions: [u8; 2],
    pub(crate) crashes: u8,
    /// Reads that fail, writes lost, answered into the void or delayed, and everything between us and Salesforce.
    pub(crate) faults: u8,
    /// Logins, state deleted or restored, connector re-created or edited, another token bootstrap.
    pub(crate) people: u8,
    /// Jumps of time, past the hold-off unless the scope says otherwise; every step may come before or after one.
    pub(crate) jumps: u8,
    /// Leadership that moves, and sessions begun from a stale cache.
    pub(crate) moves: u8,
}

const fn scope(name: &'static str, start: Start, introspectable: bool, left: Left) -> Scope {
    Scope {
        name,
        start,
        rotates: true,
        asking: if introspectable {
            Asking::Answered
        } else {
            Asking::NoSecret
        },
        named: false,
        installations: 1,
        unequal: false,
        jump: 46,
        people: People::Usual,
        left,
    }
}

const fn left(sessions: [u8; 2], crashes: u8, faults: u8, people: u8, jumps: u8) -> Left {
    Left {
        sessions,
        crashes,
        faults,
        people,
        jumps,
        moves: 0,
    }
}

pub(crate) const SCOPES: &[Scope] = &[
    scope(
        "renew: one crash, one jump",
        Start::Redeemed,
        true,
        left([2, 2], 1, 0, 0, 1),
    ),
    scope(
        "renew: two jumps",
        Start::Redeemed,
        true,
        left([2, 1], 0, 0, 0, 2),
    ),
    scope(
        "renew: one fault, one jump",
        Start::Redeemed,
        true,
        left([1, 2], 0, 1, 0, 1),
    ),
    scope(
        "renew: one crash, one fault",
        Start::Redeemed,
        true,
        left([1, 1], 1, 1, 0, 0),
    ),
    scope(
        "renew: one crash, one fault, one jump",
        Start::Redeemed,
        true,
        left([1, 1], 1, 1, 0, 1),
    ),
    scope(
        "renew, no introspection: one crash, one fault, one jump",
        Start::Redeemed,
        false,
        left([1, 1], 1, 1, 0, 1),
    ),
    scope(
        "import: one crash, one fault, one jump",
        Start::NotImported,
        false,
        left([1, 1], 1, 1, 0, 1),
    ),
    scope(
        "renew: people, one jump",
        Start::Redeemed,
        true,
        left([1, 1], 0, 0, 1, 1),
    ),
    scope(
        "renew: people, one crash",
        Start::Redeemed,
        true,
        left([1, 1], 1, 0, 1, 0),
    ),
    scope(
        "renew: people and one fault",
        Start::Redeemed,
        true,
        left([1, 1], 0, 1, 1, 0),
    ),
    scope(
        "renew, no introspection: one crash, one jump",
        Start::Redeemed,
        false,
        left([2, 1], 1, 0, 0, 1),
    ),
    scope(
        "renew, no introspection: one fault, one jump",
        Start::Redeemed,
        false,
        left([1, 1], 0, 1, 0, 1),
    ),
    scope(
        "renew, no introspection: people, one jump",
        Start::Redeemed,
        false,
        left([1, 1], 0, 0, 1, 1),
    ),
    scope(
        "renew: people, two sessions of one",
        Start::Redeemed,
        true,
        left([1, 2], 0, 0, 1, 0),
    ),
    scope(
        "import: one crash, one jump",
        Start::NotImported,
        false,
        left([1, 1], 1, 0, 0, 1),
    ),
    scope(
        "import: one fault",
        Start::NotImported,
        false,
        left([1, 1], 0, 1, 0, 0),
    ),
    scope(
        "import: people",
        Start::NotImported,
        false,
        left([1, 1], 0, 0, 1, 0),
    ),
    Scope {
        people: People::Rare,
        ..scope(
            "renew: what is rare, one jump",
            Start::Redeemed,
            true,
            left([1, 1], 0, 0, 1, 1),
        )
    },
    Scope {
        people: People::Rare,
        ..scope(
            "renew, no introspection: what is rare and one crash",
            Start::Redeemed,
            false,
            left([1, 1], 1, 0, 1, 0),
        )
    },
    Scope {
        people: People::Rare,
        named: true,
        ..scope(
            "import under a name: what is rare and one fault",
            Start::NotImported,
            true,
            left([1, 0], 0, 1, 1, 0),
        )
    },
    Scope {
        people: People::Rare,
        named: true,
        ..scope(
            "renew under a name: what is rare and one fault",
            Start::Redeemed,
            true,
            left([1, 0], 0, 1, 1, 0),
        )
    },
    scope(
        "import with introspection: one crash, one fault",
        Start::NotImported,
        true,
        left([1, 1], 1, 1, 0, 0),
    ),
    Scope {
        asking: Asking::Refused,
        ..scope(
            "import, introspection refused: one crash, one jump",
            Start::NotImported,
            true,
            left([1, 1], 1, 0, 0, 1),
        )
    },
    Scope {
        rotates: false,
        ..scope(
            "renew, no rotation: one crash, one fault",
            Start::Redeemed,
            false,
            left([1, 1], 1, 1, 0, 0),
        )
    },
    Scope {
        rotates: false,
        ..scope(
            "renew, no rotation: two jumps",
            Start::Redeemed,
            false,
            left([2, 1], 0, 0, 0, 2),
        )
    },
    Scope {
        left: Left {
            moves: 2,
            ..left([2, 1], 0, 0, 0, 1)
        },
        ..scope(
            "renew: leaders move and caches are stale, one jump",
            Start::Redeemed,
            true,
            left([0, 0], 0, 0, 0, 0),
        )
    },
    // Both own it, until one of them learns that it does not.
    Scope {
        left: Left {
            moves: 1,
            ..left([1, 1], 0, 1, 0, 1)
        },
        ..scope(
            "renew: a shard is handed over, one fault, one jump",
            Start::Redeemed,
            true,
            left([0, 0], 0, 0, 0, 0),
        )
    },
    Scope {
        left: Left {
            moves: 1,
            ..left([1, 1], 1, 0, 0, 0)
        },
        ..scope(
            "import: a shard is handed over, one crash",
            Start::NotImported,
            true,
            left([0, 0], 0, 0, 0, 0),
        )
    },
    Scope {
        unequal: true,
        jump: 24,
        ..scope(
            "renew, unequal limits: one shorter jump",
            Start::Redeemed,
            true,
            left([1, 2], 0, 0, 0, 1),
        )
    },
    Scope {
        unequal: true,
        ..scope(
            "renew, unequal limits: one crash, one jump",
            Start::Redeemed,
            true,
            left([2, 1], 1, 0, 0, 1),
        )
    },
    Scope {
        people: People::DigestKey,
        ..scope(
            "renew: another digest key, one crash",
            Start::Redeemed,
            true,
            left([1, 1], 1, 0, 2, 0),
        )
    },
    Scope {
        people: People::DigestKey,
        ..scope(
            "import, no introspection: another digest key, one crash",
            Start::NotImported,
            false,
            left([1, 1], 1, 0, 1, 0),
        )
    },
    Scope {
        people: People::DigestKey,
        ..scope(
            "renew, no introspection: another digest key",
            Start::Redeemed,
            false,
            left([1, 1], 0, 0, 2, 0),
        )
    },
    Scope {
        installations: 2,
        ..scope(
            "two installations import, one crash",
            Start::NotImported,
            false,
            left([1, 1], 1, 0, 0, 1),
        )
    },
    Scope {
        installations: 2,
        people: People::HandOver,
        ..scope(
            "a second installation takes over: one crash, one jump",
            Start::NotImported,
            true,
            left([1, 2], 1, 0, 1, 1),
        )
    },
    Scope {
        installations: 2,
        people: People::HandOver,
        ..scope(
            "a second installation takes over, no introspection: one crash, one jump",
            Start::Redeemed,
            false,
            left([1, 2], 1, 0, 1, 1),
        )
    },
];
