//! The client over real sockets: what it sends, what it makes of the answers, and whether a failed request had left.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails, in its helpers too"
)]

mod app_credentials;
mod fake;
mod grants;
mod holdings;
mod observing;
mod rest_calls;
mod secrecy;
mod wire_faults;

use std::time::Duration;

use fake::{Fake, Reply};
use salesforce_client::{
    AccessToken, ApiVersion, App, Client, ClientSecret, ClientSettings, Host, HostAllowList, InstanceUrl,
    Proxies, TransportSecurity,
};

/// Settings for a server on a loopback address, without TLS.
fn plain_settings() -> ClientSettings {
    ClientSettings {
        allow_list: HostAllowList::with_extra(["127.0.0.1"]).unwrap(),
        transport: TransportSecurity::PlainHttpForTests,
        proxies: Proxies::Never,
        connect_timeout: Duration::from_secs(5),
        ..ClientSettings::default()
    }
}

fn plain_client() -> Client {
    Client::new(plain_settings()).unwrap()
}

fn host_of(fake: &Fake) -> Host {
    fake.address.to_string().parse().unwrap()
}

const V66: ApiVersion = ApiVersion::new(66);

/// A server with one answer, a client, and the address of the server as an instance.
async fn serving(reply: Reply) -> (Fake, Client, InstanceUrl) {
    let fake = Fake::plain(vec![reply]).await;
    let client = plain_client();
    let instance = client.base_of(&host_of(&fake));
    (fake, client, instance)
}

fn token() -> AccessToken {
    AccessToken::new("00D5g00000AbCdE!AQkAQ.canary".into())
}

fn app() -> App {
    App {
        client_id: "3MVG9FakeClient".into(),
        client_secret: Some(ClientSecret::new("canary-secret-91c2".into())),
    }
}
