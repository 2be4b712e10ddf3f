use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::*;

fn key(text: &str) -> PrivateKeyPem {
    PrivateKeyPem::new(text.to_owned())
}

const PKCS8: &str = include_str!("../../tests/data/test-key-rsa-pkcs8.pem");
const PKCS1: &str = include_str!("../../tests/data/test-key-rsa-pkcs1.pem");

#[test]
fn keys_of_both_forms_sign_the_same_verifiable_assertion() {
    let now = Timestamp::from_second(1_795_391_987).unwrap();
    let claims = Claims::new(
        "3MVG9",
        "integration@green-itr.example",
        "https://login.salesforce.com",
        now,
    );
    let jwt = sign(&claims, &key(PKCS8)).unwrap();
    assert_eq!(jwt, sign(&claims, &key(PKCS1)).unwrap());

    let (signed, signature) = jwt.expose().rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let decoded = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(decoded(header), r#"{"alg":"RS256","typ":"JWT"}"#);
    assert_eq!(
        decoded(payload),
        r#"{"iss":"3MVG9","sub":"integration@green-itr.example","aud":"https://login.salesforce.com","exp":1795392167}"#
    );
    let public = rsa_key(&key(PKCS8)).unwrap();
    let verifier = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.public().as_ref());
    verifier
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
}

#[test]
fn a_key_with_text_around_it_is_read() {
    assert_eq!(key(&format!("Bag Attributes\n{PKCS8}\n\n")).check(), Ok(()));
}

#[test]
fn a_key_whose_line_breaks_were_lost_is_read() {
    for pem in [PKCS8, include_str!("../../tests/data/test-key-rsa-pkcs1.pem")] {
        let pem = pem.trim();
        for text in [
            pem.replace('\n', "\\n"),
            pem.replace('\n', "\\r\\n"),
            pem.replace('\n', " "),
            pem.replace('\n', ""),
            pem.replace('\n', "\n    "),
            pem.replace('\n', "\r\n"),
            pem.replace('\n', "\r"),
        ] {
            assert_eq!(key(&text).check(), Ok(()), "{text:?}");
        }
    }
}

#[test]
fn a_key_in_another_wrapping_is_told_by_what_it_is() {
    use base64::engine::general_purpose::STANDARD;
    let refused = |text: &str| {
        let failure = key(text).check().unwrap_err();
        (failure.refusal, failure.detail)
    };
    let invalid = |detail: &str| (Refusal::PrivateKeyInvalid, detail.to_owned());
    let once_more = STANDARD.encode(PKCS8);
    assert_eq!(
        refused(&once_more),
        invalid("the value is the base64 of a PEM block; decode it once")
    );
    let body: String = PKCS8.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(
        refused(&body),
        invalid("the private key lacks its lines -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----")
    );
    let ssh =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----";
    assert_eq!(
        refused(ssh),
        invalid(
            "the private key is in OpenSSH's own format; convert the file with ssh-keygen -p -m PEM -f FILE; the certificate in Salesforce stays valid"
        )
    );
}

#[test]
fn a_key_that_can_not_be_used_is_told_what_is_wrong_with_it() {
    let halved: String = PKCS8.chars().take(PKCS8.len() / 2).collect();
    let damaged = PKCS8.replacen("MII", "MIA", 1);
    let cases = [
        (
            include_str!("../../tests/data/test-key-rsa-encrypted.pem"),
            Refusal::PrivateKeyEncrypted,
        ),
        (
            include_str!("../../tests/data/test-key-rsa-encrypted-pkcs1.pem"),
            Refusal::PrivateKeyEncrypted,
        ),
        (
            include_str!("../../tests/data/test-key-ec.pem"),
            Refusal::PrivateKeyNotRsa,
        ),
        (
            include_str!("../../tests/data/test-key-ec-pkcs8.pem"),
            Refusal::PrivateKeyNotRsa,
        ),
        (
            include_str!("../../tests/data/test-key-ed25519-pkcs8.pem"),
            Refusal::PrivateKeyNotRsa,
        ),
        (
            include_str!("../../tests/data/test-key-rsa-1024.pem"),
            Refusal::PrivateKeyInvalid,
        ),
        (
            include_str!("../../tests/data/test-key-rsa-public.pem"),
            Refusal::PrivateKeyInvalid,
        ),
        (
            include_str!("../../tests/data/test-key-rsa-certificate.pem"),
            Refusal::PrivateKeyInvalid,
        ),
        (halved.as_str(), Refusal::PrivateKeyInvalid),
        (damaged.as_str(), Refusal::PrivateKeyInvalid),
        ("", Refusal::PrivateKeyInvalid),
        ("not a key", Refusal::PrivateKeyInvalid),
    ];
    for (text, expected) in cases {
        let failure = key(text).check().unwrap_err();
        assert_eq!(
            (failure.refusal, failure.sent),
            (expected, crate::Sent::NotSent),
            "{text}"
        );
        for line in text
            .lines()
            .filter(|line| line.len() > 20 && !line.starts_with('-'))
        {
            assert!(
                !format!("{failure} {failure:?}").contains(line),
                "the key leaked: {failure}"
            );
        }
    }
    let detail = |text: &str| key(text).check().unwrap_err().detail;
    assert_eq!(
        detail(include_str!("../../tests/data/test-key-rsa-1024.pem")),
        "the RSA key has fewer than 2048 bits"
    );
    assert_eq!(
        detail(include_str!("../../tests/data/test-key-rsa-certificate.pem")),
        "this is a certificate, not its private key"
    );
}

#[test]
fn the_expiry_of_a_jwt_format_token_is_read_and_an_opaque_token_has_none() {
    let jwt = format!(
        "e30.{}.c2ln",
        URL_SAFE_NO_PAD.encode(r#"{"scp":"api","exp":1795393787}"#)
    );
    assert_eq!(expiry_of(&jwt), Timestamp::from_second(1_795_393_787).ok());
    assert_eq!(expiry_of("00D5g00000AbCdE!AQkAQ.Fake_Token.x"), None);
    assert_eq!(expiry_of("e30.e30.c2ln"), None);
}
