//! What goes wrong now, at whom, and what has been?

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use salesforce_sim::{AppStanding, Endpoint, Fault, FaultRule, RetryAfter, Standing};

use super::cause::Cause;
use super::kinds::{KINDS, Kind, lost_answer, odd_answer, server_error};
use super::people::People;
use super::process::{REPLICAS, Replica};
use super::stage::Stage;
use super::subject::{Method, ORGS, fresh, host};
use crate::Failed;

/// How long after its end something still accounts for a missing token: retries have back-off.
const AFTERWARDS: SignedDuration = SignedDuration::from_mins(90);
/// The same for the operator's own troubles: a lease and a hold-off pass in real time.
const AFTER_A_REPLICA: SignedDuration = SignedDuration::from_hours(3);

/// How something ends.
#[derive(Debug, Clone, PartialEq)]
enum Undo {
    Nothing,
    Rule(FaultRule),
    ApiLimit(usize),
    Thaw(usize),
    EnableApi(usize),
    EnableApp(usize),
    Start(usize),
    GoOn(usize),
    Heal(usize),
    RollOn(usize),
}

/// What is going on, and what has been.
#[derive(Debug, Default)]
pub(super) struct Faults {
    going: Vec<(Timestamp, Undo)>,
    pub(super) begun: BTreeMap<Kind, u32>,
}

