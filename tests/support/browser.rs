//! A browser without a window: it logs in at the simulator's own pages, and decides about the access.

use salesforce_sim::{Simulator, default_world as world};

pub(crate) struct Browser {
    pub(crate) http: reqwest::Client,
}

impl Browser {
    pub(crate) fn new(sim: &Simulator) -> Self {
        salesforce_client::install_crypto_provider();
        let certificate = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .resolve(world::PRODUCTION, sim.https_addr())
            .build();
        Self { http: http.unwrap() }
    }

    /// Logs in at this address, decides about the access, and says where it is sent after that.
    pub(crate) async fn log_in(&self, address: &str, username: &str, decision: &str) -> String {
        let here = |path: &str| format!("https://{}{path}", world::PRODUCTION);
        let page = self.http.get(address).send().await.unwrap().text().await.unwrap();
        let form = [
            ("request", hidden(&page, "request")),
            ("un", username),
            ("pw", world::PASSWORD),
        ];
        let consent = self.http.post(here("/login")).form(&form).send().await.unwrap();
        let cookie = consent.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let consent = consent.text().await.unwrap();
        let decided = self
            .http
            .post(here("/setup/secur/RemoteAccessAuthorizationPage.apexp"))
            .header("cookie", cookie)
            .form(&[("request", hidden(&consent, "request")), ("decision", decision)])
            .send()
            .await
            .unwrap();
        decided.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The page at an address of this machine.
    #[allow(dead_code, reason = "shared by tests of which some don't need it")]
    pub(crate) async fn page(&self, address: &str) -> (u16, String) {
        let answer = self.http.get(address).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// What the form of a page carries along under this name.
pub(crate) fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let value = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
    value.unwrap().split('"').next().unwrap()
}
