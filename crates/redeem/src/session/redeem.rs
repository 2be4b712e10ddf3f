//! The irreversible part: intent, announcement, reading back, sending, and recording the verdict.

use super::{Redeem, Session, SessionStep};
use crate::answer::{AnswerVerdict, RedeemAnswer, RedeemRefusal};
use crate::attempt::{ConcludeDecision, PendingVerdict, conclude, intent};
use crate::ids::{AttemptId, GrantId, ResourceVersion, Serial};
use crate::next_move::Redeemed;
use crate::protocol::{
    ConnectorSeen, Effect, Read, SessionEnd, SessionInputs, SessionWait, StateSeen, WriteReply,
};
use crate::state::{Attempt, AttemptPhase, Grant, State};
use crate::time::{Now, SendWindow, may_send};

impl Session {
    pub(super) fn begin_redeem(&mut self, grant: GrantId, now: Now) {
        if now.lease_left < self.inputs.limits.http() {
            let length = super::TRY_AGAIN;
            self.step = SessionStep::Done(SessionEnd::Waiting {
                why: SessionWait::Lease,
                length,
            });
            return;
        }
        let ledger = self.ledger_before_intent(&grant);
        self.redeem = Some(Redeem {
            grant,
            attempt: self.inputs.fresh.attempt.clone(),
            serial: Serial::default(),
            began: None,
        });
        match ledger {
            Some(name) => self.step = SessionStep::ReadLedger(name),
            None => self.write_intent(),
        }
    }

    /// Every intent has a name of its own: others count the hold-off from the first sight of that name.
    pub(super) fn write_intent(&mut self) {
        let attempt = AttemptId::new(format!("{}-{}", self.inputs.fresh.attempt, self.tried.intents));
        self.tried.intents = self.tried.intents.saturating_add(1);
        let state = self.view.state().zip(self.redeem.as_ref());
        let intended = state.and_then(|(state, redeem)| {
            let SessionInputs { limits, client, .. } = &self.inputs;
            intent(state, &redeem.grant, &attempt, *limits, client)
        });
        if let (Some(state), Some(redeem)) = (intended, &mut self.redeem) {
            redeem.attempt = attempt;
            redeem.serial = state.serial;
            self.step = SessionStep::WriteIntent(Box::new(state));
        } else {
            self.redeem = None;
            self.look_again();
        }
    }

    pub(super) fn on_intent_written(&mut self, reply: &WriteReply) {
        match reply {
            WriteReply::Written(_) => self.announce_intent(),
            WriteReply::Unknown => self.step = SessionStep::FindIntent,
            WriteReply::Conflict => {
                self.redeem = None;
                self.look_again();
            }
            WriteReply::Refused => {
                self.redeem = None;
                self.write_again();
            }
        }
    }

    /// After a lost reply: has the intent landed? If not, all is looked at again; should it land later, this session
    /// or the next finds it there.
    pub(super) fn on_intent_looked_for(&mut self, read: Read<StateSeen>, now: Now) {
        match read {
            Read::Failed => self.try_again(),
            Read::Is(seen) => {
                self.see(seen, now);
                if self.own_attempt().is_some() {
                    self.announce_intent();
                } else {
                    self.redeem = None;
                    self.write_again();
                }
            }
        }
    }

    fn announce_intent(&mut self) {
        self.unwritten = 0;
        self.step = SessionStep::Announce;
    }

    fn own_attempt(&self) -> Option<&Attempt> {
        let redeem = self.redeem.as_ref()?;
        // A copy that another cluster went on from has our attempt in it, too.
        let state = self
            .view
            .state()
            .filter(|state| state.cluster == self.inputs.cluster)?;
        let grant = state.grant(&redeem.grant)?;
        grant
            .attempt
            .as_ref()
            .filter(|attempt| attempt.id == redeem.attempt && attempt.phase == AttemptPhase::Open)
    }

    pub(super) fn connector_version(&self) -> ResourceVersion {
        let version = self
            .view
            .connector
            .as_ref()
            .map(|connector| connector.resource_version.clone());
        version.unwrap_or_else(|| ResourceVersion::new(""))
    }

    pub(super) fn announce(&self) -> Effect {
        let serial = self
            .redeem
            .as_ref()
            .map(|redeem| redeem.serial)
            .unwrap_or_default();
        Effect::Announce {
            serial,
            resource_version: self.connector_version(),
        }
    }

