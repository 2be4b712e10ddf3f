//! How a schedule must end once nothing goes wrong any more: working, or naming the person who must act.

use std::time::Duration;

use redeem::{ClusterUid, Grant, GrantProblem, Rotation, SessionEnd};

use crate::action::Action;
use crate::cluster::Spoiled;
use crate::salesforce::{Stage, numbers};
use crate::tally::Tally;
use crate::world::{Asking, ControllerPhase, STEPS, Violation, World};

/// How a schedule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Ending {
    Ready,
    Problem(GrantProblem),
    /// The connector is gone.
    Gone,
}

const ROUNDS: u64 = 14;

impl World {
    /// Lets faults stop and everybody run on; says how it ended.
    pub(crate) fn finish(&mut self, tally: &mut Tally) -> Result<Ending, Violation> {
        self.apply(Action::LandDelayed, tally);
        let holds = |phase: &ControllerPhase| match phase {
            ControllerPhase::Idle => false,
            ControllerPhase::Running(session) => session.has_begun(),
            ControllerPhase::Checked { .. } | ControllerPhase::Sent { .. } => true,
        };
        if self.controllers.iter().any(|controller| holds(&controller.phase)) {
            // Who may hold a result waits for as long as the state can't be read, and says so.
            self.apply(Action::Mend, tally);
        }
        for c in 0..self.config.controllers {
            self.controllers[c].paused = false;
            self.controllers[c].leads = true;
        }
        let orphans: Vec<u32> = self.orphaned_requests();
        for id in orphans {
            self.apply(
                Action::Decide {
                    c: None,
                    id,
                    fails: false,
                },
                tally,
            );
        }
        for round in 0..ROUNDS {
            let renewing = round > 0 && self.login.is_none();
            for c in 0..self.config.controllers {
                if !self.drive(c, tally, STEPS) {
                    return Err(Violation::NeverSettles);
                }
                if let Some(violation) = self.violation {
                    return Err(violation);
                }
            }
            // What counts is a round in which all were asked to renew, from a fresh look.
            // A grant that ended before anybody presented it is found out by the next renewal.
            let unnoticed = |ending| ending == Ending::Ready && self.ghost.lapsed && !self.works();
            if renewing
                && let Some(ending) = self.settled()
                && !((unnoticed(ending) || self.is_asked_again(ending)) && round + 1 < ROUNDS)
            {
                self.justify(ending)?;
                return Ok(ending);
            }
            if round >= 4 {
                // A code that nobody could redeem is good for 15 minutes.
                self.login = None;
            }
            self.advance(Duration::from_secs(if round < 4 { 61 } else { 1000 }));
        }
        Err(Violation::NeverSettles)
    }

    fn orphaned_requests(&self) -> Vec<u32> {
        let awaited = |id: u32| {
            let waits = |phase: &ControllerPhase| matches!(phase, ControllerPhase::Sent { request, .. } if *request == id);
            self.controllers.iter().any(|controller| waits(&controller.phase))
        };
        let open = self
            .salesforce
            .requests
            .iter()
            .filter(|r| r.stage == Stage::Processing && !awaited(r.id));
        open.map(|request| request.id).collect()
    }

    /// The ending, once all controllers have come to the same one (or belong to another installation).
    fn settled(&self) -> Option<Ending> {
        let ending = |c: usize| match self.controllers[c].last? {
            SessionEnd::Ready => Some(Ending::Ready),
            SessionEnd::Problem {
                problem: GrantProblem::OutcomeUnknown,
                ask_again: Some(_),
            }
            | SessionEnd::Unspent
            | SessionEnd::Waiting { .. } => None,
            SessionEnd::Problem { problem, .. } => Some(Ending::Problem(problem)),
            SessionEnd::ConnectorGone => Some(Ending::Gone),
        };
        let endings = (0..self.config.controllers)
            .map(ending)
            .collect::<Option<Vec<_>>>()?;
        let elsewhere = Ending::Problem(GrantProblem::ClaimedByAnotherInstallation);
        let mut here = endings
            .iter()
            .filter(|ending| self.config.installations == 1 || **ending != elsewhere);
        let first = *here.next().filter(|ending| **ending != elsewhere)?;
        here.all(|ending| *ending == first).then_some(first)
    }

    /// Whether a token that Salesforce has wrongly called inactive will be asked about once more.
    fn is_asked_again(&self, ending: Ending) -> bool {
        let asks = |end: SessionEnd| {
            matches!(
                end,
                SessionEnd::Problem {
                    ask_again: Some(_),
                    ..
                }
            )
        };
        let asked = self
            .controllers
            .iter()
            .filter_map(|controller| controller.last)
            .any(asks);
        asked && matches!(ending, Ending::Problem(problem) if !self.accounts_for(problem))
    }

    /// Whether what happened accounts for this ending.
    fn justify(&self, ending: Ending) -> Result<(), Violation> {
        let justified = match ending {
            Ending::Ready => self.works() && self.newest_is_in_use(),
            Ending::Problem(problem) => self.accounts_for(problem),
            Ending::Gone => self.cluster.connector.is_none(),
        };
        crate::trace(|| {
            format!(
                "ending {ending:?} {justified} {:?} {:?}",
                self.ghost, self.salesforce
            )
        });
        justified.then_some(()).ok_or(Violation::WrongEnding)
    }

