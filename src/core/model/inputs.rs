//! Which keys of which Secrets does a connector refer to, and what was found there?

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::api::SalesforceConnectorSpec;
use crate::api::reasons::OwnReason;
use crate::api::spec::SecretKeyRef;
use crate::core::model::limits;
use crate::core::model::rejection::Rejection;
use crate::core::rotation::stored::StoredCredentials;

/// What was found under one key of one Secret.
#[derive(Debug, Clone)]
pub enum Input {
    /// The value, without white space around it.
    Found(SecretString),
    /// The value has so many bytes, more than any input may have, and was left where it is.
    TooLong(usize),
    SecretMissing,
    /// The Secret has no such key, or an empty value under it.
    KeyMissing,
    /// There is a value, and it is no text. What it is instead, in words.
    NotText(String),
}

impl Input {
    /// What is under a key: text, without white space and a byte order mark around it, or what it is instead.
    #[must_use]
    pub fn read(bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else {
            return Self::KeyMissing;
        };
        if bytes.len() > limits::LONGEST_INPUT {
            return Self::TooLong(bytes.len());
        }
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'));
        let Some(text) = text else {
            return Self::NotText(kind(bytes));
        };
        match text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}') {
            "" => Self::KeyMissing,
            text => Self::Found(SecretString::from(text)),
        }
    }
}

/// What bytes are that are no UTF-8 text, and how they become some.
fn kind(bytes: &[u8]) -> String {
    let every_other_is_zero =
        |from: usize| bytes.len() > 3 && bytes.iter().skip(from).step_by(2).all(|byte| *byte == 0);
    let what = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16 text; save it as UTF-8",
        _ if every_other_is_zero(0) || every_other_is_zero(1) => "UTF-16 text; save it as UTF-8",
        [0xfe, 0xed, 0xfe, 0xed, ..] => "a Java keystore (JKS); export the private key in PEM format",
        [0x30, 0x80..=0x84, ..] => "DER, such as a PKCS#12 file; convert the private key to PEM format",
        _ => {
            "no UTF-8 text; a plain value belongs under stringData, as the API server decodes data from base64"
        }
    };
    format!("{} bytes of {what}", bytes.len())
}

/// What was found under the keys that a spec refers to.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    found: BTreeMap<(String, String), Input>,
    /// What rotations have brought.
    pub stored: Option<StoredCredentials>,
}

impl Inputs {
    pub fn insert(&mut self, reference: &SecretKeyRef, input: Input) {
        self.found
            .insert((reference.name.clone(), reference.key.clone()), input);
    }

    /// These inputs with something in the place of what is missing. It is never sent: what is made of it only keeps and tests a
    /// token that exists.
    #[must_use]
    pub fn filled(&self, spec: &SalesforceConnectorSpec) -> Self {
        let mut filled = self.clone();
        for reference in needed_references(spec) {
            let place = (reference.name.clone(), reference.key.clone());
            if !matches!(self.found.get(&place), Some(Input::Found(_))) {
                filled.insert(reference, Input::Found(SecretString::from("missing")));
            }
        }
        filled
    }

    /// The value of at most `limit` bytes that `field` of the spec refers to.
    pub fn get(
        &self,
        field: &str,
        reference: &SecretKeyRef,
        limit: usize,
    ) -> Result<&SecretString, Rejection> {
        let SecretKeyRef { name, key } = reference;
        match self.found.get(&(name.clone(), key.clone())) {
            Some(Input::Found(value)) => {
                limits::check_secret(field, value, limit)?;
                Ok(value)
            }
            Some(Input::TooLong(bytes)) => Err(limits::too_long(field, *bytes, limit)),
            Some(Input::KeyMissing) => Err(Rejection::new(
                OwnReason::InputKeyMissing,
                format!("{field}: Secret \"{name}\", key \"{key}\""),
            )),
            Some(Input::NotText(what)) => Err(Rejection::new(
                OwnReason::InputNotText,
                format!("{field}: Secret \"{name}\", key \"{key}\": {what}"),
            )),
            Some(Input::SecretMissing) | None => Err(Rejection::new(
                OwnReason::InputSecretMissing,
                format!("{field}: Secret \"{name}\""),
            )),
        }
    }
}

