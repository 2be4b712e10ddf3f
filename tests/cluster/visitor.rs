//! Who visits the callback page: a browser with cookies, and what it is shown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use reqwest::{Method, RequestBuilder};
use testbed::eventually;

use crate::browser::{Browser, hidden};
use crate::stage::{DEADLINE, Stage};

/// Where browsers reach the page.
pub(crate) const PAGE: &str = "https://sfc.example.com";

/// A person with a browser that has cookies of its own.
pub(crate) struct Visitor {
    pub(crate) browser: Browser,
    /// Where the page is served.
    pub(crate) page: SocketAddr,
    pub(crate) cookies: Mutex<BTreeMap<String, String>>,
}

/// What a visitor was shown.
pub(crate) struct Visit {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Visit {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    pub(crate) fn title(&self) -> &str {
        let title = self.body.split("<h1>").nth(1).unwrap_or_default();
        title.split("</h1>").next().unwrap()
    }

    /// Where the page sends the browser by itself.
    pub(crate) fn address(&self) -> String {
        let address = self
            .body
            .split("http-equiv=\"refresh\" content=\"0;url=")
            .nth(1)
            .unwrap();
        address.split('"').next().unwrap().replace("&amp;", "&")
    }
}

impl Visitor {
    pub(crate) fn new(stage: &Stage, page: SocketAddr) -> Self {
        Self {
            browser: Browser::new(&stage.sim),
            page,
            cookies: Mutex::default(),
        }
    }

    /// The same person at another replica.
    pub(crate) fn at(self, page: SocketAddr) -> Self {
        Self { page, ..self }
    }

    pub(crate) fn cookies(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = path.strip_prefix(PAGE).unwrap_or(path);
        let cookies: Vec<_> = self
            .cookies()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = self
            .browser
            .http
            .request(method, format!("http://{}{path}", self.page));
        let request = request.header("host", "sfc.example.com");
        if cookies.is_empty() {
            request
        } else {
            request.header("cookie", cookies.join("; "))
        }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Visit {
        let answer = request.send().await.unwrap();
        let visit = Visit {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await.unwrap(),
        };
        for cookie in visit.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let (value, flags) = rest.split_once(';').unwrap();
            assert_eq!(flags, " Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax");
            self.cookies().insert(name.to_owned(), value.to_owned());
        }
        visit
    }

    pub(crate) async fn get(&self, path: &str) -> Visit {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn press(&self, path: &str, form: &str) -> Visit {
        let form = [("form", form)];
        let request = self.request(Method::POST, path).form(&form);
        self.send(request.header("sec-fetch-site", "same-origin")).await
    }

    /// Opens a link, presses its button, and says where the browser is sent.
    pub(crate) async fn depart(&self, link: &str) -> String {
        let offer = self.get(link).await;
        assert_eq!(offer.status, 200, "{}", offer.body);
        let departure = self.press(link, hidden(&offer.body, "form")).await;
        assert_eq!(
            (departure.status, departure.title()),
            (200, "On to Salesforce"),
            "{}",
            departure.body
        );
        departure.address()
    }

    /// Brings back an answer that is taken, and follows it until the page has this title.
    pub(crate) async fn arrive(&self, answer: &str, title: &str) -> Visit {
        let taken = self.get(answer).await;
        assert_eq!(taken.status, 303, "{}", taken.body);
        let outcome = taken.header("location").to_owned();
        assert!(
            outcome.starts_with("/outcome/") && outcome.len() < 30,
            "{outcome}"
        );
        eventually(DEADLINE, title, async || {
            let page = self.get(&outcome).await;
            if page.title() == title {
                Ok(page)
            } else {
                Err(page.body)
            }
        })
        .await
    }
}
