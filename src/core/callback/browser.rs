//! Is this the browser that began the login? Its cookie says so, under the operator's own key, so that any replica can tell.

use std::time::Duration;

use jiff::Timestamp;
use subtle::ConstantTimeEq as _;

use crate::core::model::digest::{Digest, DigestKey};
use crate::core::schedule::time::since;
use crate::core::validate::login::CODE_LIFETIME;

/// The cookie that a form must come with. Another site can neither read it nor have it sent.
pub const FORM_COOKIE: &str = "__Host-sfc-form";
/// How long a browser may ask what has come of its login.
const OUTCOME_LIFETIME: Duration = Duration::from_hours(1);

/// The login that a browser has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserLogin {
    pub namespace: String,
    pub connector: String,
    /// Of the connector.
    pub uid: String,
    pub secret_name: String,
    /// Seconds since 1970.
    pub begun: i64,
}

impl BrowserLogin {
    /// The name of the cookie of the login that `id` names.
    pub fn cookie_name(id: &str) -> String {
        format!("__Host-sfc-login-{id}")
    }

    /// The value of the cookie. It holds no secret of the login.
    pub fn cookie_value(&self, key: &DigestKey) -> String {
        let parts = self.parts();
        format!("{}/{}", parts.join("/"), self.proof(key).as_str())
    }

    /// The login of a cookie that this installation has made.
    pub fn read(value: &str, key: &DigestKey) -> Option<Self> {
        let parts: Vec<&str> = value.split('/').collect();
        let [namespace, connector, uid, secret_name, begun, proof] = *parts.as_slice() else {
            return None;
        };
        let login = Self {
            namespace: namespace.to_owned(),
            connector: connector.to_owned(),
            uid: uid.to_owned(),
            secret_name: secret_name.to_owned(),
            begun: begun.parse().ok()?,
        };
        let expected = login.proof(key);
        bool::from(expected.as_str().as_bytes().ct_eq(proof.as_bytes())).then_some(login)
    }

    fn parts(&self) -> [String; 5] {
        [
            self.namespace.clone(),
            self.connector.clone(),
            self.uid.clone(),
            self.secret_name.clone(),
            self.begun.to_string(),
        ]
    }

    fn proof(&self, key: &DigestKey) -> Digest {
        let parts = self.parts();
        key.digest("callback-browser", parts.iter().map(String::as_bytes))
    }

    /// Whether it began so long ago that nothing is told about it any more.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.age(now) >= OUTCOME_LIFETIME
    }

    /// Whether something may still come of it.
    pub fn may_change(&self, now: Timestamp) -> bool {
        self.age(now) < CODE_LIFETIME + CODE_LIFETIME / 3
    }

    fn age(&self, now: Timestamp) -> Duration {
        let begun = Timestamp::from_second(self.begun);
        begun.map_or(Duration::MAX, |begun| since(begun, now))
    }
}

/// The value of a cookie in the header `Cookie`.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs
        .into_iter()
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// The header that sets a cookie for this host alone, which scripts can't read, and which other sites can't have sent with a
/// form.
pub fn set_cookie(name: &str, value: &str) -> String {
    let lifetime = OUTCOME_LIFETIME.as_secs();
    format!("{name}={value}; Path=/; Max-Age={lifetime}; Secure; HttpOnly; SameSite=Lax")
}

/// Whether a form was sent by a page of ours: it repeats what the cookie says, and the browser doesn't say that another site
/// sent it.
pub fn is_own_form(cookie: Option<&str>, repeated: Option<&str>, fetch_site: Option<&str>) -> bool {
    let is_same = cookie.zip(repeated).is_some_and(|(cookie, repeated)| {
        cookie.len() >= 43 && bool::from(cookie.as_bytes().ct_eq(repeated.as_bytes()))
    });
    is_same && fetch_site.is_none_or(|site| site == "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::fixtures::{after, key, now};

    fn login() -> BrowserLogin {
        BrowserLogin {
            namespace: "sales".to_owned(),
            connector: "crm".to_owned(),
            uid: "u-1".to_owned(),
            secret_name: "crm-login-x7k2p".to_owned(),
            begun: now().as_second(),
        }
    }

    #[test]
    fn a_browser_is_known_by_a_cookie_that_nobody_else_can_make() {
        let value = login().cookie_value(&key());
        assert_eq!(BrowserLogin::read(&value, &key()), Some(login()));
        let other = DigestKey::new("k2", b"another key");
        assert_eq!(BrowserLogin::read(&value, &other), None);
        for (from, to) in [
            ("sales", "ops"),
            ("crm/", "erp/"),
            ("u-1", "u-2"),
            ("x7k2p", "other"),
        ] {
            let forged = value.replacen(from, to, 1);
            assert_ne!(forged, value);
            assert_eq!(BrowserLogin::read(&forged, &key()), None, "{forged}");
        }
        for text in ["", "////", "a/b/c/d/e/f", "a/b/c/d/1/f/g"] {
            assert_eq!(BrowserLogin::read(text, &key()), None, "{text}");
        }
    }

    #[test]
    fn a_login_is_told_about_for_an_hour() {
        assert!(!login().is_forgotten(after(3599)) && login().is_forgotten(after(3600)));
        assert!(login().may_change(after(1199)) && !login().may_change(after(1200)));
    }

    #[test]
    fn a_form_of_another_site_is_not_taken_for_ours() {
        let key = "k".repeat(43);
        let own = Some(key.as_str());
        assert!(is_own_form(own, own, Some("same-origin")) && is_own_form(own, own, None));
        let other = "l".repeat(43);
        for (cookie, repeated, site) in [
            (None, own, None),
            (own, None, None),
            (own, Some(other.as_str()), None),
            (Some(""), Some(""), None),
            (own, own, Some("cross-site")),
            (own, own, Some("same-site")),
            (own, own, Some("none")),
        ] {
            assert!(
                !is_own_form(cookie, repeated, site),
                "{cookie:?} {repeated:?} {site:?}"
            );
        }
    }

    #[test]
    fn cookies_are_for_this_host_alone() {
        assert_eq!(cookie("a=1; b=2;c=3=4", "c"), Some("3=4"));
        assert_eq!(cookie("a=1; bb=2", "b"), None);
        assert_eq!(
            set_cookie("__Host-a", "v"),
            "__Host-a=v; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax"
        );
    }
}