impl Faults {
    /// What was begun, as rows of a table.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&'static str, u32)> {
        KINDS
            .iter()
            .map(|(kind, _, _, words)| (*words, self.begun.get(kind).copied().unwrap_or_default()))
    }

    pub(super) async fn strike(
        &mut self,
        stage: &mut Stage,
        people: &mut People,
        chance: &mut fastrand::Rng,
        last: Timestamp,
        now: Timestamp,
    ) -> Result<(), Failed> {
        let days = now.duration_since(last).as_secs_f64() / 86400.0;
        for (kind, per_day, (shortest, longest), _) in KINDS {
            if chance.f64() >= per_day * days {
                continue;
            }
            let end = now + SignedDuration::from_mins(chance.i64(shortest..longest));
            let begun = match kind {
                Kind::Killed
                | Kind::RolledOut
                | Kind::Suspended
                | Kind::LinkCut
                | Kind::LinkSilent
                | Kind::ApiServerRestarted => self.at_the_operator(stage, chance, kind, end).await?,
                Kind::Maintenance
                | Kind::BadGateway
                | Kind::ServerErrors
                | Kind::Throttled
                | Kind::NoRoute
                | Kind::Slow
                | Kind::ApiLimit
                | Kind::AllSessionsEnded => self.at_an_org(stage, chance, kind, end),
                _ => self.at_a_connector(stage, people, chance, kind, end),
            };
            *self.begun.entry(kind).or_default() += u32::from(begun);
        }
        Ok(())
    }

    /// Notes how something ends, if the same isn't going on already.
    fn goes_on(&mut self, end: Timestamp, undo: Undo) -> bool {
        if self.going.iter().any(|(_, going)| *going == undo) {
            return false;
        }
        self.going.push((end, undo));
        true
    }

    fn at_an_org(
        &mut self,
        stage: &mut Stage,
        chance: &mut fastrand::Rng,
        kind: Kind,
        end: Timestamp,
    ) -> bool {
        let org = chance.usize(0..ORGS);
        let rule = |fault| FaultRule::always(fault).host(&host(org));
        let rule = match kind {
            Kind::Maintenance => Some(rule(Fault::Maintenance)),
            Kind::BadGateway => Some(rule(Fault::BadGateway)),
            Kind::ServerErrors => Some(rule(server_error()).on(Endpoint::Token)),
            Kind::Throttled => {
                let retry_after = Some(RetryAfter::Seconds(120));
                Some(rule(Fault::Throttled { retry_after }).on(Endpoint::Token))
            }
            Kind::NoRoute => Some(rule(Fault::NoRoute)),
            Kind::Slow => Some(rule(Fault::Delay { millis: 500 })),
            _ => None,
        };
        let begun = match (&rule, kind) {
            (Some(rule), _) => self.goes_on(end, Undo::Rule(rule.clone())),
            (None, Kind::ApiLimit) => self.goes_on(end, Undo::ApiLimit(org)),
            (None, _) => true,
        };
        if !begun {
            return false;
        }
        stage.world(|world| match (rule, kind) {
            (Some(rule), _) => world.add_fault(rule),
            (None, Kind::ApiLimit) => world.org(&host(org)).api_limit_exceeded = true,
            (None, _) => drop(world.revoke_all_sessions()),
        });
        let everywhere = kind == Kind::AllSessionsEnded;
        let cause = if everywhere {
            Cause::SessionEnded
        } else {
            Cause::Refused
        };
        for subject in &mut stage.subjects {
            if everywhere || subject.org == org {
                subject.causes.hold(cause, end + AFTERWARDS);
            }
        }
        true
    }

    fn at_a_connector(
        &mut self,
        stage: &mut Stage,
        people: &mut People,
        chance: &mut fastrand::Rng,
        kind: Kind,
        end: Timestamp,
    ) -> bool {
        let fits = |method: Method| match kind {
            Kind::SecretRotated => method.has_client_secret(),
            Kind::PasswordChanged => method == Method::Password,
            Kind::GrantRevoked => method.has_grant(),
            _ => true,
        };
        let whom: Vec<_> = (0..stage.subjects.len())
            .filter(|number| {
                stage
                    .subjects
                    .get(*number)
                    .is_some_and(|subject| fits(subject.method))
            })
            .collect();
        let Some(number) = chance.choice(whom) else {
            return false;
        };
        let undo = match kind {
            Kind::Frozen => Undo::Thaw(number),
            Kind::ApiDisabled => Undo::EnableApi(number),
            Kind::AppBlocked | Kind::AppDisabled => Undo::EnableApp(number),
            _ => Undo::Nothing,
        };
        if undo != Undo::Nothing && !self.goes_on(end, undo) {
            return false;
        }
        let Some(subject) = stage.subjects.get(number) else {
            return false;
        };
        let (client, user) = (subject.client_id.clone(), subject.username.clone());
        eprintln!(
            "bench: {}: {kind:?} at {}, until {end}",
            stage.now(),
            subject.name
        );
        happen(stage, people, chance, (kind, number, end), (&client, &user));
        let cause = match kind {
            Kind::SessionsEnded => Cause::SessionEnded,
            _ => Cause::Refused,
        };
        if let Some(subject) = stage.subjects.get_mut(number) {
            // After a lost answer a password waits for an hour, lest its user is locked; and a grant for its hold-off.
            let waits = subject.method == Method::Password || subject.method.has_grant();
            let lost = matches!(kind, Kind::OddAnswer | Kind::LostAnswer) && waits;
            let end = if lost { end + AFTERWARDS } else { end };
            subject.causes.hold(cause, end + AFTERWARDS);
        }
        true
    }

    async fn at_the_operator(
        &mut self,
        stage: &mut Stage,
        chance: &mut fastrand::Rng,
        kind: Kind,
        end: Timestamp,
    ) -> Result<bool, Failed> {
        let number = chance.usize(0..REPLICAS);
        let of_replicas = |undo: &Undo| {
            matches!(
                undo,
                Undo::Start(_) | Undo::GoOn(_) | Undo::Heal(_) | Undo::RollOn(_)
            )
        };
        if self.going.iter().any(|(_, undo)| of_replicas(undo)) {
            return Ok(false);
        }
        for subject in &mut stage.subjects {
            subject.causes.hold(Cause::Operator, end + AFTER_A_REPLICA);
        }
        if kind == Kind::ApiServerRestarted {
            stage.cluster.restart_api_server().await;
            return Ok(true);
        }
        let replica = stage.replicas.get_mut(number).ok_or("there is no such replica")?;
        let undo = match kind {
            Kind::Killed => {
                replica.kill();
                // Until now it may have sent requests: a millisecond is a third of a second here.
                let killed = stage.now();
                for subject in &mut stage.subjects {
                    subject.killed = Some(killed);
                }
                Undo::Start(number)
            }
            Kind::RolledOut => {
                replica.terminate();
                Undo::RollOn(number)
            }
            Kind::Suspended => {
                replica.freeze();
                Undo::GoOn(number)
            }
            Kind::LinkCut => {
                replica.link.cut();
                Undo::Heal(number)
            }
            _ => {
                replica.link.blackhole();
                Undo::Heal(number)
            }
        };
        self.going.push((end, undo));
        Ok(true)
    }

    pub(super) fn end_what_is_over(&mut self, stage: &mut Stage, now: Timestamp) -> Result<(), Failed> {
        let (over, going): (Vec<_>, Vec<_>) = std::mem::take(&mut self.going)
            .into_iter()
            .partition(|(end, undo)| *end <= now && may_end(stage, undo));
        self.going = going;
        for (_, undo) in over {
            undone(stage, undo)?;
        }
        Ok(())
    }
}

