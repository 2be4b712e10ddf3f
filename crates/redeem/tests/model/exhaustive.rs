//! Every interleaving within stated bounds, by depth-first search over worlds already seen.
//!
//! Within the bounds of a scope (`scopes.rs`), every order of every step is walked. What is checked of each world reached is
//! what `World` checks at every step; what is checked of each end (nobody in a session, none left to begin) is how it settles.
//! Decision 21 in `docs/decisions` says which worlds count as the same.

use std::fmt;

use crate::action::Action;
use crate::cluster::Spoiled;
use crate::driver::Fault;
use crate::ending::Ending;
use crate::salesforce::Stage;
use crate::scopes::{Left, People, Scope};
use crate::seen::Seen;
use crate::shared::digest;
use crate::tally::Tally;
use crate::transitions::Transitions;
use crate::variant::Variant;
use crate::world::{Config, ControllerPhase, Violation, World};

/// What a search has found.
pub(crate) struct Found {
    scope: Scope,
    worlds: usize,
    steps: u64,
    ends: usize,
    endings: std::collections::BTreeMap<Ending, u64>,
    pub(crate) violation: Option<(Violation, Vec<Action>)>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scope,
            worlds,
            steps,
            ends,
            endings,
            ..
        } = self;
        write!(
            f,
            "{}: {worlds} worlds, {steps} steps, {ends} ends: {endings:?}",
            scope.name
        )
    }
}

struct Search {
    seen: Seen,
    path: Vec<Action>,
    /// What is still to be tried of each world on the path.
    actions: Vec<(Action, Left)>,
    wanted: Option<Violation>,
    found: Found,
    tally: Tally,
}

/// Walks a scope until something is found: anything, or the violation wanted of a broken variant.
pub(crate) fn explore(scope: &Scope, variant: Variant, wanted: Option<Violation>) -> Found {
    let Scope {
        rotates,
        asking,
        named,
        installations,
        unequal,
        start,
        ..
    } = *scope;
    let mut world = World::new(
        Config {
            rotates,
            asking,
            named,
            installations,
            controllers: 2,
            unequal,
            start,
            variant,
        },
        4,
    );
    world.transitions = Transitions::remembered();
    let mut search = Search {
        seen: Seen::new(),
        path: Vec::new(),
        actions: Vec::new(),
        wanted,
        found: Found {
            scope: *scope,
            worlds: 0,
            steps: 0,
            ends: 0,
            endings: std::collections::BTreeMap::new(),
            violation: None,
        },
        tally: Tally::silent(),
    };
    search.visit(&world, scope.left);
    search.found.worlds = search.seen.len();
    search.found
}

impl Search {
    fn visit(&mut self, world: &World, left: Left) {
        if !self.seen.insert(digest(&(world, left))) {
            return;
        }
        let first = self.actions.len();
        enabled(world, left, &self.found.scope, &mut self.actions);
        // Time may always pass and what is spoiled may always be mended: neither keeps a world from being an end.
        let goes_on = |(action, costs): &(Action, Left)| *action != Action::Mend && costs.jumps >= left.jumps;
        if !self.actions[first..].iter().any(goes_on) {
            self.end(world);
        }
        for index in first..self.actions.len() {
            let (action, left) = self.actions[index];
            let mut next = world.clone();
            if !next.apply(action, &mut self.tally) {
                continue;
            }
            self.found.steps += 1;
            self.path.push(action);
            if let Some(violation) = next.violation {
                self.note(violation);
            } else {
                self.visit(&next, left);
            }
            self.path.pop();
            if self.found.violation.is_some() {
                return;
            }
        }
        self.actions.truncate(first);
    }

    fn note(&mut self, violation: Violation) {
        if self.wanted.is_none_or(|wanted| wanted == violation) {
            self.found
                .violation
                .get_or_insert_with(|| (violation, self.path.clone()));
        }
    }

    fn end(&mut self, world: &World) {
        self.found.ends += 1;
        match world.clone().finish(&mut self.tally) {
            Ok(ending) => *self.found.endings.entry(ending).or_default() += 1,
            Err(violation) => self.note(violation),
        }
    }
}

