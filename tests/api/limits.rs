//! Lengths, counts, and what must be there: each limit is reached by a value that is accepted and passed by one that is not.

use serde_json::{Value, json};

use super::changed;
use super::rules::{Case, REFERENCES, check, containing};

/// A text of so many characters.
type Text = fn(usize) -> String;

fn plain(length: usize) -> String {
    "a".repeat(length)
}

/// A name of labels with at most 63 characters each.
fn dns(length: usize) -> String {
    let labels = (0..length).map(|at| if at % 64 == 63 { '.' } else { 'a' });
    labels.collect()
}

/// A host: a name of two labels at least.
fn host(length: usize) -> String {
    let name: String = dns(length);
    format!("a.{}", name.get(2..).unwrap_or_default())
}

fn url(length: usize) -> String {
    format!("https://{}", plain(length.saturating_sub(8)))
}

fn https(length: usize) -> String {
    format!("https://{}", dns(length.saturating_sub(8)))
}

fn hours(length: usize) -> String {
    format!("00002.000h00000.000h00000.000h{}s", "0".repeat(length - 31))
}

fn minutes(length: usize) -> String {
    format!("00002.000m00000.000m00000.000m{}s", "0".repeat(length - 31))
}

fn version(length: usize) -> String {
    format!("1{}.0", "0".repeat(length - 3))
}

fn app_id(length: usize) -> String {
    format!("0x{}", "x".repeat(length - 2))
}

fn month(length: usize) -> String {
    format!("00744.000h00000.000h00000.000h{}s", "0".repeat(length - 31))
}

fn organization(length: usize) -> String {
    format!("00D{}", "x".repeat(length - 3))
}

/// What else is said of a text that is too short, by the rule about its form.
const NAME: &str = "must be a valid object name: lower-case letters, digits, - and .";
const KEY: &str = "must be a valid key of a Secret: letters, digits, -, _ and ., not beginning with ..";
const ADDRESS: &str = "address must be https://NAME or https://NAME:PORT, such as https://vault.example.com:8200, in lower case and without a path";
const MOUNT: &str = "mount must be a path without a leading or trailing slash, such as team-a/transit: letters, digits, -, _ and .";
const KEY_NAME: &str =
    "keyName must have letters, digits, -, _ and . only, and begin and end with a letter or digit";
const NAMESPACE: &str = "namespace must be a path without a leading or trailing slash, such as team-a/transit: letters, digits, -, _ and .";

/// Shortest, longest, what such a text looks like, and what else is said of one that is too short.
#[rustfmt::skip]
const LENGTHS: &[(&str, usize, usize, Text, &str)] = &[
    ("/spec/displayName", 1, 128, plain, ""),
    ("/spec/host", 4, 253, host, "host must be a DNS name in lower case, such as acme.my.salesforce.com"),
    ("/spec/app/clientId", 1, 512, plain, ""),
    ("/spec/app/previousCredentials/clientId", 1, 512, plain, ""),
    ("/spec/app/rotation/appId", 0, 18, app_id, ""),
    ("/spec/app/rotation/interval", 0, 32, month, ""),
    ("/spec/auth/jwtBearer/username", 1, 80, plain, ""),
    ("/spec/auth/jwtBearer/audience", 1, 255, url, "audience must begin with https://"),
    ("/spec/auth/jwtBearer/signer/vaultTransit/address", 9, 300, https, ADDRESS),
    ("/spec/auth/jwtBearer/signer/vaultTransit/mount", 1, 128, plain, MOUNT),
    ("/spec/auth/jwtBearer/signer/vaultTransit/keyName", 1, 128, plain, KEY_NAME),
    ("/spec/auth/jwtBearer/signer/vaultTransit/namespace", 1, 128, plain, NAMESPACE),
    ("/spec/auth/password/username", 1, 80, plain, ""),
    ("/spec/auth/authorizationCode/refreshTokenIdleLimit", 0, 32, hours, ""),
    ("/spec/auth/authorizationCode/refreshTokenLifetime", 0, 32, hours, ""),
    ("/spec/expect/organizationId", 0, 18, organization, ""),
    ("/spec/expect/username", 1, 80, plain, ""),
    ("/spec/token/lifetime", 0, 32, hours, ""),
    ("/spec/token/renewBefore", 0, 32, hours, ""),
    ("/spec/connectionTest/interval", 0, 32, hours, ""),
    ("/spec/connectionTest/timeout", 0, 32, minutes, ""),
    ("/spec/connectionTest/apiVersion", 0, 5, version, ""),
    ("/spec/secret/name", 1, 253, dns, "secret.name must be a valid object name: lower-case letters, digits, - and ."),
    ("/spec/secret/type", 1, 253, plain, ""),
    ("/spec/secret/labels/k", 0, 63, plain, ""),
    ("/spec/secret/annotations/k", 0, 4096, plain, ""),
];

