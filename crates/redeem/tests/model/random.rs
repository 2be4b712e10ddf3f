//! A seeded random search over long schedules with everything in them.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::action::Action;
use crate::chance::Chance;
use crate::cluster::Spoiled;
use crate::driver::Fault;
use crate::ending::Ending;
use crate::salesforce::Stage;
use crate::tally::Tally;
use crate::variant::Variant;
use crate::world::{Asking, CONTROLLERS, Config, ControllerPhase, Start, Violation, World};

/// One schedule: the world it ended in, what was done, and how it ended.
pub(crate) struct Run {
    pub(crate) config: Config,
    pub(crate) actions: Vec<Action>,
    pub(crate) ending: Result<Ending, Violation>,
}

/// Runs the schedule of a seed.
pub(crate) fn run(seed: u64, variant: Variant, tally: &mut Tally) -> Run {
    tally.next_schedule();
    let mut chance = Chance::new(seed);
    let config = Config {
        rotates: !chance.one_in(8),
        asking: match chance.below(12) {
            0..=6 => Asking::Answered,
            7..=10 => Asking::NoSecret,
            _ => Asking::Refused,
        },
        named: chance.one_in(4),
        installations: if chance.one_in(8) { 2 } else { 1 },
        controllers: if chance.one_in(4) { CONTROLLERS } else { 2 },
        unequal: chance.one_in(4),
        start: if chance.one_in(3) {
            Start::NotImported
        } else {
            Start::Redeemed
        },
        variant,
    };
    let mut world = start(config);
    let length = 20 + chance.below(60);
    let problem = 3 + chance.below(12);
    let mut actions = Vec::with_capacity(length as usize);
    for _ in 0..length {
        let action = draw(&world, &mut chance, problem);
        if world.apply(action, tally) {
            actions.push(action);
        }
        if world.violation.is_some() {
            break;
        }
    }
    let ending = match world.violation {
        Some(violation) => Err(violation),
        None => world.finish(tally),
    };
    Run {
        config,
        actions,
        ending,
    }
}

/// The world that a schedule starts from, made once for each configuration.
fn start(config: Config) -> World {
    thread_local! {
        static STARTS: RefCell<HashMap<Config, World>> = RefCell::default();
    }
    STARTS.with_borrow_mut(|starts| {
        let start = starts.entry(config).or_insert_with(|| World::new(config, 6));
        start.clone()
    })
}

/// Seconds past the hold-off of the shorter limits, and not past that of the others.
const SHORT_JUMP: u64 = 24;

