//! Which of Salesforce's endpoints does a path name?

use hyper::Method;
use serde::{Deserialize, Serialize};

use crate::http::Request;

/// What follows the version in paths to the credentials of an app.
pub(crate) const CREDENTIALS: &str = "apps/oauth/credentials/";

/// The endpoints that the simulator tells apart in its log and faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    Token,
    Authorize,
    Introspect,
    Revoke,
    Userinfo,
    Identity,
    Keys,
    Discovery,
    /// `GET /services/data/`, open to everybody
    Versions,
    Resources,
    Query,
    Sobjects,
    Limits,
    RecordCount,
    /// Reading the credentials of an external client app, and deleting staged ones.
    AppCredentials,
    /// `POST` to the staged credentials of an app.
    StageCredentials,
    /// `PATCH` of a staged credential.
    RotateCredentials,
    Login,
    Consent,
    Other,
}

impl Endpoint {
    /// The REST API: everything below `/services/data/vXX.X/`.
    pub const DATA: [Self; 8] = [
        Self::Resources,
        Self::Query,
        Self::Sobjects,
        Self::Limits,
        Self::RecordCount,
        Self::AppCredentials,
        Self::StageCredentials,
        Self::RotateCredentials,
    ];

    /// The endpoint of a request.
    pub(crate) fn of_request(request: &Request) -> Self {
        match (Self::of(&request.path), &request.method) {
            (Self::AppCredentials, &Method::POST) => Self::StageCredentials,
            (Self::AppCredentials, &Method::PATCH) => Self::RotateCredentials,
            (endpoint, _) => endpoint,
        }
    }

    /// The endpoint of a path, as a `GET` reaches it.
    pub fn of(path: &str) -> Self {
        let path = if path.len() > 1 {
            path.trim_end_matches('/')
        } else {
            path
        };
        match path {
            "/services/oauth2/token" => Self::Token,
            "/services/oauth2/authorize" => Self::Authorize,
            "/services/oauth2/introspect" => Self::Introspect,
            "/services/oauth2/revoke" => Self::Revoke,
            "/services/oauth2/userinfo" => Self::Userinfo,
            "/id/keys" => Self::Keys,
            "/.well-known/openid-configuration" => Self::Discovery,
            "/services/data" => Self::Versions,
            "/login" => Self::Login,
            "/setup/secur/RemoteAccessAuthorizationPage.apexp" => Self::Consent,
            _ if path.starts_with("/id/") => Self::Identity,
            _ => match version_and_rest(path) {
                Some((_, "")) => Self::Resources,
                Some((_, "query")) => Self::Query,
                Some((_, "limits")) => Self::Limits,
                Some((_, "limits/recordCount")) => Self::RecordCount,
                Some((_, rest)) if rest == "sobjects" || rest.starts_with("sobjects/") => Self::Sobjects,
                Some((_, rest)) if rest.starts_with(CREDENTIALS) => Self::AppCredentials,
                _ => Self::Other,
            },
        }
    }
}

/// Splits `/services/data/vXX.X/rest`.
pub(crate) fn version_and_rest(path: &str) -> Option<(&str, &str)> {
    let below = path.strip_prefix("/services/data/v")?;
    let (version, rest) = below.split_once('/').unwrap_or((below, ""));
    Some((version, rest.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_their_endpoints_with_and_without_a_closing_slash() {
        for (path, endpoint) in [
            ("/services/data/", Endpoint::Versions),
            ("/services/data", Endpoint::Versions),
            ("/services/data/v66.0/", Endpoint::Resources),
            ("/services/data/v66.0", Endpoint::Resources),
            ("/services/data/v66.0/query", Endpoint::Query),
            ("/services/data/v66.0/query/", Endpoint::Query),
            (
                "/services/data/v66.0/sobjects/Account/describe",
                Endpoint::Sobjects,
            ),
            ("/services/data/v66.0/limits", Endpoint::Limits),
            ("/services/data/v66.0/limits/recordCount", Endpoint::RecordCount),
            (
                "/services/data/v66.0/apps/oauth/credentials/0xI/888/staged",
                Endpoint::AppCredentials,
            ),
            ("/id/00D/005", Endpoint::Identity),
            ("/id/keys", Endpoint::Keys),
            ("/", Endpoint::Other),
        ] {
            assert_eq!(Endpoint::of(path), endpoint, "{path}");
        }
    }
}