    pub(super) fn on_announced(&mut self, reply: &WriteReply) {
        match reply {
            WriteReply::Written(version) => {
                let serial = self.redeem.as_ref().map(|redeem| redeem.serial);
                if let Some(connector) = &mut self.view.connector {
                    connector.serial = serial;
                    connector.resource_version = version.clone();
                }
                self.step = SessionStep::ReadBack;
            }
            WriteReply::Conflict => self.step = SessionStep::FindAnnouncement,
            WriteReply::Unknown => {
                self.step = SessionStep::FindAnnouncement;
                self.try_again();
            }
            WriteReply::Refused => self.hold(AnswerVerdict::NotSent),
        }
    }

    /// The connector has changed, or the reply was lost: it must still be ours to act on.
    pub(super) fn on_announcement_looked_for(&mut self, read: Read<Option<ConnectorSeen>>) {
        let Read::Is(seen) = read else {
            return self.try_again();
        };
        self.see_connector(seen);
        let serial = self.redeem.as_ref().map(|redeem| redeem.serial);
        let claimed =
            |connector: &&ConnectorSeen| connector.controller.as_ref() == Some(&self.inputs.installation);
        let ours = self.view.connector.as_ref().filter(claimed);
        match ours {
            None => self.hold(AnswerVerdict::NotSent),
            Some(connector) if connector.serial >= serial => self.step = SessionStep::ReadBack,
            Some(_) => {
                self.step = SessionStep::Announce;
                self.count_round();
            }
        }
    }

    /// The intent counts only now: read back, live, after its serial was announced.
    pub(super) fn on_read_back(&mut self, read: Read<StateSeen>, now: Now) {
        let Read::Is(seen) = read else {
            return self.try_again();
        };
        self.see(seen, now);
        let serial = self.redeem.as_ref().map(|redeem| redeem.serial);
        if self.own_attempt().map(|attempt| attempt.serial) == serial {
            self.step = SessionStep::Send;
        } else {
            if let Some(redeem) = self.redeem.take() {
                self.tried.note_redeemed(&redeem.grant, Redeemed::Fruitless);
            }
            self.look_again();
        }
    }

    /// Steps that lead to sending are given up once the send window has passed or the lease has become too short.
    pub(super) fn close_if_late(&mut self, now: Now) {
        let inner = match &self.step {
            SessionStep::Pause(_, step) => step,
            step => step,
        };
        let leads_to_sending = matches!(
            inner,
            SessionStep::Announce | SessionStep::FindAnnouncement | SessionStep::ReadBack | SessionStep::Send
        );
        let began = self.redeem.as_ref().and_then(|redeem| redeem.began);
        if let (true, Some(began)) = (leads_to_sending, began) {
            match may_send(began, now, self.inputs.limits) {
                SendWindow::Open => {}
                SendWindow::Passed | SendWindow::LeaseTooShort => self.hold(AnswerVerdict::NotSent),
            }
        }
    }

    /// Hands the token out once. Should the caller ask twice without an answer in between, the second time there is
    /// nothing but an empty pause; the answer to the first is still awaited.
    pub(super) fn send(&mut self) -> Effect {
        let attempt = self.own_attempt().map(|attempt| attempt.id.clone());
        let grant = self.redeemed_grant();
        let named = grant.map(|grant| (grant.id.clone(), grant.refresh_token.clone()));
        match (&self.step, named.zip(attempt)) {
            (SessionStep::Send, Some(((grant, token), attempt))) => {
                self.step = SessionStep::AwaitAnswer;
                self.tried.note_redeemed(&grant, Redeemed::Sent);
                self.tried.sent.push(attempt.clone());
                Effect::Send {
                    token,
                    attempt,
                    limit: self.inputs.limits.http(),
                }
            }
            (_, _) => Effect::Pause {
                length: super::PAUSE_MIN,
            },
        }
    }

    fn redeemed_grant(&self) -> Option<&Grant> {
        self.view.state()?.grant(&self.redeem.as_ref()?.grant)
    }

    pub(super) fn on_answer(&mut self, answer: RedeemAnswer) {
        match answer {
            RedeemAnswer::Granted(answer) => self.hold(AnswerVerdict::Result(answer)),
            RedeemAnswer::Rescued(token) => self.hold(AnswerVerdict::Rescued(token)),
            RedeemAnswer::NotSent | RedeemAnswer::Refused(RedeemRefusal::Unspent) => {
                self.hold(AnswerVerdict::NotSent);
            }
            RedeemAnswer::Refused(RedeemRefusal::GrantDead) => self.hold(self.refused()),
            RedeemAnswer::Unclear => self.hold(AnswerVerdict::OutcomeUnknown),
            RedeemAnswer::AlreadyProcessing => {
                // Somebody else is spending this token. What they get is used; until then the attempt stands open.
                self.redeem = None;
                self.look_again();
            }
        }
    }