/// The names of the Secret's keys.
const KEYS: [&str; 7] = [
    "accessToken",
    "instanceUrl",
    "tokenType",
    "issuedAt",
    "orgId",
    "userId",
    "apiVersion",
];

/// What must be there.
const REQUIRED: [&str; 9] = [
    "/spec",
    "/spec/app",
    "/spec/app/rotation/appId",
    "/spec/auth",
    "/spec/auth/jwtBearer/username",
    "/spec/auth/jwtBearer/signer/vaultTransit/address",
    "/spec/auth/jwtBearer/signer/vaultTransit/keyName",
    "/spec/auth/jwtBearer/signer/vaultTransit/tokenRef",
    "/spec/auth/password/passwordRef",
];

/// Every case of this file.
pub(super) fn all() -> Vec<Case<String>> {
    let references = REFERENCES.iter().flat_map(|path| {
        let (name, key) = (format!("{path}/name"), format!("{path}/key"));
        let required = [&name, &key].map(|place| required(place));
        let lengths = [
            length(&name, 1, 253, dns, &format!("name {NAME}")),
            length(&key, 1, 253, plain, &format!("key {KEY}")),
        ];
        lengths.into_iter().flatten().chain(required)
    });
    let lengths = LENGTHS
        .iter()
        .flat_map(|(place, least, most, text, also)| length(place, *least, *most, *text, also));
    let keys = KEYS.iter().flat_map(|key| {
        let rule = format!("secret.keys.{key} {KEY}");
        length(&format!("/spec/secret/keys/{key}"), 1, 253, plain, &rule)
    });
    lengths
        .chain(keys)
        .chain(REQUIRED.iter().map(|place| required(place)))
        .chain(references)
        .chain(scopes())
        .chain(record_counts())
        .chain(workloads())
        .chain(offers())
        .chain(counts())
        .collect()
}

fn field(place: &str) -> String {
    place[1..].replace('/', ".")
}

fn length(place: &str, least: usize, most: usize, text: Text, also: &str) -> Vec<Case<String>> {
    let (field, with) = (field(place), |text: String| {
        changed(containing(place), place, text.into())
    });
    let longest = Case {
        accepted: vec![with(text(most))],
        refused: vec![with(text(most + 1))],
        complaint: format!("{field}: Too long: may not be more than {most} bytes"),
    };
    let shortest = (least > 0).then(|| Case {
        accepted: vec![],
        refused: vec![with("a".repeat(least - 1))],
        complaint: format!("{}{}", too_short(&field, least), said_also(&field, also)),
    });
    [longest].into_iter().chain(shortest).collect()
}

fn too_short(field: &str, least: usize) -> String {
    format!("{field}: Invalid value: {field} in body should be at least {least} chars long")
}

fn said_also(field: &str, also: &str) -> String {
    if also.is_empty() {
        return String::new();
    }
    format!("\n{field}: Invalid value: {also}")
}

fn required(place: &str) -> Case<String> {
    Case {
        accepted: vec![containing(place)],
        refused: vec![changed(containing(place), place, Value::Null)],
        complaint: format!("{}: Required value", field(place)),
    }
}

fn scopes() -> Vec<Case<String>> {
    let place = "/spec/auth/authorizationCode/scopes";
    let with = |scope: String| changed(containing(place), place, json!(["refresh_token", scope]));
    let field = "spec.auth.authorizationCode.scopes[1]";
    vec![
        Case {
            accepted: vec![with(plain(64))],
            refused: vec![with(plain(65))],
            complaint: format!("{field}: Too long: may not be more than 64 bytes"),
        },
        Case {
            accepted: vec![with(plain(1))],
            refused: vec![with(plain(0))],
            complaint: too_short(field, 1)
                + &said_also(
                    "spec.auth.authorizationCode.scopes",
                    "scopes must have one scope in each entry, such as api, without spaces",
                ),
        },
    ]
}

