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
