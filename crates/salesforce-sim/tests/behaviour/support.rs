//! A running simulator and plain HTTP calls to it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use salesforce_sim::{Simulator, World, default_world as dw};
use serde_json::{Value, json};

pub(crate) const LOGIN: &str = "login.salesforce.com";
pub(crate) const TEST: &str = "test.salesforce.com";
pub(crate) const TOKEN: &str = "/services/oauth2/token";
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(crate) struct Bench {
    pub(crate) sim: Simulator,
    pub(crate) http: reqwest::Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        self.json()[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {}", self.text))
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Status, `error` and `error_description` of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("error"), text("error_description"))
    }

    /// Status, `errorCode` and `message` of a REST refusal.
    pub(crate) fn rest_refusal(&self) -> (u16, String, String) {
        let json = self.json();
        let text = |name: &str| json[0][name].as_str().unwrap_or_default().to_owned();
        (self.status, text("errorCode"), text("message"))
    }
}

pub(crate) fn refused(status: u16, error: &str, description: &str) -> (u16, String, String) {
    (status, error.to_owned(), description.to_owned())
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(arrange: impl FnOnce(&mut World)) -> Self {
        let mut world = dw::build();
        arrange(&mut world);
        let sim = Simulator::start(world).unwrap();
        // Installed once per process; later calls find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificate = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .resolve(dw::PRODUCTION, sim.https_addr())
            .build()
            .unwrap();
        Self { sim, http }
    }

    pub(crate) async fn send(
        &self,
        host: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Answer, reqwest::Error> {
        let response = request.header("host", host).send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await?,
        })
    }

    pub(crate) async fn post(&self, host: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(host, self.http.post(self.url(path)).form(form))
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, host: &str, path: &str, bearer: &str) -> Answer {
        self.send(host, self.http.get(self.url(path)).bearer_auth(bearer))
            .await
            .unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sim.http_url())
    }

    pub(crate) async fn token(&self, host: &str, form: &[(&str, &str)]) -> Answer {
        self.post(host, TOKEN, form).await
    }

    pub(crate) async fn client_credentials(&self, host: &str, id: &str, secret: &str) -> Answer {
        self.token(host, &client_credentials(id, secret)).await
    }

    /// An access token of the external client app.
    pub(crate) async fn access_token(&self) -> String {
        self.client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
            .await
            .field("access_token")
    }

    pub(crate) async fn refresh(&self, id: &str, secret: &str, token: &str) -> Answer {
        self.token(dw::PRODUCTION, &refresh(id, secret, token)).await
    }

    pub(crate) async fn versions_with(&self, bearer: &str) -> u16 {
        self.get(dw::PRODUCTION, "/services/data/v66.0/", bearer)
            .await
            .status
    }
}

pub(crate) fn client_credentials<'a>(id: &'a str, secret: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
    ]
}

pub(crate) fn refresh<'a>(id: &'a str, secret: &'a str, token: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "refresh_token"),
        ("client_id", id),
        ("client_secret", secret),
        ("refresh_token", token),
    ]
}

pub(crate) fn password<'a>(username: &'a str, password: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "password"),
        ("client_id", dw::CONNECTED),
        ("client_secret", dw::CONNECTED_SECRET),
        ("username", username),
        ("password", password),
    ]
}

pub(crate) fn full_password() -> String {
    format!("{}{}", dw::PASSWORD, dw::SECURITY_TOKEN)
}

/// Claims that the production org accepts.
pub(crate) fn claims() -> Value {
    let exp = jiff::Timestamp::now().as_second() + 120;
    json!({ "iss": dw::JWT, "sub": dw::INTEGRATION_USER, "aud": "https://login.salesforce.com", "exp": exp })
}

pub(crate) fn sign(claims: &Value, key_pem: &str) -> String {
    sign_as("RS256", claims, key_pem)
}

pub(crate) fn sign_as(algorithm: &str, claims: &Value, key_pem: &str) -> String {
    let der = PrivatePkcs8KeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm }).to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
