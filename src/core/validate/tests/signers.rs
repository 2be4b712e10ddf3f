//! When is a signer asked, and what do digests cover of it?

use super::*;

/// The digests of a connector by a signer: with a change of its settings, and with this token.
fn digests_by_signer(change: &Value, token: &str) -> [String; 2] {
    let mut auth = fixtures::jwt_by_signer();
    let transit = auth["jwtBearer"]["signer"]["vaultTransit"]
        .as_object_mut()
        .unwrap();
    transit.extend(change.as_object().unwrap().clone());
    let spec = spec(json!({ "auth": auth, "app": { "clientId": "3MVG9" } }));
    let mut inputs = Inputs::default();
    for reference in references(&spec) {
        inputs.insert(reference, Input::Found(SecretString::from(token.to_owned())));
    }
    let list = HostAllowList::default();
    let (connector, _) = validate("crm", "uid", &spec, &inputs, &list, &key()).unwrap();
    [connector.inputs_digest, connector.attempt_digest].map(|digest| digest.as_str().to_owned())
}

#[test]
fn who_signs_determines_the_token_and_the_signers_token_only_the_attempt() {
    let [inputs, attempt] = digests_by_signer(&json!({}), "hvs.a");
    for change in [
        json!({ "address": "https://vault.example.com" }),
        json!({ "mount": "team/transit" }),
        json!({ "keyName": "other" }),
        json!({ "keyVersion": 1 }),
        json!({ "namespace": "team" }),
    ] {
        assert_ne!(digests_by_signer(&change, "hvs.a")[0], inputs, "{change}");
    }
    let [same, other] = digests_by_signer(&json!({}), "hvs.b");
    assert_eq!(same, inputs, "another token of the signer causes no login");
    assert_ne!(other, attempt, "another token of the signer is tried at once");
}

#[test]
fn a_signer_is_asked_only_at_an_address_that_is_allowed() {
    let spec = spec(json!({ "auth": fixtures::jwt_by_signer() }));
    let allowed = |address: &str| BTreeSet::from([address.parse().unwrap()]);
    assert_eq!(
        check_signer(&spec, &allowed("https://vault.example.com:8200")),
        Ok(())
    );
    for addresses in [BTreeSet::new(), allowed("https://vault.example.com")] {
        let rejection = check_signer(&spec, &addresses).unwrap_err();
        assert_eq!(rejection.reason, OwnReason::SignerNotAllowed.into());
        assert_eq!(
            rejection.subject,
            "spec.auth.jwtBearer.signer.vaultTransit.address: https://vault.example.com:8200"
        );
    }
    let by_key = fixtures::spec(json!({ "auth": fixtures::jwt() }));
    assert_eq!(check_signer(&by_key, &BTreeSet::new()), Ok(()));
}