/// Draws what happens next: mostly progress, one time in `problem` something else.
fn draw(world: &World, chance: &mut Chance, problem: u64) -> Action {
    let mut c = chance.below(world.config.controllers as u64) as usize;
    let unequal = world.config.unequal;
    if unequal && world.controllers[c].paused && !chance.one_in(8) {
        // A freeze that is shorter than the hold-off matters if the others get far meanwhile.
        c = (c + 1) % world.config.controllers;
    }
    if chance.one_in(problem) {
        return draw_disturbance(world, chance, c);
    }
    if let Some(request) = world
        .salesforce
        .requests
        .iter()
        .find(|request| request.stage == Stage::Processing)
        && chance.one_in(3)
    {
        return Action::Decide {
            c: None,
            id: request.id,
            fails: chance.one_in(8),
        };
    }
    if world.cluster.connector.is_none() && chance.one_in(6) {
        return Action::Recreate;
    }
    match &world.controllers[c].phase {
        _ if world.controllers[c].paused => {
            if chance.one_in(4) {
                Action::Resume(c)
            } else if unequal {
                Action::Advance(SHORT_JUMP)
            } else {
                Action::Advance(1 + chance.below(40))
            }
        }
        ControllerPhase::Idle if chance.one_in(4) => Action::Advance(if unequal { SHORT_JUMP } else { 61 }),
        ControllerPhase::Idle => Action::Begin {
            c,
            renew: !chance.one_in(4),
            stale: chance.one_in(6),
        },
        // Asking for a username is rare.
        ControllerPhase::Running(_) if world.config.named && world.stands_at(c) == "Identify" => {
            match chance.below(8) {
                0 => Action::Crash(c),
                1 | 2 => Action::EndAccess,
                fault => Action::Step {
                    c,
                    fault: if fault < 6 { Fault::Failed } else { Fault::None },
                },
            }
        }
        // So is redeeming a code.
        ControllerPhase::Running(_)
            if world.controllers[c].cache.login.is_some() && world.stands_at(c) == "RedeemCode" =>
        {
            match chance.below(8) {
                0 => Action::Crash(c),
                1 => Action::Step {
                    c,
                    fault: Fault::LostReply,
                },
                2 => Action::Step {
                    c,
                    fault: Fault::Refused,
                },
                _ => Action::Step {
                    c,
                    fault: Fault::None,
                },
            }
        }
        ControllerPhase::Running(_) => Action::Step {
            c,
            fault: match draw_fault(chance) {
                // A question is nothing to be lost halfway.
                Fault::LostRequest | Fault::LostReply if world.stands_at(c) == "Introspect" => Fault::Delayed,
                fault => fault,
            },
        },
        ControllerPhase::Checked { .. } => match chance.below(16) {
            0 => Action::NotSent(c),
            1 => Action::RequestLost(c),
            2 => Action::Refused(c),
            3 => Action::Twice(c),
            _ => Action::Arrive(c),
        },
        ControllerPhase::Sent { .. } => match chance.below(20) {
            0 | 3 => Action::ReplyLost(c),
            1 | 4 => Action::Reset(c),
            2 | 5 => Action::Garble(c),
            _ => Action::Deliver(c),
        },
    }
}

fn draw_fault(chance: &mut Chance) -> Fault {
    match chance.below(60) {
        0 | 1 => Fault::Failed,
        2 => Fault::LostRequest,
        3 => Fault::LostReply,
        4 => Fault::Delayed,
        5 => Fault::Refused,
        _ => Fault::None,
    }
}

fn draw_disturbance(world: &World, chance: &mut Chance, c: usize) -> Action {
    match chance.below(47) {
        46 if chance.one_in(2) => Action::ReplaceKey,
        0..=4 | 46 => Action::Crash(c),
        5..=9 => Action::Pause(c),
        10..=12 => Action::Lead(c, !world.controllers[c].leads),
        13 | 14 => Action::LandDelayed,
        15..=20 => Action::Advance(*chance.pick(&[1, 4, 6, 20, 41, 46, 46, 61, 600])),
        21 => Action::Login(0),
        22 => Action::Login(1),
        23 => Action::DeleteState,
        24 | 25 => Action::Restore(chance.below(6) as usize),
        45 if chance.one_in(3) => Action::DeleteConnector,
        26 | 45 => Action::Recreate,
        27 => Action::Bring(usize::from(chance.one_in(3))),
        28 => Action::BringFirst,
        29 | 30 => Action::Edit,
        31 => Action::Unclaim,
        40 => Action::Spoil(*chance.pick(&[Spoiled::Unsupported, Spoiled::Unreadable])),
        41 | 42 => Action::Mend,
        43 => Action::Migrate,
        44 => Action::Lapse(chance.below(3) as usize),
        32..=35 => match &world.controllers[c].phase {
            // Long freezes at the worst moment don't come by chance.
            ControllerPhase::Checked { .. } => Action::Pause(c),
            ControllerPhase::Idle | ControllerPhase::Running(_) | ControllerPhase::Sent { .. } => {
                Action::Step {
                    c,
                    fault: draw_fault(chance),
                }
            }
        },
        _ => Action::Step {
            c,
            fault: *chance.pick(&[Fault::LostRequest, Fault::LostReply, Fault::Delayed]),
        },
    }
}
