//! Whose grant it is, and whether it is the one that was expected.

use serde::{Deserialize, Serialize};

/// Org and user of a token response.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantIdentity {
    /// Organization id, 15 or 18 characters.
    pub organization_id: String,
    /// User id, 15 or 18 characters.
    pub user_id: String,
    /// Username; the token response doesn't tell it, userinfo does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// `spec.expect`: who the connector must turn out to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Expect {
    /// Expected organization id, 15 or 18 characters.
    pub organization_id: Option<String>,
    /// Expected username; compared without regard to case, as Salesforce does.
    pub username: Option<String>,
}

/// What comparing an identity came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing speaks against it.
    AsExpected,
    /// `spec.expect` names a username and ours isn't known yet: ask Salesforce.
    UsernameUnknown,
    /// Another org or another user.
    Wrong,
}

/// Compares an identity with `expect` and, where that is silent, with the identity pinned at the first grant.
#[must_use]
pub fn judge(identity: &GrantIdentity, expect: &Expect, pin: Option<&GrantIdentity>) -> Judgement {
    let org = &identity.organization_id;
    if expect
        .organization_id
        .as_ref()
        .is_some_and(|wanted| !same_id(wanted, org))
    {
        return Judgement::Wrong;
    }
    let moved = |pin: &GrantIdentity| expect.organization_id.is_some() && !same_id(&pin.organization_id, org);
    let pin = pin.filter(|pin| !moved(pin));
    if pin.is_some_and(|pin| !same_id(&pin.organization_id, org)) {
        return Judgement::Wrong;
    }
    match (&expect.username, &identity.username) {
        (Some(wanted), Some(found)) if wanted.eq_ignore_ascii_case(found) => Judgement::AsExpected,
        (Some(_), Some(_)) => Judgement::Wrong,
        (Some(_), None) => Judgement::UsernameUnknown,
        (None, _) if pin.is_some_and(|pin| !same_id(&pin.user_id, &identity.user_id)) => Judgement::Wrong,
        (None, _) => Judgement::AsExpected,
    }
}

/// Salesforce writes the same id with 15 (case-sensitive) or 18 characters; the first 15 decide.
fn same_id(a: &str, b: &str) -> bool {
    fn short(id: &str) -> &str {
        id.get(..15).unwrap_or(id)
    }
    short(a) == short(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(org: &str, user: &str, username: Option<&str>) -> GrantIdentity {
        GrantIdentity {
            organization_id: org.into(),
            user_id: user.into(),
            username: username.map(Into::into),
        }
    }

    fn expect(org: Option<&str>, username: Option<&str>) -> Expect {
        Expect {
            organization_id: org.map(Into::into),
            username: username.map(Into::into),
        }
    }

    const ORG: &str = "00D000000000001";
    const ORG_18: &str = "00D000000000001EAA";
    const OTHER_ORG: &str = "00D000000000002";
    const USER: &str = "005000000000001";
    const OTHER_USER: &str = "005000000000002";

    #[test]
    fn expect_wins_over_the_pin_and_the_pin_over_nothing() {
        use Judgement::{AsExpected, UsernameUnknown, Wrong};
        let anna = Some("anna@example.com");
        let cases = [
            (who(ORG, USER, None), expect(None, None), None, AsExpected),
            (who(ORG, USER, None), expect(Some(ORG_18), None), None, AsExpected),
            (who(OTHER_ORG, USER, None), expect(Some(ORG), None), None, Wrong),
            (
                who(ORG_18, USER, None),
                expect(None, None),
                Some(who(ORG, USER, None)),
                AsExpected,
            ),
            (
                who(OTHER_ORG, USER, None),
                expect(None, None),
                Some(who(ORG, USER, None)),
                Wrong,
            ),
            (
                who(ORG, OTHER_USER, None),
                expect(None, None),
                Some(who(ORG, USER, None)),
                Wrong,
            ),
            (
                who(ORG, OTHER_USER, None),
                expect(Some(ORG), None),
                Some(who(ORG, USER, None)),
                Wrong,
            ),
            (
                who(OTHER_ORG, OTHER_USER, None),
                expect(Some(OTHER_ORG), None),
                Some(who(ORG, USER, None)),
                AsExpected,
            ),
            (
                who(ORG, OTHER_USER, anna),
                expect(None, anna),
                Some(who(ORG, USER, None)),
                AsExpected,
            ),
            (
                who(OTHER_ORG, OTHER_USER, anna),
                expect(None, anna),
                Some(who(ORG, USER, None)),
                Wrong,
            ),
            (
                who(ORG, USER, Some("bob@example.com")),
                expect(None, anna),
                None,
                Wrong,
            ),
            (
                who(ORG, USER, Some("ANNA@example.com")),
                expect(None, anna),
                None,
                AsExpected,
            ),
            (who(ORG, USER, None), expect(None, anna), None, UsernameUnknown),
        ];
        for (identity, expect, pin, judgement) in cases {
            assert_eq!(
                judge(&identity, &expect, pin.as_ref()),
                judgement,
                "{identity:?} {expect:?} {pin:?}"
            );
        }
    }
}
