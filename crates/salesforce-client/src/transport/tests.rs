use super::*;

#[test]
fn a_bad_ca_bundle_is_named_by_its_place() {
    let good = include_bytes!("../../tests/data/test-key-rsa-certificate.pem").to_vec();
    let settings = |extra_ca_pem| ClientSettings {
        extra_ca_pem,
        ..ClientSettings::default()
    };
    for bad in [
        &b"not PEM"[..],
        b"",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = Transport::new(settings(vec![good.clone(), bad.to_vec()])).unwrap_err();
        assert!(
            matches!(error, BuildError::ExtraCa(2) | BuildError::HttpClient(_)),
            "{error}"
        );
    }
}

#[test]
fn only_hosts_that_are_reached_at_another_address_go_without_a_proxy() {
    let transport = Transport::new(ClientSettings {
        connect_to: vec!["sf.example.com=127.0.0.1:8743".parse().unwrap()],
        ..ClientSettings::default()
    })
    .unwrap();
    assert!(transport.is_direct("sf.example.com"));
    assert!(!transport.is_direct("acme.my.salesforce.com"));
}

#[test]
fn the_words_of_allowed_hosts_are_not_taken_for_salesforces() {
    let transport = Transport::new(ClientSettings::default()).unwrap();
    let answerer = |url: &str| transport.answerer(&url.parse().unwrap());
    assert_eq!(
        answerer("https://acme.my.salesforce.com/services/data/"),
        Answerer::Salesforce
    );
    for url in ["https://sf.example.com/", "https://127.0.0.1/", "https://[::1]/"] {
        assert_eq!(answerer(url), Answerer::FurtherHost, "{url}");
    }
}
