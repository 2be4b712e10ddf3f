//! What does the Secret of a login hold, and may its code be redeemed for this connector?

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use salesforce_client::{AuthorizationCode, CodeVerifier, Refusal};
use secrecy::ExposeSecret;

use crate::api::names;
use crate::api::reasons::OwnReason;
use crate::core::callback::attempt::{is_answered, is_by_link, refused_in};
use crate::core::model::inputs::Input;
use crate::core::model::limits;
use crate::core::model::login_request::{LoginCode, LoginRequest, LoginSecret, LoginSeen};
use crate::core::model::rejection::Rejection;
use crate::core::schedule::time::since;

/// How long Salesforce accepts a code after it was issued.
pub const CODE_LIFETIME: Duration = Duration::from_mins(15);

/// The login that the annotation names, with its Secret as it was read. `handled` is the one that the status speaks of.
pub fn login_seen(
    secret_name: &str,
    handled: Option<&str>,
    secret: Option<&Secret>,
    uid: &str,
    now: Timestamp,
) -> LoginSeen {
    if handled != Some(secret_name) {
        if secret.is_some_and(|secret| is_awaited(secret, uid, now)) {
            return LoginSeen::Awaited;
        }
        let code = match secret {
            Some(secret) => code(secret, uid, now),
            None => Err(rejection(OwnReason::InputSecretMissing, secret_name, "")),
        };
        return LoginSeen::Requested(LoginRequest {
            secret_name: secret_name.to_owned(),
            code,
        });
    }
    let leftover = secret.filter(|secret| is_login_of(secret, uid));
    leftover.map_or(LoginSeen::None, |secret| {
        LoginSeen::Over(LoginSecret {
            name: secret_name.to_owned(),
            uid: secret.uid().unwrap_or_default(),
        })
    })
}

/// Whether the callback page may still bring its answer.
fn is_awaited(secret: &Secret, uid: &str, now: Timestamp) -> bool {
    is_login_of(secret, uid) && !is_over(secret, now) && is_by_link(secret) && !is_answered(secret)
}

/// Whether its time is up, from its creation on.
pub fn is_over(secret: &Secret, now: Timestamp) -> bool {
    let made = secret.metadata.creation_timestamp.as_ref();
    made.is_none_or(|made| since(made.0, now) >= CODE_LIFETIME)
}

/// A Secret of the type of logins that was made for this connector. No other one is read or deleted.
pub fn is_login_of(secret: &Secret, uid: &str) -> bool {
    let of = secret.annotations().get(names::CONNECTOR_UID);
    secret.type_.as_deref() == Some(names::LOGIN_SECRET_TYPE) && of.map(String::as_str) == Some(uid)
}

fn code(secret: &Secret, uid: &str, now: Timestamp) -> Result<LoginCode, Rejection> {
    let name = secret.name_any();
    if !is_login_of(secret, uid) {
        let why = format!(
            "; its type must be {}, and its annotation {} the uid of the connector",
            names::LOGIN_SECRET_TYPE,
            names::CONNECTOR_UID
        );
        return Err(rejection(OwnReason::LoginSecretInvalid, &name, &why));
    }
    if is_over(secret, now) {
        return Err(Rejection::new(
            Refusal::AuthorizationCodeExpired,
            format!("Secret \"{name}\""),
        ));
    }
    if let Some((refusal, error)) = refused_in(secret) {
        return Err(Rejection::new(refusal, error));
    }
    Ok(LoginCode {
        code: AuthorizationCode::new(value(secret, names::LOGIN_CODE)?),
        code_verifier: CodeVerifier::new(value(secret, names::LOGIN_CODE_VERIFIER)?),
        redirect_uri: value(secret, names::LOGIN_REDIRECT_URI)?,
        begun_at: secret
            .metadata
            .creation_timestamp
            .as_ref()
            .map_or(now, |made| made.0),
    })
}

fn value(secret: &Secret, key: &str) -> Result<String, Rejection> {
    let data = secret.data.as_ref().and_then(|data| data.get(key));
    let field = format!("Secret \"{}\", key \"{key}\"", secret.name_any());
    match Input::read(data.map(|bytes| bytes.0.as_slice())) {
        Input::Found(value) => {
            limits::check_secret(&field, &value, limits::LOGIN_VALUE)?;
            Ok(value.expose_secret().to_owned())
        }
        Input::TooLong(bytes) => Err(limits::too_long(&field, bytes, limits::LOGIN_VALUE)),
        Input::KeyMissing | Input::SecretMissing => Err(Rejection::new(
            OwnReason::LoginSecretInvalid,
            format!("{field} is missing"),
        )),
        Input::NotText(what) => Err(Rejection::new(
            OwnReason::LoginSecretInvalid,
            format!("{field}: {what}"),
        )),
    }
}

