use super::*;
use crate::ids::{ClusterUid, ConnectorRef, Serial};

fn entry(uid: &str, phase: LedgerPhase) -> LedgerEntry {
    LedgerEntry {
        connector_uid: uid.into(),
        phase,
    }
}

fn used(grant: &str) -> LedgerPhase {
    LedgerPhase::Used(GrantId::new(grant))
}

#[test]
fn a_ledger_entry_comes_back_from_a_secret_as_it_went_in() {
    for entry in [entry("u", LedgerPhase::Importing), entry("u", used("g"))] {
        assert_eq!(LedgerEntry::from_data(&entry.to_data()), Ok(entry));
    }
    let mut odd = entry("u", LedgerPhase::Importing).to_data();
    odd.insert(PHASE.into(), b"halfway".to_vec());
    assert_eq!(LedgerEntry::from_data(&odd), Err(LedgerError::Key(PHASE)));
}

#[test]
fn the_digest_is_a_keyed_one_of_a_domain_of_its_own() {
    let key = LedgerKey::new("k1", ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"Jefe"));
    let digest = TokenDigest::of(&key, &RefreshToken::new("what do ya want for nothing?"));
    assert_eq!(
        digest.as_str(),
        "k1-200d90d7d17973316fb7c632afe347a8b9e0c1ec586eac633d8d31c4a49605d2"
    );
    assert_eq!(LedgerName::of(&digest).as_str().len(), "ledger-k1-".len() + 64);
}

#[test]
fn an_import_resumes_only_for_its_own_connector_and_only_unpresented() {
    let connector = ConnectorRef {
        uid: "u".into(),
        namespace: "ns".into(),
        name: "n".into(),
    };
    let state = State::new(connector, ClusterUid::new("c"), Serial(1));
    let refuse = LedgerVerdict::Refuse;
    let cases = [
        (entry("u", LedgerPhase::Importing), None, LedgerVerdict::Resume),
        (
            entry("u", LedgerPhase::Importing),
            Some(&state),
            LedgerVerdict::Resume,
        ),
        (entry("u", used("g")), None, refuse(GrantProblem::GrantLost)),
        (
            entry("u", used("g")),
            Some(&state),
            refuse(GrantProblem::BootstrapTokenUsed),
        ),
        (
            entry("other", LedgerPhase::Importing),
            None,
            refuse(GrantProblem::BootstrapTokenUsed),
        ),
        (
            entry("other", used("g")),
            None,
            refuse(GrantProblem::BootstrapTokenUsed),
        ),
    ];
    for (entry, state, verdict) in cases {
        assert_eq!(ledger_verdict(&entry, "u", state), verdict, "{entry:?} {state:?}");
    }
}

#[test]
fn a_token_is_presented_only_as_the_grant_that_its_entry_names() {
    let (uid, grant) = (Arc::from("u"), GrantId::new("g"));
    let marked = entry("u", used("g"));
    let cases = [
        (None, BeforeIntent::Create(marked.clone())),
        (
            Some(entry("u", LedgerPhase::Importing)),
            BeforeIntent::Mark(marked.clone()),
        ),
        (Some(marked), BeforeIntent::Go),
        (
            Some(entry("u", used("h"))),
            BeforeIntent::Refuse(GrantProblem::GrantLost),
        ),
        (
            Some(entry("v", LedgerPhase::Importing)),
            BeforeIntent::Refuse(GrantProblem::BootstrapTokenUsed),
        ),
    ];
    for (entry, step) in cases {
        assert_eq!(before_intent(entry.as_ref(), &uid, &grant), step, "{entry:?}");
    }
}
