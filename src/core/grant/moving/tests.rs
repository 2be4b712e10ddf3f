use std::time::Duration;

use redeem::{AttemptId, Grant, GrantId, GrantValidity, Origin, TimeLimits};

use super::*;
use crate::core::testing::fixtures::{client, state};

fn moved(state: &State, in_status: Option<u64>) -> Result<String, Unmovable> {
    let data = state.to_data().unwrap();
    token_to_move(&data, in_status).map(|token| token.expose_secret().to_owned())
}

#[test]
fn the_token_of_a_grant_that_works_and_is_as_new_as_its_copies_moves() {
    let good = state(GrantValidity::Valid);
    for in_status in [None, Some(good.serial.0)] {
        assert_eq!(moved(&good, in_status), Ok("refresh".to_owned()));
    }
    assert_eq!(moved(&good, Some(good.serial.0 + 1)), Err(Unmovable::RolledBack));
    assert_eq!(
        token_to_move(&BTreeMap::new(), None).unwrap_err(),
        Unmovable::Unreadable
    );
}

#[test]
fn what_is_dead_or_not_settled_stays() {
    assert_eq!(moved(&state(GrantValidity::Dead), None), Err(Unmovable::NoGrant));
    let good = state(GrantValidity::Valid);
    let none = State {
        current: None,
        ..good.clone()
    };
    assert_eq!(moved(&none, None), Err(Unmovable::NoGrant));
    let limits = TimeLimits::new(Duration::from_secs(30)).unwrap();
    let (grant, attempt) = (GrantId::new("grant"), AttemptId::new("attempt"));
    let open = redeem::intent(&good, &grant, &attempt, limits, &client());
    assert_eq!(moved(&open.unwrap(), None), Err(Unmovable::Open));
    let candidate = Grant::new(GrantId::new("next"), RefreshToken::new("next"), Origin::Login);
    let waiting = State {
        candidate: Some(candidate),
        ..good
    };
    assert_eq!(moved(&waiting, None), Err(Unmovable::Open));
}