/// What can happen next, and what may happen after it.
fn enabled(world: &World, left: Left, scope: &Scope, actions: &mut Vec<(Action, Left)>) {
    let who = scope.people;
    for c in 0..2 {
        controller_actions(world, left, c, actions);
    }
    let fault = left.faults.checked_sub(1).map(|faults| Left { faults, ..left });
    for request in world
        .salesforce
        .requests
        .iter()
        .filter(|request| request.stage == Stage::Processing)
    {
        actions.push((
            Action::Decide {
                c: None,
                id: request.id,
                fails: false,
            },
            left,
        ));
        actions.extend(fault.map(|left| {
            (
                Action::Decide {
                    c: None,
                    id: request.id,
                    fails: true,
                },
                left,
            )
        }));
    }
    if world.cluster.delayed.is_some() {
        actions.push((Action::LandDelayed, left));
    }
    if let Some(people) = left.people.checked_sub(1) {
        let left = Left { people, ..left };
        actions.extend(what_people_do(world, who).map(|action| (action, left)));
    }
    if who == People::Rare {
        actions.push((Action::Mend, left));
    }
    if let Some(moves) = left.moves.checked_sub(1) {
        let left = Left { moves, ..left };
        let leads = |c: usize| Action::Lead(c, !world.controllers[c].leads);
        actions.extend([leads(0), leads(1)].map(|action| (action, left)));
    }
    let quiet = world
        .controllers
        .iter()
        .all(|controller| controller.phase == ControllerPhase::Idle);
    if let Some(jumps) = left.jumps.checked_sub(1)
        && !(quiet && left.sessions == [0, 0])
    {
        actions.push((Action::Advance(scope.jump), Left { jumps, ..left }));
    }
}

fn what_people_do(world: &World, who: People) -> impl Iterator<Item = Action> {
    let usual = [
        Action::Login(0),
        Action::DeleteState,
        Action::Recreate,
        Action::Bring(0),
        Action::Bring(1),
        Action::Edit,
    ];
    let rare = [
        Action::Login(1),
        Action::BringFirst,
        Action::Spoil(Spoiled::Unsupported),
        Action::Spoil(Spoiled::Unreadable),
        Action::Migrate,
        Action::Lapse(0),
        Action::EndAccess,
        Action::DeleteConnector,
        Action::Unclaim,
    ];
    let (restores, usual, rare) = match who {
        People::Usual => (world.backups.len(), Some(usual), None),
        People::Rare => (0, None, Some(rare.to_vec())),
        People::HandOver => (0, None, Some(vec![Action::Unclaim])),
        People::DigestKey => {
            let actions = vec![
                Action::ReplaceKey,
                Action::Login(0),
                Action::BringFirst,
                Action::Recreate,
            ];
            (0, None, Some(actions))
        }
    };
    let actions = usual.into_iter().flatten().chain(rare.into_iter().flatten());
    (0..restores).map(Action::Restore).chain(actions)
}

fn controller_actions(world: &World, left: Left, c: usize, actions: &mut Vec<(Action, Left)>) {
    let fault = left.faults.checked_sub(1).map(|faults| Left { faults, ..left });
    let controller = &world.controllers[c];
    match &controller.phase {
        ControllerPhase::Idle => {
            if let Some(sessions) = left.sessions[c].checked_sub(1) {
                let mut left = left;
                left.sessions[c] = sessions;
                let begin = |stale| Action::Begin {
                    c,
                    renew: true,
                    stale,
                };
                actions.push((begin(false), left));
                if let Some(moves) = left.moves.checked_sub(1) {
                    actions.push((begin(true), Left { moves, ..left }));
                }
            }
            return;
        }
        ControllerPhase::Running(_) => {
            actions.push((
                Action::Step {
                    c,
                    fault: Fault::None,
                },
                left,
            ));
            if let Some(left) = fault {
                let faults = [
                    Fault::Failed,
                    Fault::LostRequest,
                    Fault::LostReply,
                    Fault::Delayed,
                    Fault::Refused,
                ];
                actions.extend(faults.map(|fault| (Action::Step { c, fault }, left)));
            }
        }
        ControllerPhase::Checked { .. } => {
            actions.push((Action::Arrive(c), left));
            if let Some(left) = fault {
                let faults = [
                    Action::NotSent(c),
                    Action::RequestLost(c),
                    Action::Refused(c),
                    Action::Twice(c),
                ];
                actions.extend(faults.map(|action| (action, left)));
            }
        }
        ControllerPhase::Sent { .. } => {
            actions.push((Action::Deliver(c), left));
            if let Some(left) = fault {
                let faults = [Action::ReplyLost(c), Action::Reset(c), Action::Garble(c)];
                actions.extend(faults.map(|action| (action, left)));
            }
        }
    }
    if let Some(crashes) = left.crashes.checked_sub(1) {
        actions.push((Action::Crash(c), Left { crashes, ..left }));
    }
}