fn record_counts() -> Vec<Case<String>> {
    let with = |name: String| {
        changed(
            containing(""),
            "/spec/inventory",
            json!({ "recordCounts": [name] }),
        )
    };
    let field = "spec.inventory.recordCounts[0]";
    vec![
        Case {
            accepted: vec![with(plain(80))],
            refused: vec![with(plain(81))],
            complaint: format!("{field}: Too long: may not be more than 80 bytes"),
        },
        Case {
            accepted: vec![with(plain(1))],
            refused: vec![with(plain(0))],
            complaint: too_short(field, 1),
        },
    ]
}

fn workloads() -> Vec<Case<String>> {
    let with = |target: Value| changed(containing(""), "/spec/rolloutRestartTargets", json!([target]));
    let named = |name: String| with(json!({ "kind": "Deployment", "name": name }));
    let field = "spec.rolloutRestartTargets[0]";
    let name = format!("{field}.name");
    let refused = |refused: Value, complaint: String| Case {
        accepted: vec![],
        refused: vec![refused],
        complaint,
    };
    vec![
        Case {
            accepted: vec![named(dns(253))],
            refused: vec![named(dns(254))],
            complaint: format!("{name}: Too long: may not be more than 253 bytes"),
        },
        refused(
            named(String::new()),
            too_short(&name, 1) + &said_also(&name, &format!("name {NAME}")),
        ),
        refused(
            with(json!({ "kind": "Deployment" })),
            format!("{name}: Required value"),
        ),
        refused(
            with(json!({ "name": "web" })),
            format!("{field}.kind: Required value"),
        ),
    ]
}

fn offers() -> Vec<Case<String>> {
    let with = |namespaces: Value| {
        changed(
            containing(""),
            "/spec/sharing",
            json!({ "namespaces": namespaces }),
        )
    };
    let field = "spec.sharing.namespaces";
    let form = format!(
        "{field}: Invalid value: sharing.namespaces must have the name of one namespace in each entry: lower-case letters, digits and -"
    );
    let refused = |refused: Value, complaint: String| Case {
        accepted: vec![],
        refused: vec![refused],
        complaint,
    };
    let many = |count: usize| -> Value { (0..count).map(|n| format!("n{n}")).collect() };
    vec![
        Case {
            accepted: vec![with(json!(["n".repeat(63)]))],
            refused: vec![with(json!(["n".repeat(64)]))],
            complaint: format!("{field}[0]: Too long: may not be more than 63 bytes"),
        },
        Case {
            accepted: vec![with(many(32))],
            refused: vec![with(many(33))],
            complaint: format!("{field}: Too many: 33: must have at most 32 items"),
        },
        refused(
            with(json!([""])),
            too_short(&format!("{field}[0]"), 1) + "\n" + &form,
        ),
        refused(
            changed(containing(""), "/spec/sharing", json!({})),
            format!("{field}: Required value"),
        ),
    ]
}

fn counts() -> Vec<Case<String>> {
    let map = |count: usize| Value::Object((0..count).map(|n| (format!("k{n}"), "v".into())).collect());
    let scopes = |count: usize| -> Value {
        let others = (1..count).map(|n| format!("scope{n}"));
        ["refresh_token".to_owned()].into_iter().chain(others).collect()
    };
    let objects = |count: usize| -> Value { (0..count).map(|n| format!("Object{n}__c")).collect() };
    let targets = |count: usize| -> Value {
        let target = |n| json!({ "kind": "Deployment", "name": format!("w{n}") });
        (0..count).map(target).collect()
    };
    let formats = ["Environment", "SalesforceCli", "PubSub", "PubSub"];
    let many = |place: &str, most: usize, value: &dyn Fn(usize) -> Value, more: &str| {
        let with = |count| changed(containing(place), place, value(count));
        let field = field(place);
        Case {
            accepted: vec![with(most)],
            refused: vec![with(most + 1)],
            complaint: format!(
                "{field}: Too many: {}: must have at most {most} items{more}",
                most + 1
            ),
        }
    };
    vec![
        many("/spec/secret/labels", 32, &map, ""),
        many("/spec/secret/annotations", 32, &map, ""),
        many("/spec/auth/authorizationCode/scopes", 32, &scopes, ""),
        many("/spec/inventory/recordCounts", 20, &objects, ""),
        many("/spec/rolloutRestartTargets", 8, &targets, ""),
        // There are three, so a fourth is one of them again.
        many(
            "/spec/secret/formats",
            3,
            &|count| json!(formats[..count]),
            "\nspec.secret.formats[3]: Duplicate value: \"PubSub\"",
        ),
    ]
}

#[tokio::test]
async fn lengths_counts_and_what_is_required_have_limits() {
    check("limits", all()).await;
}
