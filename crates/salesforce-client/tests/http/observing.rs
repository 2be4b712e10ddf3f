//! Does an observer hear how each call ended, and what Salesforce's clock shows?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use salesforce_client::{ApiVersion, CallOutcome, Client, ClientSettings, Endpoint, Observer};

use crate::fake::{Fake, Reply, json, response};
use crate::{host_of, plain_client, plain_settings, token};

#[derive(Default)]
struct Heard {
    calls: Mutex<Vec<(Endpoint, CallOutcome, Duration)>>,
    dates: Mutex<Vec<Timestamp>>,
}

impl Heard {
    fn calls(&self) -> Vec<(Endpoint, CallOutcome)> {
        let calls = self.calls.lock().unwrap();
        calls
            .iter()
            .map(|(endpoint, outcome, _)| (*endpoint, *outcome))
            .collect()
    }
}

impl Observer for Heard {
    fn called(&self, endpoint: Endpoint, outcome: CallOutcome, duration: Duration) {
        self.calls.lock().unwrap().push((endpoint, outcome, duration));
    }

    fn server_date(&self, date: Timestamp) {
        self.dates.lock().unwrap().push(date);
    }
}

#[tokio::test]
async fn each_call_is_heard_of_with_its_outcome() {
    let versions = json("200 OK", include_str!("../data/versions.json"));
    let refused = json(
        "401 Unauthorized",
        r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]"#,
    );
    let fake = Fake::plain(vec![versions, refused, Reply::Close]).await;
    let heard = Arc::<Heard>::default();
    let client = plain_client().observed_by(heard.clone());
    let instance = client.base_of(&host_of(&fake));
    let version = ApiVersion::new(66);
    client.versions(&instance).await.unwrap();
    client
        .organization(&instance, version, &token())
        .await
        .unwrap_err();
    // A client for other hosts has the same observer.
    let other = client.allowing(plain_settings().allow_list);
    other
        .organization(&instance, version, &token())
        .await
        .unwrap_err();
    let nobody: salesforce_client::Host = "127.0.0.1:1".parse().unwrap();
    client.versions(&client.base_of(&nobody)).await.unwrap_err();
    assert_eq!(
        heard.calls(),
        [
            (Endpoint::Versions, CallOutcome::Succeeded),
            (Endpoint::Organization, CallOutcome::Refused),
            (Endpoint::Organization, CallOutcome::Unknown),
            (Endpoint::Versions, CallOutcome::NotSent),
        ]
    );
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_heard_of_too() {
    let fake = Fake::plain(vec![Reply::Hang]).await;
    let heard = Arc::<Heard>::default();
    let client = plain_client().observed_by(heard.clone());
    let instance = client.base_of(&host_of(&fake));
    let limit = Duration::from_millis(50);
    tokio::time::timeout(limit, client.versions(&instance))
        .await
        .unwrap_err();
    let calls = heard.calls.lock().unwrap().clone();
    assert!(
        matches!(calls[..], [(Endpoint::Versions, CallOutcome::Unknown, taken)] if taken >= limit),
        "{calls:?}"
    );
}

#[tokio::test]
async fn the_clock_of_a_host_of_salesforces_is_heard_of_and_that_of_another_is_not() {
    let headers = [
        "Content-Type: application/json",
        "Date: Mon, 23 Nov 2026 02:00:00 GMT",
    ];
    let versions = || response("200 OK", &headers, include_str!("../data/versions.json"));
    let heard = Arc::<Heard>::default();
    let fake = Fake::plain(vec![versions()]).await;
    let client = plain_client().observed_by(heard.clone());
    client.versions(&client.base_of(&host_of(&fake))).await.unwrap();
    let date: Timestamp = "2026-11-23T02:00:00Z".parse().unwrap();
    assert_eq!(*heard.dates.lock().unwrap(), [date]);

    let (further, ca) = Fake::tls("sf.example.com", vec![versions()]).await;
    let settings = ClientSettings {
        allow_list: salesforce_client::HostAllowList::with_extra(["sf.example.com"]).unwrap(),
        connect_to: vec![format!("sf.example.com={}", further.address).parse().unwrap()],
        extra_ca_pem: vec![ca.into_bytes()],
        proxies: salesforce_client::Proxies::Never,
        ..ClientSettings::default()
    };
    let client = Client::new(settings).unwrap().observed_by(heard.clone());
    let host = "sf.example.com".parse().unwrap();
    client.versions(&client.base_of(&host)).await.unwrap();
    assert_eq!(heard.calls().len(), 2);
    assert_eq!(*heard.dates.lock().unwrap(), [date], "and no other");
}
