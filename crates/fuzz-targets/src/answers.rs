//! What does the client make of Salesforce's answers?
//!
//! An input is written as an answer of HTTP: a line with the status, and for a token request the name of the grant; headers;
//! an empty line; the body.

use std::borrow::Cow;
use std::sync::LazyLock;

use futures::FutureExt as _;
use jiff::Timestamp;
use salesforce_client::{
    AccessToken, App, Audience, Client, ClientSecret, ClientSettings, Failure, GrantKind, Host, IdentityUrl,
    InstanceUrl, Password, PrivateKeyPem, Proxies, RefreshToken, SecurityToken, TokenRequest, TokenToInspect,
    TokenToRevoke, fuzzing,
};

use crate::secrecy::{CANARY, assert_no_secret};

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let settings = ClientSettings {
        proxies: Proxies::Never,
        ..ClientSettings::default()
    };
    Client::new(settings).expect("a client with the default settings")
});

/// The client makes debug output of 12 bytes of one at most, for a control character.
const LARGEST_DEBUG_FACTOR: usize = 12;

struct Answer<'a> {
    status: u16,
    grant: &'a str,
    head: Cow<'a, str>,
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    fn parse(input: &'a [u8]) -> Self {
        let end = input.windows(2).position(|two| two == b"\n\n");
        let (head, body) = match end.and_then(|end| Some((input.get(..end)?, input.get(end + 2..)?))) {
            Some(parts) => parts,
            None => (input, [].as_slice()),
        };
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut words = std::str::from_utf8(line).unwrap_or_default().split_whitespace();
        Self {
            status: words
                .next()
                .and_then(|word| word.parse().ok())
                .filter(|status| (100..1000).contains(status))
                .unwrap_or(200),
            grant: words.next().unwrap_or_default(),
            head: String::from_utf8_lossy(head),
            body,
        }
    }

    /// Gives the next request this answer.
    fn come(&self) {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fuzzing::answer_next(self.status, headers, self.body.to_vec());
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn grant(&self) -> TokenRequest {
        match self.grant {
            "password" => TokenRequest::Password {
                username: "canary@acme.example".to_owned(),
                password: Password::new("canary-password".to_owned()),
                security_token: Some(SecurityToken::new("canary-security-token".to_owned())),
            },
            "refresh_token" => {
                TokenRequest::RefreshToken(RefreshToken::new("canary-refresh-token".to_owned()))
            }
            "jwt" => TokenRequest::JwtBearer {
                username: "canary@acme.example".to_owned(),
                private_key: PrivateKeyPem::new(
                    include_str!("../../salesforce-client/tests/data/test-key-rsa-pkcs8.pem").to_owned(),
                ),
                audience: Audience::Login,
                now: Timestamp::UNIX_EPOCH,
            },
            _ => TokenRequest::ClientCredentials,
        }
    }
}

fn host() -> Host {
    "acme.my.salesforce.com".parse().expect("a host")
}

fn app() -> App {
    App {
        client_id: "canary-client-id".to_owned(),
        client_secret: Some(ClientSecret::new("canary-client-secret".to_owned())),
    }
}

/// The answer to a call: no request leaves, so it is there at once.
fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("an answer without the network")
}

/// The app's, which each call but a revocation and the REST calls sends.
const APP: [&str; 2] = ["canary-client-id", "canary-client-secret"];

/// What is secret in a grant.
fn secrets_of(grant: &TokenRequest) -> &'static [&'static str] {
    match grant.kind() {
        GrantKind::ClientCredentials | GrantKind::AuthorizationCode => &[],
        GrantKind::JwtBearer => &["canary@acme.example"],
        GrantKind::RefreshToken => &["canary-refresh-token"],
        GrantKind::Password => &["canary@acme.example", "canary-password", "canary-security-token"],
    }
}

/// What every failure holds to. Words of an answer may have half a secret in them, but never one that was sent.
fn assert_failure_is_fit_to_be_shown(failure: &Failure, sent: &[&str]) {
    let shown = format!("{failure} {failure:?}");
    for sent in sent {
        assert!(!shown.contains(sent), "{sent} is shown: {shown}");
    }
    assert_is_fit_to_be_shown(&failure.detail);
}

fn assert_is_fit_to_be_shown(detail: &str) {
    assert!(detail.chars().count() <= 200, "{}", detail.len());
    assert!(
        detail.chars().all(|c| salesforce_client::visible(c) == c),
        "{detail:?}"
    );
}