    /// The token stored is the good one, and the consumer has it.
    fn works(&self) -> bool {
        let states = self
            .cluster
            .states
            .iter()
            .filter(|((_, uid), ..)| *uid == self.uid());
        states
            .filter_map(|(_, state, _)| state.current.as_ref())
            .any(|grant| {
                let access = grant.access.as_ref().map(|access| access.token.expose_secret());
                let consumer = self
                    .cluster
                    .consumer
                    .as_ref()
                    .filter(|consumer| consumer.uid == self.uid());
                self.salesforce.is_good(&grant.refresh_token)
                    && access.is_some()
                    && access == consumer.map(|consumer| consumer.access.as_str())
            })
    }

    /// Whether the grant that came in last is in use, where it could be: it is good, of the user of the one in use, and nobody
    /// has touched the state.
    fn newest_is_in_use(&self) -> bool {
        let ghost = self.ghost;
        let touched = ghost.deleted || ghost.restored || ghost.recreated || ghost.imported_again;
        let mut states = self.cluster.states.iter().map(|(_, state, _)| state);
        let (Some(newest), Some(state), false) = (ghost.newest, states.next(), touched) else {
            return true;
        };
        let Some(current) = &state.current else {
            return true;
        };
        let (family, _) = numbers(&current.refresh_token);
        let (line, used) = (&self.salesforce.lines[newest], &self.salesforce.lines[family]);
        let good = line.alive && line.stored == line.head && line.user == used.user;
        // Who can't ask about it leaves it alone.
        let unknown = state
            .candidate
            .as_ref()
            .is_some_and(|candidate| candidate.attempt.is_some());
        !good || unknown || self.config.installations > 1 || family == newest
    }

    /// Whether the serial of an attempt whose outcome is unknown was announced: otherwise it is known to be unsent.
    fn was_announced(&self) -> bool {
        let uid = self.uid();
        let states = self.cluster.states.iter().filter(|((_, of), ..)| *of == uid);
        let mut attempts = states
            .flat_map(|(_, state, _)| state.grants())
            .filter_map(|grant| grant.attempt.as_ref());
        attempts.any(|attempt| {
            let of = |(at, serial): &(u32, _)| *at == uid && *serial >= attempt.serial;
            self.cluster.announced.iter().any(of)
        })
    }

    fn is_spoiled(&self, how: Spoiled) -> bool {
        (0..self.config.installations).any(|c| self.cluster.spoiled(self.key(c, self.uid())) == Some(how))
    }

    /// Whether a session says that a state is gone or old, and nobody has touched it.
    pub(crate) fn is_false_alarm(&self, end: SessionEnd) -> bool {
        let ghost = self.ghost;
        let lost = matches!(
            end,
            SessionEnd::Problem {
                problem: GrantProblem::GrantLost | GrantProblem::StateRolledBack,
                ..
            }
        );
        lost && !(ghost.deleted || ghost.restored || ghost.recreated || ghost.handed_over)
    }

    /// Whether a state of this cluster has a token in it that Salesforce would call active, or that does not rotate.
    fn is_known_to_live(&self) -> bool {
        let claimed_by = self
            .cluster
            .connector
            .as_ref()
            .and_then(|connector| connector.controller.as_ref());
        let owner = (0..self.config.installations).find(|c| Some(&self.installation_uid(*c)) == claimed_by);
        let states = owner.and_then(|c| self.cluster.state(self.key(c, self.uid())));
        let known =
            |grant: &Grant| self.config.asking == Asking::Answered || grant.rotation == Rotation::Fixed;
        states
            .filter(|(state, _)| state.cluster == ClusterUid::new("c"))
            .and_then(|(state, _)| state.grants().next())
            .is_some_and(|grant| {
                known(grant) && self.salesforce.is_good(&grant.refresh_token) && !grant.is_dead()
            })
    }

    fn accounts_for(&self, problem: GrantProblem) -> bool {
        let ghost = self.ghost;
        let human = ghost.deleted || ghost.restored || ghost.recreated || ghost.handed_over;
        match problem {
            GrantProblem::OutcomeUnknown => {
                self.config.asking != Asking::Answered && (human || ghost.unclear && self.was_announced())
            }
            GrantProblem::ReauthorizationRequired => {
                let states = self
                    .cluster
                    .states
                    .iter()
                    .filter(|((_, uid), ..)| *uid == self.uid());
                let mut grants = states.flat_map(|(_, state, _)| state.grants());
                grants.any(|grant| {
                    let line = &self.salesforce.lines[numbers(&grant.refresh_token).0];
                    !self.salesforce.is_good(&grant.refresh_token)
                        && (line.lost || line.late.is_some() || ghost.lapsed || human)
                })
            }
            GrantProblem::BootstrapTokenUsed
            | GrantProblem::BootstrapTokenInactive
            | GrantProblem::BootstrapTooOften => human || ghost.imported_again || ghost.lapsed,
            GrantProblem::BootstrapTokenUnverified => {
                self.config.asking != Asking::Answered
                    && (ghost.handed_over || ghost.unclaimed || ghost.other_key)
            }
            GrantProblem::StateRolledBack => human && !self.is_known_to_live(),
            GrantProblem::GrantLost | GrantProblem::AuthorizationRequired => human,
            GrantProblem::WrongIdentity => human || ghost.other_user,
            GrantProblem::UnsupportedStateVersion => self.is_spoiled(Spoiled::Unsupported),
            GrantProblem::StateUnreadable => self.is_spoiled(Spoiled::Unreadable),
            GrantProblem::ClaimedByAnotherInstallation => false,
        }
    }
}
