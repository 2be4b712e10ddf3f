//! How often each kind of event has happened, and the table of it.

macro_rules! events {
    ($($name:ident => $text:literal,)*) => {
        /// What can happen in a schedule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Event { $($name,)* }

        impl Event {
            pub(crate) const ALL: &'static [(Event, &'static str)] = &[$((Event::$name, $text),)*];
        }
    };
}

events! {
    Crash => "crash",
    CrashInWindow => "crash after Salesforce committed, before the result was stored",
    Pause => "pause",
    Resume => "resume",
    Freeze => "freeze between the check and the socket that outlasts the hold-off",
    StaleInput => "session begun from a stale cache",
    ReadFailed => "read of the API server timed out",
    LostRequest => "write lost on its way to the API server",
    LostReply => "write landed, reply lost",
    DelayedWrite => "write thought lost landed later",
    Conflict => "conflict on a write",
    ForeignEdit => "object edited by somebody else",
    LeadershipMoved => "leadership moved",
    TwoLeaders => "two controllers that both believe to lead, both in a session",
    Login => "login arrived",
    LoginWhileOpen => "login arrived while an attempt was open",
    WrongUser => "login of another user",
    StateDeleted => "state Secret deleted",
    StateRestored => "old state restored",
    Recreated => "connector re-created",
    NewBootstrap => "new token brought",
    OldBootstrap => "spent first token brought again",
    NotSent => "request to Salesforce never left",
    RequestLost => "request to Salesforce lost on its way",
    ReplyLost => "Salesforce committed, its reply was lost",
    ServerError => "Salesforce failed without spending the token",
    ResetEarly => "connection reset while Salesforce was still processing",
    AlreadyProcessing => "answer: token request is already being processed",
    Active => "introspection: active",
    Inactive => "introspection: inactive",
    NoAnswer => "introspection without an answer",
    LateResult => "result stored by a deposed leader",
    Unknown => "outcome unknown recorded",
    Renewed => "token renewed and stored",
    SecondInstallation => "connector looked at by a second installation",
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally(Vec<u64>);

impl Tally {
    pub(crate) fn new() -> Self {
        Self(vec![0; Event::ALL.len()])
    }

    pub(crate) fn count(&mut self, event: Event) {
        self.0[event as usize] += 1;
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Event::ALL
            .iter()
            .map(|(event, text)| (*text, self.0[*event as usize]))
    }

    pub(crate) fn print(&self) {
        for (text, count) in self.rows() {
            println!("{count:>12}  {text}");
        }
    }
}
