//! Does a secret show in a text? The forms in which it may, for all tests that read what the operator says.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use salesforce_connector_operator::api::names;
use salesforce_sim::default_world as world;

/// Credentials of the simulated world that are the same in each test.
pub(crate) fn fixed() -> Vec<Vec<u8>> {
    let fixed = [
        world::ECA_SECRET,
        world::ROTATING_SECRET,
        world::JWT_SECRET,
        world::CONNECTED_SECRET,
        world::SANDBOX_ECA_SECRET,
        world::DEVELOPER_ECA_SECRET,
        world::PASSWORD,
        world::SECURITY_TOKEN,
    ];
    fixed
        .into_iter()
        .chain(key_lines(world::JWT_KEY_PKCS8))
        .map(|secret| secret.as_bytes().to_vec())
        .collect()
}

/// The lines of a private key by which it is known.
pub(crate) fn key_lines(key: &str) -> impl Iterator<Item = &str> {
    key.lines().filter(|line| line.len() > 40)
}

/// The bytes of the digest key that an operator made in its own namespace; none where none has run.
pub(crate) async fn digest_key(own: &Api<Secret>) -> Option<Vec<u8>> {
    let secret = own.get_opt(names::DIGEST_KEY_SECRET).await.unwrap()?;
    let mut data = secret.data.unwrap_or_default();
    Some(data.remove("key").unwrap().0)
}

/// A secret where it must not be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leak {
    /// Where it shows, such as "the logs".
    pub(crate) channel: String,
    /// What stands before it.
    pub(crate) place: String,
}

/// A place that people or programs outside may read, and what stands there.
pub(crate) type Channel = (String, String);

/// The first secret in each channel that has one.
pub(crate) fn leaks(secrets: &[Vec<u8>], channels: Vec<Channel>) -> Vec<Leak> {
    let leak = |(channel, text): Channel| find(secrets, &text).map(|place| Leak { channel, place });
    channels.into_iter().filter_map(leak).collect()
}

/// What stands before the first secret found, in any of its forms.
pub(crate) fn find(secrets: &[Vec<u8>], text: &str) -> Option<String> {
    let forms = secrets.iter().flat_map(|secret| forms(secret));
    forms.into_iter().find_map(|form| text.find(&form)).map(|at| {
        let start = (0..=at.saturating_sub(120))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text[start..at].to_owned()
    })
}

/// Raw, URL-encoded and JSON-escaped, or for what isn't text hexadecimal and as a list of numbers; and base64 at each
/// alignment.
fn forms(secret: &[u8]) -> Vec<String> {
    let mut forms: Vec<String> = if let Ok(text) = str::from_utf8(secret) {
        let escaped = serde_json::to_string(text).unwrap();
        vec![
            text.to_owned(),
            url::form_urlencoded::byte_serialize(secret).collect(),
            escaped.trim_matches('"').to_owned(),
        ]
    } else {
        let joined = |each: fn(&u8) -> String, by| secret.iter().map(each).collect::<Vec<_>>().join(by);
        vec![
            joined(|byte| format!("{byte:02x}"), ""),
            joined(|byte| format!("{byte:02X}"), ""),
            joined(u8::to_string, ","),
            joined(u8::to_string, ", "),
        ]
    };
    for shift in 0..3 {
        // Within a longer text the encoding depends on what stands before; the middle is then the same for one shift.
        let shifted = [vec![b'x'; shift], secret.to_vec()].concat();
        for encoded in [STANDARD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            forms.push(encoded[4..encoded.len().saturating_sub(4).max(4)].to_owned());
        }
    }
    forms.retain(|form| form.len() >= 8);
    forms
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secrets = vec![b"00D5g!AQ/x+\"y z-marker-token".to_vec()];
    let secret = str::from_utf8(&secrets[0]).unwrap();
    let planted = [
        format!("token={secret}"),
        format!(
            "body={}",
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>()
        ),
        serde_json::json!({ "token": secret }).to_string(),
        STANDARD.encode(format!("a{secret}")),
        STANDARD.encode(format!("{{\"access_token\":\"{secret}\"}}")),
        URL_SAFE_NO_PAD.encode(format!("ab{secret}c")),
    ];
    for text in planted {
        assert!(find(&secrets, &text).is_some(), "not found in {text}");
    }
    assert_eq!(find(&secrets, "nothing to see"), None);
}

#[test]
fn bytes_that_are_no_text_are_found_in_every_form() {
    let secrets = vec![(0xe0..=0xff).rev().collect::<Vec<u8>>()];
    let bytes = &secrets[0];
    let planted = [
        format!("DigestKey({bytes:?})"),
        format!("DigestKey({bytes:x?})").replace(", ", ""),
        serde_json::to_string(bytes).unwrap(),
        STANDARD.encode(bytes),
        STANDARD.encode([&b"k:"[..], bytes].concat()),
    ];
    for text in planted {
        assert!(find(&secrets, &text).is_some(), "not found in {text}");
    }
    assert_eq!(find(&secrets, "nothing to see"), None);
}
