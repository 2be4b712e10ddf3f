//! What does the browser bring back? One request to a loopback address, known by its `state`.

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use salesforce_connector_operator::core::callback::page::{Page, content_security_policy};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::command_error::CommandError;

/// What came of the login page.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    Code(String),
    /// The person, or a policy, does not allow it.
    Denied(String),
}

/// Waits at the callback URL of a login.
pub struct Callback {
    listener: TcpListener,
    path: String,
    state: String,
}

struct Expected {
    path: String,
    state: String,
    found: mpsc::Sender<Answer>,
}

/// How long the page may take to reach the browser. Other connections are not waited for.
const GRACE: Duration = Duration::from_secs(1);
/// The most characters of what a page says that are shown.
const SHOWN: usize = 200;

impl Callback {
    /// Listens on this machine alone. Fails where the URL leads elsewhere, or something else listens there.
    pub async fn bind(callback: &str, state: &str) -> Result<Self, CommandError> {
        let url = Url::parse(callback).ok().filter(is_loopback).ok_or_else(|| {
            CommandError::Usage(format!(
                "--callback: {callback} is no http address of this machine, such as http://localhost:1717/OauthRedirect. For any \
                 other callback URL of the app, use --no-browser."
            ))
        })?;
        let port = url.port_or_known_default().unwrap_or(80);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
            CommandError::Unwell(format!(
                "failed to listen on port {port}: {error}. End what listens there, or register another callback URL at the app and \
                 name it with --callback."
            ))
        })?;
        Ok(Self {
            listener,
            path: url.path().to_owned(),
            state: state.to_owned(),
        })
    }

    /// The first answer to this login. Other requests are refused, and waited past.
    pub async fn answer(self) -> Result<Answer, CommandError> {
        let (found, mut answers) = mpsc::channel(1);
        let expected = Arc::new(Expected {
            path: self.path,
            state: self.state,
            found,
        });
        let router = Router::new().fallback(received).with_state(expected);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(self.listener, router).with_graceful_shutdown(async move {
            let _ = stopped.await;
        });
        let server = tokio::spawn(server.into_future());
        let ended = || CommandError::Unwell("the listener ended without an answer".to_owned());
        let answer = answers.recv().await.ok_or_else(ended)?;
        let _ = stop.send(());
        let _ = tokio::time::timeout(GRACE, server).await;
        Ok(answer)
    }
}

fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http" && matches!(url.host_str(), Some("localhost" | "127.0.0.1"))
}

async fn received(State(expected): State<Arc<Expected>>, uri: Uri) -> Response {
    let answer =
        (uri.path() == expected.path).then(|| answer_in(uri.query().unwrap_or_default(), &expected.state));
    let (status, text) = match answer {
        None => (StatusCode::NOT_FOUND, "There is nothing here."),
        Some(None) => (
            StatusCode::BAD_REQUEST,
            "This is not the answer to the login that is waiting. Start again with kubectl salesforce login.",
        ),
        Some(Some(answer)) => {
            let text = match &answer {
                Answer::Code(_) => {
                    "Salesforce accepted the login. Close this page and go back to the terminal, which shows what the operator makes of it."
                }
                Answer::Denied(_) => {
                    "Salesforce did not allow the access. Close this page and go back to the terminal, which says what to do."
                }
            };
            let _ = expected.found.try_send(answer);
            (StatusCode::OK, text)
        }
    };
    page(status, text)
}

/// The answer in a query, if it is one to the login of this `state`.
pub fn answer_in(query: &str, state: &str) -> Option<Answer> {
    let value = |name: &str| {
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    };
    let same = bool::from(value("state")?.as_bytes().ct_eq(state.as_bytes()));
    if !same {
        return None;
    }
    if let Some(error) = value("error") {
        let detail = value("error_description").map_or_else(String::new, |text| format!(": {text}"));
        let shown = format!("{error}{detail}")
            .chars()
            .take(SHOWN)
            .map(salesforce_client::visible)
            .collect();
        return Some(Answer::Denied(shown));
    }
    value("code").map(Answer::Code)
}

/// A page of fixed words, in the style of the operator's callback page: nothing of the request is in it.
fn page(status: StatusCode, text: &str) -> Response {
    let page = Page::new(status.as_u16(), "kubectl salesforce login").paragraph(text);
    let headers = [
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::CONTENT_SECURITY_POLICY, content_security_policy()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (status, headers, Html(page.html())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_only_with_the_state_of_the_login() {
        let code = |query: &str| match answer_in(query, "mine") {
            Some(Answer::Code(code)) => Some(code),
            Some(Answer::Denied(why)) => Some(format!("denied: {why}")),
            None => None,
        };
        assert_eq!(code("code=aPrx%3D%3D&state=mine").as_deref(), Some("aPrx=="));
        assert_eq!(
            code("error=access_denied&error_description=end-user+denied%1B[2J&state=mine").as_deref(),
            Some("denied: access_denied: end-user denied [2J")
        );
        for query in [
            "code=aPrx",
            "code=aPrx&state=other",
            "state=mine",
            "error=access_denied",
            "",
        ] {
            assert_eq!(code(query), None, "{query}");
        }
    }

    #[tokio::test]
    async fn only_an_address_of_this_machine_is_listened_at() {
        for callback in [
            "https://localhost:1717/OauthRedirect",
            "http://example.com:1717/OauthRedirect",
            "http://0.0.0.0:1717/",
            "localhost",
        ] {
            let error = Callback::bind(callback, "state")
                .await
                .err()
                .map(|error| error.to_string());
            assert!(
                error.is_some_and(|text| text.contains("use --no-browser")),
                "{callback}"
            );
        }
    }
}
