//! A login in hand is written until it is in the state, and never again once others may have spent it.

use redeem::{RefreshToken, Serial, SessionEnd, SessionGoal, SessionMemory, State};

use crate::stage::{SEEN, Stage, Write, answer, in_use, inputs, user};

/// What others have made of the state meanwhile, as of this serial.
fn others(serial: u64) -> Write {
    Write::Overtaken(Box::new(State {
        serial: Serial(serial),
        ..in_use()
    }))
}

#[test]
fn a_login_whose_write_was_not_answered_is_written_again_only_where_it_cannot_have_been_spent() {
    // It is written as serial 4. Somebody else's serial 4 shows that it did not land, a later one shows nothing.
    for (write, again) in [
        (Write::Lost, true),
        (others(4), true),
        (others(5), false),
        (others(6), false),
    ] {
        let mut stage = Stage::with(Some(in_use()));
        stage.consumer = SEEN;
        stage.writes.push_back(write);
        let login = (
            RefreshToken::new("login-0"),
            answer("login access", None, user("u")),
        );
        let outcome = stage.run(
            inputs(SessionGoal::Deposit(Box::new(login))),
            SessionMemory::default(),
        );
        assert_eq!(outcome.end, SessionEnd::Ready);
        let current = stage.state.unwrap().current.unwrap();
        let token = if again { "login-0" } else { "current-0" };
        assert_eq!(current.refresh_token.expose_secret(), token);
    }
}
