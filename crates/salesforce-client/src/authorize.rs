//! The first half of an authorization-code login: the address for the browser, with PKCE and `state`.

use oauth2::{CsrfToken, PkceCodeChallenge};
use url::Url;

use crate::host::Host;
use crate::secrets::CodeVerifier;

/// A PKCE pair, S256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkce {
    /// Kept until the code is redeemed.
    pub verifier: CodeVerifier,
    /// Sent with the browser.
    pub challenge: String,
}

impl Pkce {
    /// A fresh, random pair.
    pub fn generate() -> Self {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        Self {
            verifier: CodeVerifier::new(verifier.into_secret()),
            challenge: challenge.as_str().to_owned(),
        }
    }
}

/// An unguessable value that ties the answer in the browser to its login.
pub fn generate_state() -> String {
    CsrfToken::new_random_len(32).into_secret()
}

/// What a login asks for.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizeRequest<'a> {
    /// The consumer key of the app.
    pub client_id: &'a str,
    /// The callback, exactly as registered at the app.
    pub redirect_uri: &'a str,
    /// The scopes; none asks for all of the app's.
    pub scopes: &'a [String],
    /// See [`generate_state`].
    pub state: &'a str,
    /// The challenge of [`Pkce`].
    pub code_challenge: &'a str,
    /// The username to offer in the login page.
    pub login_hint: Option<&'a str>,
}

/// The address the browser is sent to. Contains no secret.
///
/// Fails only for a host that no URL can hold, which [`Host`] excludes.
pub fn authorize_url(host: &Host, request: &AuthorizeRequest<'_>) -> Result<Url, url::ParseError> {
    let mut url = Url::parse(&format!("https://{host}/services/oauth2/authorize"))?;
    let mut query = url.query_pairs_mut();
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", request.client_id)
        .append_pair("redirect_uri", request.redirect_uri)
        .append_pair("state", request.state)
        .append_pair("code_challenge", request.code_challenge)
        .append_pair("code_challenge_method", "S256");
    if !request.scopes.is_empty() {
        query.append_pair("scope", &request.scopes.join(" "));
    }
    if let Some(hint) = request.login_hint {
        query.append_pair("login_hint", hint);
    }
    drop(query);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn a_generated_challenge_is_the_hash_of_its_verifier_and_new_each_time() {
        let (first, second) = (Pkce::generate(), Pkce::generate());
        let verifier = first.verifier.expose().as_bytes();
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier);
        assert_eq!(first.challenge, URL_SAFE_NO_PAD.encode(digest));
        assert_ne!(first, second);
        assert!((43..=128).contains(&verifier.len()));
        assert_ne!(generate_state(), generate_state());
    }

    #[test]
    fn the_address_carries_pkce_and_state_encoded() {
        let request = AuthorizeRequest {
            client_id: "3MVG9",
            redirect_uri: "http://localhost:1717/OauthRedirect",
            scopes: &["api".to_owned(), "refresh_token".to_owned()],
            state: "a b&c",
            code_challenge: "E9M",
            login_hint: None,
        };
        let host = "green-itr.my.salesforce.com".parse().unwrap();
        assert_eq!(
            authorize_url(&host, &request).unwrap().as_str(),
            "https://green-itr.my.salesforce.com/services/oauth2/authorize?response_type=code&client_id=3MVG9\
             &redirect_uri=http%3A%2F%2Flocalhost%3A1717%2FOauthRedirect&state=a+b%26c&code_challenge=E9M\
             &code_challenge_method=S256&scope=api+refresh_token"
        );
    }
}
