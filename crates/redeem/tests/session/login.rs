//! The code of a login is redeemed once. What it brings is written until it is in the state, and never again once others may
//! have spent it.

use redeem::{
    CodeAnswer, Effect, GrantId, LedgerEntry, LedgerPhase, LoginVerdict, RefreshToken, Reply, Serial,
    SessionEnd, SessionGoal, SessionMemory, SessionOutcome, State, TokenDigest, WriteReply,
};

use crate::stage::{SEEN, Stage, Write, answer, in_use, inputs, user};

/// What others have made of the state meanwhile, as of this serial.
fn others(serial: u64) -> Write {
    Write::Overtaken(Box::new(State {
        serial: Serial(serial),
        ..in_use()
    }))
}

/// A grant in use, and a code that brings another one of the same user.
fn stage() -> Stage {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    let login = (
        RefreshToken::new("login-0"),
        answer("login access", None, user("u")),
    );
    stage.codes.push_back(CodeAnswer::Granted(Box::new(login)));
    stage
}

fn log_in(stage: &mut Stage) -> SessionOutcome {
    let code = TokenDigest::of_code(&crate::stage::key("k1"), "aPrx");
    stage.run(inputs(SessionGoal::Login(code)), SessionMemory::default())
}

fn token_in_use(stage: &Stage) -> Option<String> {
    let grant = stage.state.as_ref()?.current.as_ref()?;
    Some(grant.refresh_token.expose_secret().to_owned())
}

fn entry(by: &str) -> LedgerEntry {
    LedgerEntry {
        connector_uid: "uid".into(),
        phase: LedgerPhase::Used(GrantId::new(by)),
    }
}

#[test]
fn a_code_is_entered_in_the_ledger_redeemed_and_its_grant_replaces_the_one_in_use() {
    let mut stage = stage();
    let outcome = log_in(&mut stage);
    assert_eq!(
        (outcome.end, outcome.login),
        (SessionEnd::Ready, Some(LoginVerdict::Stored))
    );
    assert_eq!(stage.ledger, Some(entry("g")));
    assert_eq!(stage.redeemed_codes, 1);
    assert_eq!(token_in_use(&stage).as_deref(), Some("login-0"));
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
        let mut stage = stage();
        stage.writes.push_back(write);
        let outcome = log_in(&mut stage);
        assert_eq!(
            (outcome.end, outcome.login),
            (SessionEnd::Ready, Some(LoginVerdict::Stored))
        );
        let token = if again { "login-0" } else { "current-0" };
        assert_eq!(token_in_use(&stage).as_deref(), Some(token));
    }
}

#[test]
fn a_code_that_another_session_entered_is_not_presented_and_the_grant_in_use_stays() {
    let mut stage = stage();
    stage.ledger = Some(entry("another session's"));
    let outcome = log_in(&mut stage);
    assert_eq!(
        (outcome.end, outcome.login),
        (SessionEnd::Ready, Some(LoginVerdict::CodeUsed))
    );
    assert_eq!(
        (stage.redeemed_codes, token_in_use(&stage).as_deref()),
        (0, Some("current-0"))
    );
}

#[test]
fn a_code_that_another_session_entered_under_another_digest_key_is_not_presented() {
    let mut stage = stage();
    stage.other_keys = true;
    let outcome = log_in(&mut stage);
    assert_eq!(
        (outcome.end, outcome.login, stage.redeemed_codes),
        (SessionEnd::Ready, Some(LoginVerdict::CodeUsed), 0)
    );
}

#[test]
fn a_code_whose_grant_is_stored_already_counts_as_carried_out() {
    let mut stage = stage();
    stage.ledger = Some(entry("in use"));
    let outcome = log_in(&mut stage);
    assert_eq!(
        (outcome.end, outcome.login, stage.redeemed_codes),
        (SessionEnd::Ready, Some(LoginVerdict::Stored), 0)
    );
}

#[test]
fn an_entry_whose_write_was_not_answered_is_looked_for_before_the_code_is_presented() {
    for landed in [true, false] {
        let mut stage = stage();
        stage.ledger = landed.then(|| entry("g"));
        let mut unanswered = true;
        stage.interfere = Box::new(move |effect| {
            let create = matches!(effect, Effect::CreateLedger { .. });
            (create && std::mem::take(&mut unanswered)).then_some(Reply::Write(WriteReply::Unknown))
        });
        assert_eq!(log_in(&mut stage).login, Some(LoginVerdict::Stored), "{landed}");
        assert_eq!((stage.redeemed_codes, stage.ledger), (1, Some(entry("g"))));
    }
}

#[test]
fn a_code_that_brings_nothing_leaves_the_grant_in_use() {
    let mut stage = stage();
    stage.codes = [CodeAnswer::Failed].into();
    let outcome = log_in(&mut stage);
    assert_eq!(
        (outcome.end, outcome.login),
        (SessionEnd::Ready, Some(LoginVerdict::Failed))
    );
    assert_eq!(token_in_use(&stage).as_deref(), Some("current-0"));
}

#[test]
fn a_code_beyond_what_may_be_brought_in_a_day_is_not_presented() {
    let mut stage = stage();
    stage.interfere =
        Box::new(|effect| matches!(effect, Effect::CreateLedger { .. }).then_some(Reply::ImportedTooOften));
    let outcome = log_in(&mut stage);
    assert_eq!(
        (outcome.end, outcome.login, stage.redeemed_codes),
        (SessionEnd::Ready, Some(LoginVerdict::TooOften), 0)
    );
}

#[test]
fn the_grant_of_another_user_waits_and_never_replaces_the_one_in_use() {
    let mut stage = stage();
    let login = (
        RefreshToken::new("login-0"),
        answer("login access", None, user("other")),
    );
    stage.codes = [CodeAnswer::Granted(Box::new(login))].into();
    let outcome = log_in(&mut stage);
    assert_eq!(outcome.candidate, Some(redeem::GrantProblem::WrongIdentity));
    assert_eq!(
        (outcome.login, token_in_use(&stage).as_deref()),
        (Some(LoginVerdict::Stored), Some("current-0"))
    );
}
