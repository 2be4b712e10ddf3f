//! The token endpoint: one request for one grant.

mod http_client;
mod response;
mod send;

use oauth2::basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse};
use oauth2::{
    AuthType, ClientId, EndpointNotSet, EndpointSet, PkceCodeVerifier, RedirectUrl, ResourceOwnerPassword,
    ResourceOwnerUsername, StandardRevocableToken, TokenUrl,
};
use zeroize::Zeroizing;

use crate::failure::{Failure, Sent};
use crate::grant::{App, TokenRequest, TokenResponse};
use crate::host::Host;
use crate::jwt;
use crate::refusal::Refusal;
use crate::scrub::{LONGEST_IN_ALL, Scrubber};
use crate::secrets::SignedAssertion;
use crate::transport::Transport;

use http_client::{HttpClientError, OAuthHttpClient};
use response::{TokenBody, salvage_refresh_token, understood};
use send::send;

const PATH: &str = "/services/oauth2/token";

type OauthClient = oauth2::Client<
    BasicErrorResponse,
    TokenBody,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;
type TokenRequestError = oauth2::RequestTokenError<HttpClientError, BasicErrorResponse>;

pub(crate) async fn request(
    transport: &Transport,
    host: &Host,
    app: &App,
    grant: &TokenRequest,
) -> Result<TokenResponse, Failure> {
    transport.check_host(host)?;
    let response = present(transport, host, app, grant).await?;
    let checked = transport.check_instance(&response.instance_url);
    checked.map_err(|failure| Failure {
        sent: Sent::Answered,
        http_status: Some(200),
        salvaged_refresh_token: response.refresh_token.clone(),
        ..failure
    })?;
    Ok(response)
}

async fn present(
    transport: &Transport,
    host: &Host,
    app: &App,
    grant: &TokenRequest,
) -> Result<TokenResponse, Failure> {
    let mut scrubber = scrubber_of(app, grant);
    if scrubber.is_over_full() {
        let why = format!("app and login have more than {LONGEST_IN_ALL} bytes");
        return Err(Failure::not_sent(Refusal::RequestNotBuilt, why));
    }
    if let Some(assertion) = assertion(app, grant)? {
        scrubber.add(assertion.expose());
        return jwt_bearer(transport, host, grant, assertion.expose(), &scrubber).await;
    }
    let http_client = OAuthHttpClient::new(transport, grant.kind(), &scrubber);
    let client = client(transport, host, app)?;
    let answer = exchange(&client, grant, &http_client).await;
    conclude(answer, http_client, &scrubber)
}

/// The JWT of a JWT bearer grant.
fn assertion(app: &App, grant: &TokenRequest) -> Result<Option<SignedAssertion>, Failure> {
    match grant {
        TokenRequest::JwtBearer {
            username,
            private_key,
            audience,
            now,
        } => {
            let claims = jwt::Claims::new(&app.client_id, username, audience.as_str(), *now);
            jwt::sign(&claims, private_key).map(Some)
        }
        TokenRequest::SignedAssertion { assertion, .. } => Ok(Some(assertion.clone())),
        TokenRequest::ClientCredentials
        | TokenRequest::RefreshToken(_)
        | TokenRequest::Password { .. }
        | TokenRequest::AuthorizationCode { .. } => Ok(None),
    }
}

/// Presents a grant of a type that oauth2 knows.
async fn exchange(
    client: &OauthClient,
    grant: &TokenRequest,
    http_client: &OAuthHttpClient<'_>,
) -> Result<TokenBody, TokenRequestError> {
    match grant {
        TokenRequest::JwtBearer { .. }
        | TokenRequest::SignedAssertion { .. }
        | TokenRequest::ClientCredentials => {
            let exchange = client.exchange_client_credentials();
            exchange.request_async(http_client).await
        }
        TokenRequest::RefreshToken(token) => {
            let token = oauth2::RefreshToken::new(token.expose().to_owned());
            client
                .exchange_refresh_token(&token)
                .request_async(http_client)
                .await
        }
        TokenRequest::Password {
            username,
            password,
            security_token,
        } => {
            let token = security_token.as_ref().map_or("", |token| token.expose());
            let (username, password) = (
                ResourceOwnerUsername::new(username.clone()),
                ResourceOwnerPassword::new(format!("{}{token}", password.expose())),
            );
            let exchange = client.exchange_password(&username, &password);
            exchange.request_async(http_client).await
        }
        TokenRequest::AuthorizationCode {
            code,
            redirect_uri,
            code_verifier,
        } => {
            let redirect = RedirectUrl::new(redirect_uri.clone()).map_err(|_| {
                let why = "the callback URL is not a URL";
                TokenRequestError::Request(Failure::not_sent(Refusal::RequestNotBuilt, why).into())
            })?;
            let exchange = client
                .exchange_code(oauth2::AuthorizationCode::new(code.expose().to_owned()))
                .set_pkce_verifier(PkceCodeVerifier::new(code_verifier.expose().to_owned()))
                .set_redirect_uri(std::borrow::Cow::Owned(redirect));
            exchange.request_async(http_client).await
        }
    }
}