/// A pod is replaced when it has ended: until then it may store what it was sent.
fn may_end(stage: &mut Stage, undo: &Undo) -> bool {
    let Undo::RollOn(number) = undo else {
        return true;
    };
    stage.replicas.get_mut(*number).is_none_or(Replica::has_ended)
}

/// Does it to the app or the user of a connector.
fn happen(
    stage: &Stage,
    people: &mut People,
    chance: &mut fastrand::Rng,
    (kind, number, end): (Kind, usize, Timestamp),
    (client, user): (&str, &str),
) {
    stage.world(|world| match kind {
        Kind::OddAnswer => world.add_fault(odd_answer(chance).client(client).times(chance.u32(1..4))),
        Kind::LostAnswer => world.add_fault(lost_answer(chance).client(client).times(1)),
        Kind::SessionsEnded => drop(world.revoke_sessions(user)),
        Kind::Frozen => world.set_standing(user, Standing::Frozen),
        Kind::ApiDisabled => world.user(user).api_enabled = false,
        Kind::AppBlocked => world.block_app(client),
        Kind::AppDisabled => world.app(client).standing = AppStanding::Disabled,
        Kind::SecretRotated => {
            let new = fresh(chance);
            world.rotate_client_secret(client, &new, std::time::Duration::from_mins(10));
            people.will_supply(end, number, "client-secret", new);
        }
        Kind::PasswordChanged => {
            let new = fresh(chance);
            world.change_password(user, &new);
            people.will_supply(end, number, "password", new);
        }
        _ => drop(world.revoke_grants(client, user)),
    });
}

fn undone(stage: &mut Stage, undo: Undo) -> Result<(), Failed> {
    let whose = |number: usize| -> Option<(String, String)> {
        let subject = stage.subjects.get(number)?;
        Some((subject.client_id.clone(), subject.username.clone()))
    };
    match undo {
        Undo::Nothing => {}
        Undo::Rule(rule) => stage.world(|world| world.end_fault(&rule)),
        Undo::ApiLimit(org) => stage.world(|world| world.org(&host(org)).api_limit_exceeded = false),
        Undo::Thaw(number) | Undo::EnableApi(number) | Undo::EnableApp(number) => {
            let (client, user) = whose(number).ok_or("there is no such connector")?;
            stage.world(|world| match undo {
                Undo::Thaw(_) => world.set_standing(&user, Standing::Active),
                Undo::EnableApi(_) => world.user(&user).api_enabled = true,
                _ => world.app(&client).standing = AppStanding::Enabled,
            });
        }
        Undo::Start(number) | Undo::RollOn(number) => stage.start(number)?,
        Undo::GoOn(number) => stage
            .replicas
            .get(number)
            .iter()
            .for_each(|replica| replica.go_on()),
        Undo::Heal(number) => stage
            .replicas
            .get(number)
            .iter()
            .for_each(|replica| replica.link.heal()),
    }
    Ok(())
}
