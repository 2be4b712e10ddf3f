//! What does a browser ask the callback page for?

use serde_json::json;

use crate::api::names;
use crate::core::model::limits;

/// The most bytes of a query or of a form that are read. A code has a few hundred.
pub const LONGEST_QUERY: usize = 8 * 1024;
/// How many characters of a `state` name its login in the browser.
const ID: usize = 12;
/// The most characters of what the login page says that are kept.
const SAID: usize = 200;

/// A path of the callback page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagePath<'a> {
    /// Begin a login.
    Link(LinkPath<'a>),
    /// Salesforce has sent the browser back.
    Callback,
    /// What has come of the login that this browser began.
    Outcome(&'a str),
    /// Anything else, whatever it is.
    Nowhere,
}

/// What a link says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkPath<'a> {
    pub namespace: &'a str,
    pub connector: &'a str,
    pub key: &'a str,
}

/// What the browser brought back from Salesforce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroughtBack {
    Code(String),
    /// As JSON in the form of OAuth.
    Error(String),
}

/// What a path asks for. It is taken as it is: nothing in it is decoded, and no step leads up.
pub fn page_path(path: &str) -> PagePath<'_> {
    let steps: Vec<&str> = path.split('/').skip(1).collect();
    match *steps.as_slice() {
        ["authorize", namespace, connector, key]
            if is_label(namespace) && names::is_object_name(connector) && is_random(key) =>
        {
            PagePath::Link(LinkPath {
                namespace,
                connector,
                key,
            })
        }
        ["callback"] => PagePath::Callback,
        ["outcome", id] if id.len() == ID && is_random(id) => PagePath::Outcome(id),
        _ => PagePath::Nowhere,
    }
}

fn is_label(text: &str) -> bool {
    names::is_object_name(text) && text.len() <= 63 && !text.contains('.')
}

/// Of the characters that keys and states are made of.
fn is_random(text: &str) -> bool {
    let is_of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=128).contains(&text.len()) && text.bytes().all(is_of_base64)
}

/// The beginning of a `state`, by which the browser finds the login that it belongs to.
pub fn id_of(state: &str) -> Option<&str> {
    state.get(..ID).filter(|_| is_random(state))
}

/// The value of the first parameter of this name.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    let found = ::url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

/// The answer in a query. Nothing where it is none that Salesforce gives.
pub fn brought_back(query: &str) -> Option<BroughtBack> {
    if let Some(error) = parameter(query, "error") {
        let shown =
            |text: String| -> String { text.chars().take(SAID).map(salesforce_client::visible).collect() };
        let description = parameter(query, "error_description").unwrap_or_default();
        let body = json!({ "error": shown(error), "error_description": shown(description) });
        return Some(BroughtBack::Error(body.to_string()));
    }
    let code = parameter(query, "code")?;
    let fits =
        (1..=limits::LOGIN_VALUE).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(BroughtBack::Code(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_would_lead_elsewhere_leads_nowhere() {
        let link = page_path("/authorize/sales/crm.eu/k3Y-_");
        assert_eq!(
            link,
            PagePath::Link(LinkPath {
                namespace: "sales",
                connector: "crm.eu",
                key: "k3Y-_"
            })
        );
        assert_eq!(page_path("/callback"), PagePath::Callback);
        assert_eq!(
            page_path("/outcome/abcdefghijkl"),
            PagePath::Outcome("abcdefghijkl")
        );
        for path in [
            "",
            "/",
            "/authorize/sales/crm",
            "/authorize/sales/crm/",
            "/authorize/sales/../kube-system/crm/key",
            "/authorize/../crm/key",
            "/authorize/sales/../key",
            "/authorize/sales/CRM/key",
            "/authorize/sales/crm?a/key",
            "/authorize/sales%2f..%2fkube-system/crm/key",
            "/authorize/sa.les/crm/key",
            "/authorize/sales/crm/key/more",
            "/authorize//crm/key",
            "/authorize/sales/crm/k%65y",
            "/authorize/SALES/crm/key",
            "//authorize/sales/crm/key",
            "/callback/",
            "/outcome/abc",
            "/metrics",
        ] {
            assert_eq!(page_path(path), PagePath::Nowhere, "{path}");
        }
    }

    #[test]
    fn an_answer_is_a_code_or_an_error_of_bounded_length() {
        assert_eq!(
            brought_back("code=aPrx%3D%3D&state=s"),
            Some(BroughtBack::Code("aPrx==".to_owned()))
        );
        let error = format!("error=access_denied&error_description={}%0a", "x".repeat(5000));
        let body = format!(
            r#"{{"error":"access_denied","error_description":"{}"}}"#,
            "x".repeat(SAID)
        );
        assert_eq!(brought_back(&error), Some(BroughtBack::Error(body)));
        let long = format!("code={}", "x".repeat(limits::LOGIN_VALUE + 1));
        for query in ["", "state=s", "code=", "code=a%0Ab", "code=a%20b", &long] {
            assert_eq!(brought_back(query), None, "{query}");
        }
    }

    #[test]
    fn the_beginning_of_a_state_names_its_login() {
        assert_eq!(id_of("abcdefghijklmnop"), Some("abcdefghijkl"));
        assert_eq!(id_of("abc"), None);
        assert_eq!(id_of("abcdefghijkl; Path=/"), None);
    }
}
