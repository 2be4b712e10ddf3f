//! What is made of single values: inputs of Secrets, keys, auth URLs, host names, identity URLs?

use secrecy::{ExposeSecret as _, SecretString};

use salesforce_client::{
    ConnectTo, Host, HostAllowList, IdentityUrl, InstanceUrl, OrganizationId, PrivateKeyPem, SfdxAuthUrl,
};
use salesforce_connector_operator::core::model::inputs::Input;
use salesforce_connector_operator::core::model::limits;

use crate::secrecy::{CANARY, assert_no_secret};
use crate::world;

/// A value in a Secret, as every kind of input.
pub(crate) fn secret_value(input: &[u8]) {
    let value = Input::read(Some(input));
    match &value {
        Input::Found(text) => {
            let text = text.expose_secret();
            assert!(text.len() <= limits::LONGEST_INPUT && !text.is_empty());
            assert_eq!(text, text.trim());
        }
        Input::TooLong(bytes) => assert_eq!(*bytes, input.len()),
        Input::NotText(what) => assert_no_secret(what),
        Input::SecretMissing | Input::KeyMissing => {}
    }
    assert_no_secret(&format!("{value:?}"));
    for spec in world::specs() {
        if let Err(rejection) = world::validated(&spec, &value) {
            assert_no_secret(&format!("{rejection:?}"));
            assert!(rejection.subject.len() <= 1024, "{}", rejection.subject.len());
        }
    }
}

pub(crate) fn private_key(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if text.len() > limits::PRIVATE_KEY {
        return;
    }
    let key = PrivateKeyPem::from(SecretString::from(text));
    let checked = key.check();
    assert_no_secret(&format!("{key:?} {checked:?}"));
    if let Err(failure) = checked {
        assert!(failure.detail.chars().count() <= 200, "{}", failure.detail);
    }
}

pub(crate) fn auth_url(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match SfdxAuthUrl::parse(text) {
        Ok(url) => {
            let shown = format!("{url:?}");
            // The host is no secret, and may have any name.
            if !url.host.name().contains(CANARY) {
                assert_no_secret(&shown);
            }
            assert!(!url.client_id.is_empty() && !url.refresh_token.expose().is_empty());
            assert!(url.refresh_token.expose().len() + url.client_id.len() <= text.len());
        }
        Err(error) => assert_no_secret(&format!("{error} {error:?}")),
    }
}

/// The domains under which Salesforce's own hosts lie.
const SALESFORCE: [&str; 6] = [
    ".salesforce.com",
    ".salesforce.mil",
    ".sfcrmproducts.cn",
    ".my-salesforce.com",
    ".my.site.com",
    ".site.com",
];

pub(crate) fn host(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(host) = text.parse::<Host>() {
        assert_eq!(host.to_string().parse(), Ok(host.clone()), "{host}");
        assert!(host.name().len() <= 253 && !host.name().contains(['/', '@', '\\', ' ']));
        if HostAllowList::default().check(&host).is_ok() {
            assert!(
                SALESFORCE.iter().any(|domain| host.name().ends_with(domain)),
                "{host}"
            );
            // Of a label in Punycode that is none, nobody can make an address.
            let url = InstanceUrl::https(host);
            let parsed = url.to_string().parse::<InstanceUrl>();
            assert!(
                parsed.is_err() || parsed == Ok(url.clone()),
                "{url} leads to {parsed:?}"
            );
        }
    }
    if let Ok(url) = text.parse::<InstanceUrl>() {
        assert_eq!(url.to_string().parse::<InstanceUrl>(), Ok(url.clone()), "{url}");
    }
    let _ = text.parse::<ConnectTo>();
    if let Ok(list) = HostAllowList::with_extra([text]) {
        let foreign: Host = "elsewhere.invalid".parse().expect("a host");
        let names_it = text.to_ascii_lowercase().contains("invalid");
        assert!(
            names_it || list.check(&foreign).is_err(),
            "{text} allows any host"
        );
    }
}

pub(crate) fn identity_url(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(id) = text.parse::<IdentityUrl>() {
        assert_eq!(
            (id.organization_id.as_str().len(), id.user_id.as_str().len()),
            (18, 18)
        );
        // They stand in a path.
        let plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(plain(id.organization_id.as_str()) && plain(id.user_id.as_str()));
    }
    if let Ok(id) = text.parse::<OrganizationId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