/// Everything that is sent and must not come back in a text: secrets, and what identifies app and user.
fn scrubber_of(app: &App, grant: &TokenRequest) -> Scrubber {
    let mut scrubber = Scrubber::of([app.client_id.as_str()]);
    if let Some(secret) = &app.client_secret {
        scrubber.add(secret.expose());
    }
    match grant {
        TokenRequest::ClientCredentials => {}
        TokenRequest::JwtBearer { username, .. } | TokenRequest::SignedAssertion { username, .. } => {
            scrubber.add(username);
        }
        TokenRequest::RefreshToken(token) => scrubber.add(token.expose()),
        TokenRequest::Password {
            username,
            password,
            security_token,
        } => {
            scrubber.add(username);
            scrubber.add(password.expose());
            if let Some(token) = security_token {
                scrubber.add(token.expose());
                scrubber.add(&Zeroizing::new(format!(
                    "{}{}",
                    password.expose(),
                    token.expose()
                )));
            }
        }
        TokenRequest::AuthorizationCode {
            code, code_verifier, ..
        } => {
            scrubber.add(code.expose());
            scrubber.add(code_verifier.expose());
        }
    }
    scrubber
}

fn client(transport: &Transport, host: &Host, app: &App) -> Result<OauthClient, Failure> {
    let url = TokenUrl::new(format!("{}{PATH}", transport.base_of(host)))
        .map_err(|_| Failure::not_sent(Refusal::RequestNotBuilt, "the host makes no URL"))?;
    // Salesforce documents both ways; the body is the one its own samples use.
    let client = oauth2::Client::new(ClientId::new(app.client_id.clone()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(url);
    Ok(match &app.client_secret {
        Some(secret) => client.set_client_secret(oauth2::ClientSecret::new(secret.expose().to_owned())),
        None => client,
    })
}

/// oauth2's grant types are fixed, and this one is not among them.
async fn jwt_bearer(
    transport: &Transport,
    host: &Host,
    grant: &TokenRequest,
    assertion: &str,
    scrubber: &Scrubber,
) -> Result<TokenResponse, Failure> {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion),
    ];
    let request = transport.form(host, PATH, &form)?;
    let received = send(transport, request, grant.kind(), scrubber).await?;
    let answer: TokenBody = serde_json::from_slice(&received.body)
        .map_err(|_| received.not_understood("the token response lacks a field or is no JSON", scrubber))?;
    understood(&answer).map_err(|why| received.not_understood(why, scrubber))
}

/// oauth2's errors end here: some hold the raw answer, token and all.
fn conclude(
    answer: Result<TokenBody, TokenRequestError>,
    http_client: OAuthHttpClient<'_>,
    scrubber: &Scrubber,
) -> Result<TokenResponse, Failure> {
    let why = match answer {
        Ok(answer) => match understood(&answer) {
            Ok(response) => return Ok(response),
            Err(why) => why,
        },
        Err(TokenRequestError::Request(error)) => return Err(*error.0),
        Err(
            TokenRequestError::Parse(..) | TokenRequestError::ServerResponse(_) | TokenRequestError::Other(_),
        ) => "the token response lacks a field or is no JSON",
    };
    Err(match http_client.into_received() {
        Some(received) => Failure {
            salvaged_refresh_token: salvage_refresh_token(&received.body),
            ..received.not_understood(why, scrubber)
        },
        None => Failure::not_sent(Refusal::RequestNotBuilt, why),
    })
}