/// Every reference of a spec. Only these Secrets are ever read.
pub fn references(spec: &SalesforceConnectorSpec) -> Vec<&SecretKeyRef> {
    let code = spec.auth.authorization_code.as_ref();
    let bootstrap = code.and_then(|code| code.bootstrap.as_ref());
    let mut found = needed_references(spec);
    if let Some(previous) = &spec.app.previous_credentials {
        found.extend(&previous.client_id_ref);
        found.extend(&previous.client_secret_ref);
    }
    if let Some(bootstrap) = bootstrap {
        found.extend(&bootstrap.refresh_token_ref);
        found.extend(&bootstrap.sfdx_auth_url_ref);
    }
    found
}

/// The references without which no token can be obtained. A bootstrap token is needed once, and previous credentials only where
/// Salesforce refuses the current ones.
fn needed_references(spec: &SalesforceConnectorSpec) -> Vec<&SecretKeyRef> {
    let mut found: Vec<&SecretKeyRef> = Vec::new();
    found.extend(&spec.app.client_id_ref);
    found.extend(&spec.app.client_secret_ref);
    if let Some(jwt) = &spec.auth.jwt_bearer {
        found.extend(&jwt.private_key_ref);
        let signer = jwt
            .signer
            .as_ref()
            .and_then(|signer| signer.vault_transit.as_ref());
        found.extend(signer.map(|transit| &transit.token_ref));
    }
    if let Some(password) = &spec.auth.password {
        found.extend(&password.username_ref);
        found.push(&password.password_ref);
        found.extend(&password.security_token_ref);
    }
    found
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use secrecy::ExposeSecret;

    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        match Input::read(Some(bytes)) {
            Input::TooLong(bytes) => Err(format!("{bytes} bytes")),
            Input::Found(value) => Ok(value.expose_secret().to_owned()),
            Input::NotText(what) => Err(what),
            Input::KeyMissing | Input::SecretMissing => Err("missing".to_owned()),
        }
    }

    #[test]
    fn white_space_and_a_byte_order_mark_around_a_value_are_ignored() {
        for bytes in [
            "secret\r\n",
            "\u{feff}secret",
            "\u{feff}\r\n secret\u{feff}\n",
            "secret",
        ] {
            assert_eq!(read(bytes.as_bytes()), Ok("secret".to_owned()), "{bytes:?}");
        }
        for empty in ["", " \n", "\u{feff}"] {
            assert_eq!(read(empty.as_bytes()), Err("missing".to_owned()), "{empty:?}");
        }
        assert!(matches!(Input::read(None), Input::KeyMissing));
    }

    #[test]
    fn bytes_that_are_no_text_are_told_by_what_they_are() {
        let utf16: Vec<u8> = "secret".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&[0xff, 0xfe], utf16.as_slice()].concat();
        // A consumer secret under `data`, where the API server decodes it.
        let decoded = STANDARD
            .decode("A4C123B1612DD272D1371C17149D439536B3216FDAEEB975729FAE923D5A4FD1")
            .unwrap();
        for (bytes, expected) in [
            (marked.as_slice(), "14 bytes of UTF-16 text; save it as UTF-8"),
            (utf16.as_slice(), "12 bytes of UTF-16 text; save it as UTF-8"),
            (
                &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2],
                "8 bytes of a Java keystore (JKS); export the private key in PEM format",
            ),
            (
                &[0x30, 0x82, 0x04, 0xbd, 0xff],
                "5 bytes of DER, such as a PKCS#12 file; convert the private key to PEM format",
            ),
            (
                decoded.as_slice(),
                "48 bytes of no UTF-8 text; a plain value belongs under stringData, as the API server decodes data from base64",
            ),
        ] {
            assert_eq!(read(bytes), Err(expected.to_owned()));
        }
    }
}