fn rejection(reason: OwnReason, name: &str, why: &str) -> Rejection {
    let annotation = names::LOGIN_SECRET;
    Rejection::new(reason, format!("annotation {annotation}: Secret \"{name}\"{why}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::core::testing::fixtures::now;

    const NAME: &str = "crm-login-x7k2p";

    fn secret(changes: &[(&str, Value)]) -> Secret {
        let mut secret = json!({
            "metadata": {
                "name": NAME, "uid": "1", "creationTimestamp": now().to_string(),
                "annotations": { "salesforce-connector.dev/connector-uid": "crm" },
            },
            "type": "salesforce-connector.dev/login",
            "data": { "code": "YVByeA==", "code-verifier": "dmVyaWZpZXI=", "redirect-uri": "aHR0cDovL2xvY2FsaG9zdDoxNzE3L09hdXRoUmVkaXJlY3Q=" },
        });
        for (pointer, value) in changes {
            *secret.pointer_mut(pointer).unwrap() = value.clone();
        }
        serde_json::from_value(secret).unwrap()
    }

    fn requested(secret: Option<&Secret>, at: Timestamp) -> Result<LoginCode, Rejection> {
        let seen = login_seen(NAME, Some("an earlier one"), secret, "crm", at);
        seen.requested().unwrap().code.clone()
    }

    #[test]
    fn the_secret_of_a_login_holds_its_code() {
        let login = requested(Some(&secret(&[])), now()).unwrap();
        assert_eq!(
            (
                login.code.expose(),
                login.code_verifier.expose(),
                &*login.redirect_uri
            ),
            ("aPrx", "verifier", "http://localhost:1717/OauthRedirect")
        );
    }

    #[test]
    fn a_code_is_redeemed_for_the_connector_that_its_login_was_for_and_for_15_minutes() {
        let reason = |secret: Option<&Secret>, at| requested(secret, at).unwrap_err().reason;
        let invalid = OwnReason::LoginSecretInvalid.into();
        assert_eq!(reason(None, now()), OwnReason::InputSecretMissing.into());
        for (pointer, value) in [
            (
                "/metadata/annotations/salesforce-connector.dev~1connector-uid",
                json!("other"),
            ),
            ("/type", json!("Opaque")),
            ("/data/code", json!("")),
            ("/data/code-verifier", json!("//4=")),
        ] {
            let secret = secret(&[(pointer, value)]);
            assert_eq!(reason(Some(&secret), now()), invalid, "{pointer}");
        }
        let too_long = secret(&[("/data/code", json!("YWFh".repeat(1024)))]);
        assert_eq!(reason(Some(&too_long), now()), OwnReason::InputTooLong.into());
        assert_eq!(
            reason(Some(&secret(&[])), now() + CODE_LIFETIME),
            Refusal::AuthorizationCodeExpired.into()
        );
    }

    #[test]
    fn a_login_by_link_is_awaited_until_it_is_answered_or_its_time_is_up() {
        let by_link = |data: Value| secret(&[("/data", data)]);
        let seen = |secret: &Secret, at| login_seen(NAME, None, Some(secret), "crm", at);
        let offered = by_link(json!({ "link-key": "a2V5" }));
        let begun = by_link(
            json!({ "link-key": "a2V5", "state": "cw==", "code-verifier": "dg==", "redirect-uri": "dQ==" }),
        );
        for secret in [&offered, &begun] {
            assert!(matches!(seen(secret, now()), LoginSeen::Awaited));
            let late = requested(Some(secret), now() + CODE_LIFETIME).unwrap_err();
            assert_eq!(late.reason, Refusal::AuthorizationCodeExpired.into());
        }
        let foreign = login_seen(NAME, None, Some(&offered), "erp", now());
        assert!(matches!(foreign, LoginSeen::Requested(request) if request.code.is_err()));
        let mut answered = begun.clone();
        let data = answered.data.as_mut().unwrap();
        data.insert("code".to_owned(), k8s_openapi::ByteString(b"aPrx".to_vec()));
        assert!(requested(Some(&answered), now()).is_ok());
        let mut denied = begun;
        let error = br#"{"error":"access_denied","error_description":"end-user denied"}"#.to_vec();
        denied
            .data
            .as_mut()
            .unwrap()
            .insert("error".to_owned(), k8s_openapi::ByteString(error));
        let denied = requested(Some(&denied), now()).unwrap_err();
        assert_eq!(
            (denied.reason, &*denied.subject),
            (
                Refusal::AccessDenied.into(),
                "the login page answered \"access_denied\""
            )
        );
    }

    #[test]
    fn a_login_that_is_over_is_not_carried_out_again_and_its_secret_is_to_go() {
        let seen = |secret: Option<&Secret>| login_seen(NAME, Some(NAME), secret, "crm", now());
        let login = LoginSecret {
            name: NAME.to_owned(),
            uid: "1".to_owned(),
        };
        assert!(matches!(seen(Some(&secret(&[]))), LoginSeen::Over(over) if over == login));
        assert!(matches!(seen(None), LoginSeen::None));
        let foreign = secret(&[("/type", json!("Opaque"))]);
        assert!(matches!(seen(Some(&foreign)), LoginSeen::None));
    }
}
