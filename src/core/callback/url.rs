//! Where do browsers reach the callback page?

use std::fmt;
use std::str::FromStr;

use ::url::Url;

/// The origin of the callback page. It is of this page alone: another page of the same origin could press its buttons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackUrl {
    origin: String,
    authority: String,
}

/// A text that is no such origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected https:// and a host of its own, such as https://salesforce-login.example.com: {0}")]
pub struct InvalidCallbackUrl(&'static str);

impl FromStr for CallbackUrl {
    type Err = InvalidCallbackUrl;

    fn from_str(text: &str) -> Result<Self, InvalidCallbackUrl> {
        let url = Url::parse(text).map_err(|_| InvalidCallbackUrl("it is no URL"))?;
        let faults = [
            (url.scheme() != "https", "browsers must reach it by https"),
            (
                !url.username().is_empty() || url.password().is_some(),
                "it names a user",
            ),
            (url.query().is_some(), "it has a query"),
            (url.fragment().is_some(), "it has a fragment"),
            (
                url.path() != "/",
                "it has a path; the page needs a host name of its own",
            ),
            (url.domain().is_none(), "it has no host name"),
        ];
        if let Some((_, fault)) = faults.into_iter().find(|(is_so, _)| *is_so) {
            return Err(InvalidCallbackUrl(fault));
        }
        let host = url.host_str().unwrap_or_default();
        let authority = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self {
            origin: format!("https://{authority}"),
            authority,
        })
    }
}

impl fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl CallbackUrl {
    /// The callback URL that the app must have, exactly.
    pub fn redirect_uri(&self) -> String {
        format!("{}/callback", self.origin)
    }

    /// The link that begins a login for a connector.
    pub fn link(&self, namespace: &str, connector: &str, key: &str) -> String {
        format!("{}/authorize/{namespace}/{connector}/{key}", self.origin)
    }

    /// Whether a request was sent to this page, by its header `Host`.
    pub fn is_host(&self, host: &str) -> bool {
        host.eq_ignore_ascii_case(&self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_page_is_an_https_origin_and_nothing_else() {
        let page: CallbackUrl = "https://sfc.example.com:8443/".parse().unwrap();
        assert_eq!(page.redirect_uri(), "https://sfc.example.com:8443/callback");
        assert_eq!(
            page.link("sales", "crm", "k"),
            "https://sfc.example.com:8443/authorize/sales/crm/k"
        );
        assert!(page.is_host("SFC.example.com:8443") && !page.is_host("sfc.example.com"));
        for text in [
            "http://sfc.example.com",
            "https://user@sfc.example.com",
            "https://:secret@sfc.example.com",
            "https://sfc.example.com?a",
            "https://sfc.example.com/#a",
            "https://sfc.example.com/salesforce",
            "https://192.0.2.1",
            "https://[2001:db8::1]",
            "sfc.example.com",
            "",
        ] {
            assert!(text.parse::<CallbackUrl>().is_err(), "{text}");
        }
    }
}