    /// What a refusal for good is worth. Of a grant that was granted elsewhere Salesforce says the same, although it lives:
    /// it was not spent by that, and is presented again once the inputs are those of before.
    fn refused(&self) -> AnswerVerdict {
        let of_another = |grant: &Grant| grant.is_of_another(&self.inputs.client);
        if self.redeemed_grant().is_some_and(of_another) {
            AnswerVerdict::NotSent
        } else {
            AnswerVerdict::GrantDead
        }
    }

    /// From here on the verdict is what matters, until it is recorded.
    pub(super) fn hold(&mut self, verdict: AnswerVerdict) {
        let held = self.redeem.take().zip(self.view.state().cloned());
        let Some((redeem, base)) = held else {
            return self.look_again();
        };
        let presented = base.grant(&redeem.grant).map(|grant| grant.refresh_token.clone());
        let Some(presented) = presented else {
            return self.look_again();
        };
        if matches!(verdict, AnswerVerdict::NotSent | AnswerVerdict::Rescued(_)) {
            self.tried.note_redeemed(&redeem.grant, Redeemed::Fruitless);
        }
        let Redeem {
            grant,
            attempt,
            serial,
            ..
        } = redeem;
        let result = verdict.is_result();
        self.holding = Some(PendingVerdict {
            grant,
            attempt,
            serial,
            presented,
            client: self.inputs.client.clone(),
            base: Box::new(base),
            verdict,
        });
        if result {
            // What is lost if this process dies comes first.
            self.record();
        } else {
            self.view.behind = false;
            // The view may be older than the intent, and the copies higher than when they were read: read before writing.
            self.step = SessionStep::FindRecord;
        }
    }

    /// Decides how the verdict held is recorded, from the state seen last.
    pub(super) fn record(&mut self) {
        let Some(holding) = &self.holding else {
            return self.look_again();
        };
        match conclude(self.view.state(), holding, &self.inputs.expect, self.view.floor()) {
            ConcludeDecision::Write(state) | ConcludeDecision::Create(state) => {
                self.step = SessionStep::Record(state);
            }
            ConcludeDecision::AlreadyThere | ConcludeDecision::Discard => {
                self.recorded();
                self.look_again();
            }
        }
    }

    pub(super) fn on_recorded(&mut self, reply: WriteReply, state: Box<State>, now: Now) {
        match reply {
            WriteReply::Written(version) => {
                self.see(StateSeen::Found(state, version), now);
                self.recorded();
                self.decide(now);
            }
            WriteReply::Conflict | WriteReply::Unknown => self.step = SessionStep::FindRecord,
            WriteReply::Refused => {
                self.step = SessionStep::FindRecord;
                self.try_again();
            }
        }
    }

    pub(super) fn on_record_looked_for(&mut self, read: Read<StateSeen>, now: Now) {
        let Read::Is(seen) = read else {
            return self.try_again();
        };
        let foreign = matches!(seen, StateSeen::UnsupportedVersion | StateSeen::Unreadable);
        self.see(seen, now);
        let result = self.holding.as_ref().is_some_and(|held| held.verdict.is_result());
        if foreign && result {
            // Never rewritten; but a result is not let go either while the process lives.
            self.try_again();
        } else if foreign {
            // What is no result can be found out again. A person is to be told now, which only an end does.
            self.holding = None;
            self.look_again();
        } else if std::mem::take(&mut self.view.behind) && self.view.is_old() {
            self.record();
        } else {
            // Is it an old one that came back, or why is it gone?
            self.step = SessionStep::FindFloorInConnector;
        }
    }

    /// A state that is behind copies read after it may have moved on in between, as others announce what they write: it is
    /// read once more.
    pub(super) fn on_floor_found(&mut self) {
        if self.view.is_old() {
            self.view.behind = true;
            self.step = SessionStep::FindRecord;
        } else {
            self.record();
        }
    }

    /// The verdict stands, or has nowhere to stand: go on with what is there, without redeeming again.
    fn recorded(&mut self) {
        self.holding = None;
        self.failures = 0;
    }
}
