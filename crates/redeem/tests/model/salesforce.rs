//! Salesforce as the model knows it: families of refresh tokens that rotate, replay that kills, one request at a time.

use std::time::Duration;

use redeem::{
    AccessToken, GrantIdentity, IntrospectionAnswer, RedeemAnswer, RedeemRefusal, RefreshToken, TokenAnswer,
};

/// Index of a grant at Salesforce: all tokens that descend from one login.
pub(crate) type Family = usize;

/// How far the code of a login has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    Fresh,
    Presented,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    /// Number of the only refresh token that is good.
    pub(crate) head: u32,
    pub(crate) alive: bool,
    pub(crate) user: usize,
    /// Access tokens with a number below this one have ended.
    pub(crate) ended: u32,
    /// Ghost: number of the token that was presented last so long after the check that the hold-off was over. A replay of
    /// that token is excused, and of no other.
    pub(crate) late: Option<u32>,
    /// Ghost: a token was issued and its answer reached nobody who could store it.
    pub(crate) lost: bool,
    /// Ghost: highest token number that ever stood in a state Secret.
    pub(crate) stored: u32,
    /// The code that this line began with; nothing where it was a bootstrap token.
    pub(crate) code: Option<Code>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Being processed: the family is locked.
    Processing,
    /// Refused, because another request holds the lock.
    Busy,
    /// The token was not good.
    Dead,
    /// Done: this token was issued.
    Issued(u32),
    /// Failed on Salesforce's side; the token is unspent.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) id: u32,
    pub(crate) family: Family,
    pub(crate) number: u32,
    /// When the time is over, by the world's clock, that Salesforce has for it since the send window was checked: arriving or
    /// committing later is a documented window.
    pub(crate) late_after: Duration,
    pub(crate) stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Salesforce {
    pub(crate) rotates: bool,
    pub(crate) lines: Vec<Line>,
    pub(crate) requests: Vec<Request>,
    next_request: u32,
}

/// What came of a request that has just arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Taken,
    Busy,
    /// A token that was dead already.
    Dead,
    /// A spent token, outside every documented window.
    Replay,
    /// A spent token, after a freeze that outlasted the hold-off.
    ReplayAfterFreeze,
}

impl Salesforce {
    pub(crate) fn new(rotates: bool) -> Self {
        Self {
            rotates,
            lines: Vec::new(),
            requests: Vec::new(),
            next_request: 0,
        }
    }

    pub(crate) fn login(&mut self, user: usize) -> Family {
        self.lines.push(Line {
            head: 0,
            alive: true,
            user,
            ended: 0,
            late: None,
            lost: false,
            stored: 0,
            code: None,
        });
        self.lines.len() - 1
    }

    /// Redeems the code that a line began with; `true` where it was presented before.
    pub(crate) fn redeem_code(&mut self, family: Family) -> bool {
        self.lines[family].code.replace(Code::Presented) == Some(Code::Presented)
    }

    pub(crate) fn is_good(&self, token: &RefreshToken) -> bool {
        let (family, number) = numbers(token);
        self.lines[family].alive && self.lines[family].head == number
    }

    /// Whose an access token is, while it lives.
    pub(crate) fn user(&self, access: &AccessToken) -> Option<usize> {
        let (family, number) = numbers(&RefreshToken::new(access.expose_secret()));
        let line = &self.lines[family];
        (number >= line.ended).then_some(line.user)
    }

    /// Ends every access token there is; `false` where none was alive.
    pub(crate) fn end_access(&mut self) -> bool {
        let mut alive = self
            .lines
            .iter_mut()
            .filter(|line| line.ended <= line.head)
            .peekable();
        let any = alive.peek().is_some();
        alive.for_each(|line| line.ended = line.head + 1);
        any
    }

    pub(crate) fn introspect(&self, token: &RefreshToken) -> IntrospectionAnswer {
        if self.is_good(token) {
            IntrospectionAnswer::Active
        } else {
            IntrospectionAnswer::Inactive
        }
    }

    pub(crate) fn arrive(
        &mut self,
        token: &RefreshToken,
        late_after: Duration,
        now: Duration,
    ) -> (u32, Arrival) {
        let (family, number) = numbers(token);
        let locked = self
            .requests
            .iter()
            .any(|r| r.family == family && r.stage == Stage::Processing);
        let line = &mut self.lines[family];
        if now > late_after {
            line.late = Some(number);
        }
        let (stage, arrival) = if locked {
            (Stage::Busy, Arrival::Busy)
        } else if !line.alive {
            (Stage::Dead, Arrival::Dead)
        } else if number != line.head {
            line.alive = false;
            (
                Stage::Dead,
                if line.late == Some(number) {
                    Arrival::ReplayAfterFreeze
                } else {
                    Arrival::Replay
                },
            )
        } else {
            (Stage::Processing, Arrival::Taken)
        };
        let id = self.next_request;
        self.next_request += 1;
        self.requests.push(Request {
            id,
            family,
            number,
            late_after,
            stage,
        });
        (id, arrival)
    }

    pub(crate) fn request(&mut self, id: u32) -> &mut Request {
        self.requests
            .iter_mut()
            .find(|request| request.id == id)
            .expect("a request under way")
    }

    /// Decides a request that is being processed; `true` when it issued a token.
    pub(crate) fn decide(&mut self, id: u32, now: Duration, fails: bool) -> bool {
        let rotates = self.rotates;
        let request = self.request(id);
        let (family, number, late_after) = (request.family, request.number, request.late_after);
        if fails {
            request.stage = Stage::Failed;
            return false;
        }
        let line = &mut self.lines[family];
        if now > late_after {
            line.late = Some(number);
        }
        if rotates {
            line.head += 1;
        }
        let head = line.head;
        self.request(id).stage = Stage::Issued(head);
        rotates
    }

    /// The answer to a request that is decided, which is forgotten with it.
    pub(crate) fn answer(&mut self, id: u32) -> RedeemAnswer {
        let position = self
            .requests
            .iter()
            .position(|request| request.id == id)
            .expect("a request under way");
        let request = self.requests.remove(position);
        match request.stage {
            Stage::Processing | Stage::Failed => RedeemAnswer::Unclear,
            Stage::Busy => RedeemAnswer::AlreadyProcessing,
            Stage::Dead => RedeemAnswer::Refused(RedeemRefusal::GrantDead),
            Stage::Issued(number) => {
                RedeemAnswer::Granted(Box::new(self.token_answer(request.family, number)))
            }
        }
    }

    pub(crate) fn token_answer(&self, family: Family, number: u32) -> TokenAnswer {
        TokenAnswer {
            access_token: AccessToken::new(format!("{family}.{number}")),
            refresh_token: self.rotates.then(|| token(family, number)),
            instance_url: String::new(),
            identity: GrantIdentity {
                organization_id: "o".into(),
                user_id: if self.lines[family].user == 0 { "u" } else { "w" }.into(),
                username: None,
            },
            scopes: Vec::new(),
            issued_at: None,
            expiration: None,
            received_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }
}

pub(crate) fn token(family: Family, number: u32) -> RefreshToken {
    RefreshToken::new(format!("{family}.{number}"))
}

/// Family and number of a token.
pub(crate) fn numbers(token: &RefreshToken) -> (Family, u32) {
    let (family, number) = token
        .expose_secret()
        .split_once('.')
        .expect("a token of the model");
    (family.parse().unwrap(), number.parse().unwrap())
}
