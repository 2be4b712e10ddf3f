//! Which signers may a connector name, and how?

use super::*;

/// Connectors by a signer, with these values in a field of its settings.
fn each_of<const N: usize, V: Into<Value>>(field: &str, values: [V; N]) -> Vec<Value> {
    let pointer = format!("/spec/auth/jwtBearer/signer/vaultTransit/{field}");
    let values = values.into_iter();
    values
        .map(|value| changed(by_signer(), &pointer, value.into()))
        .collect()
}

pub(super) fn signers() -> Vec<Case> {
    let reference = json!({ "name": "key", "key": "tls.key" });
    vec![
        Case {
            accepted: vec![jwt(), by_signer()],
            refused: vec![
                changed(jwt(), "/spec/auth/jwtBearer/privateKeyRef", Value::Null),
                changed(by_signer(), "/spec/auth/jwtBearer/privateKeyRef", reference),
            ],
            complaint: "spec.auth.jwtBearer: Invalid value: exactly one of privateKeyRef and signer must be set",
        },
        Case {
            accepted: vec![by_signer()],
            refused: vec![changed(by_signer(), "/spec/auth/jwtBearer/signer", json!({}))],
            complaint: "spec.auth.jwtBearer.signer: Invalid value: exactly one kind of signer must be set: vaultTransit",
        },
        Case {
            accepted: each_of(
                "address",
                [
                    "https://vault",
                    "https://vault.example.com",
                    "https://10.0.0.1:8200",
                ],
            ),
            refused: each_of(
                "address",
                [
                    "http://vault.example.com",
                    "https://vault.example.com/",
                    "https://vault.example.com/v1/sys",
                    "https://user@vault.example.com",
                    "https://vault.example.com:8200?x=1",
                    "https://Vault.example.com",
                    "https://vault.example.com:0",
                ],
            ),
            complaint: "spec.auth.jwtBearer.signer.vaultTransit.address: Invalid value: address must be https://NAME or https://NAME:PORT, such as https://vault.example.com:8200, in lower case and without a path",
        },
        Case {
            accepted: each_of("mount", ["transit", "team-a/transit", "a.b_c"]),
            refused: each_of(
                "mount",
                [
                    "/transit", "transit/", "a//b", "../sys", "a/../b", "a?b", "a%2Fb", "a b",
                ],
            ),
            complaint: "spec.auth.jwtBearer.signer.vaultTransit.mount: Invalid value: mount must be a path without a leading or trailing slash, such as team-a/transit: letters, digits, -, _ and .",
        },
        Case {
            accepted: each_of("keyName", ["crm", "crm.v2_x-1"]),
            refused: each_of("keyName", ["a/b", "..", "crm?", "crm#", "-crm", "crm%2F"]),
            complaint: "spec.auth.jwtBearer.signer.vaultTransit.keyName: Invalid value: keyName must have letters, digits, -, _ and . only, and begin and end with a letter or digit",
        },
        Case {
            accepted: each_of("namespace", ["admin", "admin/team-a"]),
            refused: each_of("namespace", ["../x", "a b", "x/"]),
            complaint: "spec.auth.jwtBearer.signer.vaultTransit.namespace: Invalid value: namespace must be a path without a leading or trailing slash, such as team-a/transit: letters, digits, -, _ and .",
        },
        Case {
            accepted: each_of("keyVersion", [1, i32::MAX]),
            refused: each_of("keyVersion", [0, -1]),
            complaint: "spec.auth.jwtBearer.signer.vaultTransit.keyVersion: Invalid value: keyVersion must be 1 or more",
        },
    ]
}

#[tokio::test]
async fn rules_about_signers() {
    check("signers", signers()).await;
}
