//! What becomes of a bootstrap token where the key of the ledger was lost or replaced: nobody can tell any more which tokens are
//! spent.

use redeem::{
    Bootstrap, GrantProblem, Introspectable, IntrospectionAnswer, RedeemAnswer, RefreshToken, SessionEnd,
    SessionGoal, SessionInputs, SessionMemory, SessionWait,
};

use crate::stage::{SEEN, Stage, answer, bootstrap, in_use, inputs, key, user};

fn bringing(bootstrap: Bootstrap, introspectable: Introspectable) -> SessionInputs {
    SessionInputs {
        bootstrap: Some(bootstrap),
        introspectable,
        ..inputs(SessionGoal::Settle)
    }
}

/// Another key, and the digest of the same token under it.
fn under_another_key() -> Bootstrap {
    Bootstrap::new(&key("k2"), bootstrap().token)
}

#[test]
fn a_digest_says_which_key_it_was_made_with() {
    assert_eq!(bootstrap().digest.key_id(), "k1");
    assert_eq!(under_another_key().digest.key_id(), "k2");
    assert_ne!(bootstrap().digest, under_another_key().digest);
}

#[test]
fn a_token_that_was_imported_under_another_key_is_not_presented_and_the_grant_in_use_goes_on() {
    for introspectable in [Introspectable::Impossible, Introspectable::Possible] {
        let mut kept = in_use();
        kept.imported = Some(bootstrap().digest);
        let mut stage = Stage::with(Some(kept));
        stage.consumer = SEEN;
        // Salesforce does not let this app ask, where it has a secret to ask with.
        stage.said.push_back(IntrospectionAnswer::Impossible);
        let outcome = stage.run(
            bringing(under_another_key(), introspectable),
            SessionMemory::default(),
        );
        let refused = redeem::BootstrapNote::Refused(GrantProblem::BootstrapTokenUnverified);
        assert_eq!(
            (outcome.end, outcome.bootstrap),
            (SessionEnd::Ready, Some(refused))
        );
        assert!(stage.sent.is_empty(), "{:?}", stage.sent);
    }
}

#[test]
fn without_a_state_the_entries_of_other_keys_stop_what_salesforce_can_not_be_asked_about() {
    let unverified = SessionEnd::Problem {
        problem: GrantProblem::BootstrapTokenUnverified,
        ask_again: None,
    };
    for (other_keys, end) in [(true, unverified), (false, SessionEnd::Ready)] {
        let mut stage = importing(other_keys);
        let outcome = stage.run(
            bringing(bootstrap(), Introspectable::Impossible),
            SessionMemory::default(),
        );
        assert_eq!(outcome.end, end, "{other_keys}");
        assert_eq!(stage.sent.len(), usize::from(end == SessionEnd::Ready));
    }
}

#[test]
fn beside_entries_of_other_keys_salesforce_is_asked_once_who_may_be_presenting_the_token_has_had_its_time() {
    let mut stage = importing(true);
    let first = stage.run(
        bringing(bootstrap(), Introspectable::Possible),
        SessionMemory::default(),
    );
    let SessionEnd::Waiting {
        why: SessionWait::ForeignAttempt,
        length,
    } = first.end
    else {
        panic!("{:?}", first.end);
    };
    assert_eq!((stage.asked.len(), stage.sent.len()), (0, 0));
    stage.now += length;
    let second = stage.run(bringing(bootstrap(), Introspectable::Possible), first.memory);
    assert_eq!(second.end, SessionEnd::Ready);
    assert_eq!((stage.asked.len(), stage.sent.len()), (1, 1));
}

/// A stage without a state, on which an import goes well if it is tried.
fn importing(other_keys: bool) -> Stage {
    let mut stage = Stage::with(None);
    stage.other_keys = other_keys;
    stage.said.push_back(IntrospectionAnswer::Active);
    let granted = answer("access-1", Some("current-1"), user("u"));
    stage.answers = [RedeemAnswer::Granted(Box::new(granted))].into();
    stage
}

#[test]
fn a_bootstrap_token_that_is_the_one_in_use_is_known_whatever_key_it_was_imported_under() {
    let mut kept = in_use();
    kept.imported = Some(bootstrap().digest);
    let in_use = Bootstrap::new(&key("k2"), RefreshToken::new("current-0"));
    let mut stage = Stage::with(Some(kept));
    stage.consumer = SEEN;
    let outcome = stage.run(
        bringing(in_use.clone(), Introspectable::Possible),
        SessionMemory::default(),
    );
    assert_eq!(outcome.end, SessionEnd::Ready);
    assert_eq!((stage.asked.len(), stage.sent.len()), (0, 0));
    assert_eq!(stage.state.unwrap().imported, Some(in_use.digest));
}
