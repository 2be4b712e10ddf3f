//! What becomes of a problem of a grant once it has been told?

use super::*;

/// A failure that was given up for this problem.
fn given_up(mut observed: Observed, problem: GrantProblem) -> Observed {
    let failures = fixtures::failures(of(&observed), problem, None);
    observed.status.failures = Some(failures);
    observed
}

fn failures(conclusion: Conclusion, before: &Observed) -> Option<String> {
    let status = conclusion.status.unwrap_or_else(|| before.status.clone());
    status.failures.map(|failures| failures.reason)
}

#[test]
fn a_resolved_problem_blocks_nothing_and_is_forgotten_at_the_next_look() {
    let told = GrantProblem::ALL
        .into_iter()
        .filter(|problem| *problem != GrantProblem::ClaimedByAnotherInstallation);
    for problem in told {
        let healed = given_up(observed(found(fixtures::state(GrantValidity::Valid))), problem);
        assert!(
            matches!(fixtures::decided(&healed, after(1)), Decision::Keep { .. }),
            "{problem:?}: nothing asks for a token"
        );
        assert_eq!(
            fixtures::decided(&healed, after(7200)),
            mint(MintReason::RenewalDue),
            "{problem:?}"
        );
        for activity in [Activity::Active, Activity::Suspended] {
            let healed = Observed {
                activity,
                ..healed.clone()
            };
            let decision = fixtures::decided(&healed, after(1));
            let conclusion = conclude(&healed, &decision, &kept(&healed), after(1));
            assert_eq!(conclusion.status.as_ref().unwrap().conditions[0].status, "True");
            assert_eq!(failures(conclusion, &healed), None, "{problem:?} {activity:?}");
        }
        let suspended = Observed {
            activity: Activity::Suspended,
            ..healed
        };
        assert_eq!(
            fixtures::decided(&suspended, after(29 * 86_400)),
            mint(MintReason::KeepAlive),
            "{problem:?}"
        );
    }
}

#[test]
fn a_lasting_problem_is_examined_once_and_waits_for_someone_to_act() {
    for (name, problem) in [
        ("absent", GrantProblem::GrantLost),
        ("newer version", GrantProblem::UnsupportedStateVersion),
        ("unreadable", GrantProblem::StateUnreadable),
        ("old", GrantProblem::StateRolledBack),
        ("of another cluster", GrantProblem::StateRolledBack),
        ("unknown", GrantProblem::OutcomeUnknown),
        ("inactive", GrantProblem::ReauthorizationRequired),
        ("dead", GrantProblem::ReauthorizationRequired),
        ("somebody else's", GrantProblem::WrongIdentity),
        ("somebody else's, waiting alone", GrantProblem::WrongIdentity),
    ] {
        let (_, state) = states().into_iter().find(|(found, _)| *found == name).unwrap();
        let lasting = given_up(observed(state), problem);
        let wait = Decision::Wait(WaitReason::InputMustChange);
        assert_eq!(fixtures::decided(&lasting, after(7200)), wait, "{name}");
        let conclusion = conclude(&lasting, &wait, &kept(&lasting), after(7200));
        assert_eq!(
            failures(conclusion, &lasting).as_deref(),
            Some(problem.as_str()),
            "{name}"
        );
    }
}

#[test]
fn a_renewal_whose_outcome_was_unknown_is_repeated_once_the_token_is_known_to_be_good() {
    let mut observed = observed(found(fixtures::state(GrantValidity::Valid)));
    let again = Some(after(900));
    observed.status.failures = Some(fixtures::failures(
        of(&observed),
        GrantProblem::OutcomeUnknown,
        again,
    ));
    assert_eq!(fixtures::decided(&observed, after(1)), mint(MintReason::Retry));
}

#[test]
fn the_serial_of_an_attempt_is_not_copied_by_those_who_find_it() {
    let standing = |serial: u64| {
        Some(Attempt {
            serial: Serial(serial),
            ..attempt(AttemptPhase::Open)
        })
    };
    let mut state = fixtures::state(GrantValidity::Valid);
    state.serial = Serial(7);
    assert_eq!(copied_serial(&state), 7);
    state.current.as_mut().unwrap().attempt = standing(6);
    assert_eq!(copied_serial(&state), 5);
    state.candidate = Some(somebody_elses());
    state.candidate.as_mut().unwrap().attempt = standing(4);
    assert_eq!(copied_serial(&state), 3, "of two the older one counts");
}