/// Whether the body has a new token that it shows nowhere else, so that nothing else explains why it is shown.
fn brings_a_canary(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let is_canary = |key: &str| {
        let token = json.get(key).and_then(serde_json::Value::as_str);
        token.is_some_and(|token| token.contains(CANARY))
    };
    text.matches(CANARY).count() == 1 && (is_canary("access_token") || is_canary("refresh_token"))
}

pub(crate) fn token_answer(input: &[u8]) {
    let answer = Answer::parse(input);
    answer.come();
    let grant = answer.grant();
    let sent = [APP.as_slice(), secrets_of(&grant)].concat();
    let shown = match now(CLIENT.token(&host(), &app(), &grant)) {
        Ok(response) => {
            let shown = format!("{response:?}");
            let most = answer.body.len() * LARGEST_DEBUG_FACTOR + 1024;
            assert!(
                shown.len() <= most,
                "{} bytes of {}",
                shown.len(),
                answer.body.len()
            );
            assert_eq!(CLIENT.check_instance(&response.instance_url), Ok(()), "{shown}");
            shown
        }
        Err(failure) => {
            assert_failure_is_fit_to_be_shown(&failure, &sent);
            format!("{failure} {failure:?}")
        }
    };
    if answer.is_success() && brings_a_canary(answer.body) {
        assert_no_secret(&shown);
    }
}

/// A refusal, by every way of asking for a token, and what it means without one.
pub(crate) fn error_body(input: &[u8]) {
    let answer = Answer::parse(input);
    let kinds = [
        GrantKind::ClientCredentials,
        GrantKind::JwtBearer,
        GrantKind::RefreshToken,
        GrantKind::Password,
    ];
    let content_type = answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    for kind in kinds.map(Some).into_iter().chain([None]) {
        let refusal = salesforce_client::classify(kind, answer.status, content_type, answer.body);
        assert!(!refusal.as_str().is_empty());
    }
    answer.come();
    let grant = answer.grant();
    if let Err(failure) = now(CLIENT.token(&host(), &app(), &grant)) {
        assert_failure_is_fit_to_be_shown(&failure, &[APP.as_slice(), secrets_of(&grant)].concat());
    }
}

pub(crate) fn introspection(input: &[u8]) {
    let answer = Answer::parse(input);
    let token = RefreshToken::new("canary-refresh-token".to_owned());
    answer.come();
    match now(CLIENT.introspect(&host(), &app(), TokenToInspect::Refresh(&token))) {
        Ok(introspection) => {
            let most = answer.body.len() * LARGEST_DEBUG_FACTOR + 1024;
            assert!(format!("{introspection:?}").len() <= most);
        }
        Err(failure) => {
            assert_failure_is_fit_to_be_shown(
                &failure,
                &[APP.as_slice(), ["canary-refresh-token"].as_slice()].concat(),
            );
        }
    }
    answer.come();
    if let Err(failure) = now(CLIENT.revoke(&host(), TokenToRevoke::Refresh(&token))) {
        assert_failure_is_fit_to_be_shown(&failure, &["canary-refresh-token"]);
    }
}

/// The same answer to each call of the connection test and of an inventory.
pub(crate) fn rest_body(input: &[u8]) {
    let answer = Answer::parse(input);
    let instance = InstanceUrl::https(host());
    let token = AccessToken::new("canary-access-token".to_owned());
    let id: IdentityUrl = "https://login.salesforce.com/id/00Dx0000000BV7z/005x00000012Q9P"
        .parse()
        .expect("an identity URL");
    let version = "60.0".parse().expect("a version");
    answer.come();
    // Sends no secret, so that none is cut out.
    if let Err(failure) = now(CLIENT.versions(&instance)) {
        assert_is_fit_to_be_shown(&failure.detail);
    }
    answer.come();
    let identity = now(CLIENT.identity(&instance, &id, &token)).map(|_| ());
    answer.come();
    let organization = now(CLIENT.organization(&instance, version, &token)).map(|_| ());
    answer.come();
    let objects = now(CLIENT.objects(&instance, version, &token)).map(|_| ());
    answer.come();
    let asked = ["Account".to_owned()];
    let counts = now(CLIENT.record_counts(&instance, version, &token, &asked)).map(|_| ());
    answer.come();
    let limits = now(CLIENT.limits(&instance, version, &token)).map(|_| ());
    for answer in [identity, organization, objects, counts, limits] {
        if let Err(failure) = answer {
            assert_failure_is_fit_to_be_shown(&failure, &["canary-access-token"]);
        }
    }
}
