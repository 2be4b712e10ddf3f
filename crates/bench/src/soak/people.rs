//! What do people do? They supply what was rotated after a while, and log in where the status calls for it.

use jiff::{SignedDuration, Timestamp};

use super::stage::Stage;
use crate::Failed;

/// What somebody is going to do.
#[derive(Debug)]
enum Task {
    /// Write this value under this key of the input Secret.
    Supply(&'static str, String),
    /// Log in and bring the refresh token.
    LogIn,
    /// Ask for a renewal: the password is right.
    Request,
}

#[derive(Debug, Default)]
pub(super) struct People {
    /// When, for which connector, what.
    tasks: Vec<(Timestamp, usize, Task)>,
}

impl People {
    pub(super) fn will_supply(&mut self, when: Timestamp, subject: usize, key: &'static str, value: String) {
        // Who rotates twice supplies the last value alone.
        self.tasks.retain(|(_, whose, task)| {
            *whose != subject || !matches!(task, Task::Supply(other, _) if *other == key)
        });
        self.tasks.push((when, subject, Task::Supply(key, value)));
    }

    /// Whether somebody is about to log in.
    pub(super) fn is_coming(&self, subject: usize) -> bool {
        let logs_in = |(_, whose, task): &(Timestamp, usize, Task)| {
            *whose == subject && matches!(task, Task::LogIn | Task::Request)
        };
        self.tasks.iter().any(logs_in)
    }

    pub(super) fn will_log_in(&mut self, when: Timestamp, subject: usize) {
        self.tasks.push((when, subject, Task::LogIn));
    }

    pub(super) fn will_request(&mut self, when: Timestamp, subject: usize) {
        self.tasks.push((when, subject, Task::Request));
    }

    pub(super) async fn act(
        &mut self,
        stage: &mut Stage,
        chance: &mut fastrand::Rng,
        now: Timestamp,
    ) -> Result<(), Failed> {
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|(when, ..)| *when <= now);
        self.tasks = later;
        for (_, subject, task) in due {
            match task {
                Task::Supply(key, value) => stage.supply(subject, key, &value).await?,
                Task::Request => stage.request(subject, now).await?,
                Task::LogIn
                    if !stage
                        .subjects
                        .get(subject)
                        .is_some_and(|subject| subject.awaits_person) => {}
                Task::LogIn if may_log_in(stage, subject) => log_in(stage, subject).await?,
                Task::LogIn => {
                    let again = now + SignedDuration::from_mins(chance.i64(30..120));
                    self.tasks.push((again, subject, Task::LogIn));
                }
            }
        }
        Ok(())
    }
}

/// Whether Salesforce would let the user log in and approve the app.
fn may_log_in(stage: &Stage, subject: usize) -> bool {
    let Some(subject) = stage.subjects.get(subject) else {
        return false;
    };
    stage.world(|world| {
        world.user(&subject.username).standing == salesforce_sim::Standing::Active
            && world.app(&subject.client_id).standing == salesforce_sim::AppStanding::Enabled
    })
}

async fn log_in(stage: &mut Stage, number: usize) -> Result<(), Failed> {
    let subject = stage.subjects.get(number).ok_or("there is no such connector")?;
    let token = stage.world(|world| world.grant_refresh_token(&subject.client_id, &subject.username));
    stage.supply(number, "refresh-token", &token).await?;
    if let Some(subject) = stage.subjects.get_mut(number) {
        subject.answer_lost = false;
    }
    Ok(())
}
