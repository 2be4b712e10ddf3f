//! A login against the simulator's own pages: the address that the browser is sent to, login, consent, the code, its exchange,
//! and the first use of the refresh token that came with it.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

use salesforce_client::{
    App, AuthorizationCode, AuthorizeRequest, Client, ClientSecret, ClientSettings, CodeVerifier, Failure,
    Host, Pkce, Proxies, Refusal, TokenRequest, TokenResponse, authorize_url, generate_state,
};
use salesforce_sim::{Simulator, default_world as world};

struct Browser {
    http: reqwest::Client,
}

impl Browser {
    fn new(sim: &Simulator) -> Self {
        let certificate = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .resolve(world::PRODUCTION, sim.https_addr())
            .build();
        Self { http: http.unwrap() }
    }

    /// Logs in at the page of this address, allows what it asks for, and says where it is sent after that.
    async fn log_in(&self, address: url::Url) -> url::Url {
        let here = |path: &str| format!("https://{}{path}", world::PRODUCTION);
        let page = self.http.get(address).send().await.unwrap().text().await.unwrap();
        let request = request_of(&page);
        let form = [
            ("request", &*request),
            ("un", world::INTEGRATION_USER),
            ("pw", world::PASSWORD),
        ];
        let consent = self.http.post(here("/login")).form(&form).send().await.unwrap();
        let cookie = consent.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let request = request_of(&consent.text().await.unwrap());
        let allowed = self
            .http
            .post(here("/setup/secur/RemoteAccessAuthorizationPage.apexp"))
            .header("cookie", cookie)
            .form(&[("request", &*request), ("decision", "allow")])
            .send()
            .await
            .unwrap();
        allowed.headers()["location"].to_str().unwrap().parse().unwrap()
    }
}

/// What a form of the simulator carries along.
fn request_of(page: &str) -> String {
    let value = page.split("name=\"request\" value=\"").nth(1).unwrap();
    value.split('"').next().unwrap().to_owned()
}

fn client(sim: &Simulator) -> Client {
    Client::new(ClientSettings {
        connect_to: vec![format!("*={}", sim.https_addr()).parse().unwrap()],
        extra_ca_pem: vec![sim.ca_pem().as_bytes().to_vec()],
        proxies: Proxies::Never,
        ..ClientSettings::default()
    })
    .unwrap()
}

fn app() -> App {
    App {
        client_id: world::ROTATING.to_owned(),
        client_secret: Some(ClientSecret::new(world::ROTATING_SECRET.into())),
    }
}

/// Logs in with a browser, and exchanges the code with what `verifier` makes of the right one.
async fn exchanged(
    sim: &Simulator,
    client: &Client,
    verifier: impl FnOnce(CodeVerifier) -> CodeVerifier,
) -> Result<TokenResponse, Failure> {
    let (pkce, state) = (Pkce::generate(), generate_state());
    let host: Host = world::PRODUCTION.parse().unwrap();
    let request = AuthorizeRequest {
        client_id: world::ROTATING,
        redirect_uri: world::CALLBACK,
        scopes: &["api", "refresh_token"],
        state: &state,
        code_challenge: &pkce.challenge,
        login_hint: Some(world::INTEGRATION_USER),
    };
    let back = Browser::new(sim)
        .log_in(authorize_url(&host, &request).unwrap())
        .await;
    assert!(back.as_str().starts_with(world::CALLBACK), "{back}");
    let param = |name: &str| {
        let found = back.query_pairs().find(|(key, _)| key == name);
        found.unwrap().1.into_owned()
    };
    assert_eq!(param("state"), state);
    let grant = TokenRequest::AuthorizationCode {
        code: AuthorizationCode::new(param("code")),
        redirect_uri: world::CALLBACK.into(),
        code_verifier: verifier(pkce.verifier),
    };
    client.token(&host, &app(), &grant).await
}

#[tokio::test]
async fn a_login_in_the_browser_brings_a_grant_that_can_be_refreshed() {
    salesforce_client::install_crypto_provider();
    let sim = Simulator::start(world::build()).unwrap();
    let client = client(&sim);
    let login = exchanged(&sim, &client, |verifier| verifier).await.unwrap();
    let good =
        |token: &TokenResponse| sim.world(|world| world.access_token_is_good(token.access_token.expose()));
    assert!(good(&login));
    assert_eq!(login.scopes.iter().collect::<Vec<_>>(), ["api", "refresh_token"]);
    let grant = TokenRequest::RefreshToken(login.refresh_token.unwrap());
    let host = world::PRODUCTION.parse().unwrap();
    let refreshed = client.token(&host, &app(), &grant).await.unwrap();
    assert!(good(&refreshed));
    assert_eq!(refreshed.id, login.id);
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_verifier() {
    salesforce_client::install_crypto_provider();
    let sim = Simulator::start(world::build()).unwrap();
    let other = |_| Pkce::generate().verifier;
    let failure = exchanged(&sim, &client(&sim), other).await.unwrap_err();
    assert_eq!(failure.refusal, Refusal::CodeVerifierInvalid, "{failure:?}");
}
