//! How does the callback page read and write? It takes requests apart, and asks the pure core what to answer.
//!
//! It never redeems a code: it puts one into the Secret of the login, which the leader reads as it reads that of the plugin.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, ResourceExt as _};
use salesforce_client::{Pkce, generate_state};

use crate::api::{SalesforceConnector, names};
use crate::core::callback::browser::{self, BrowserLogin, FORM_COOKIE};
use crate::core::callback::flow::{self, Drawn, PageSettings, ReceivedAnswer};
use crate::core::callback::notice::Notice;
use crate::core::callback::page::{Page, content_security_policy};
use crate::core::callback::pages::{self, FORM_FIELD};
use crate::core::callback::rate::PageRate;
use crate::core::callback::request::{
    LONGEST_QUERY, LinkPath, PagePath, brought_back, id_of, page_path, parameter,
};
use crate::core::callback::url::CallbackUrl;
use crate::error_chain::chain;
use crate::shell::context::Context;
use crate::shell::kubernetes::consumer_secret;
use crate::shell::turns::Object;

/// How often a write is tried again that came too late.
const TRIES: usize = 3;

/// The callback page of a running operator, as any of its replicas serves it.
pub struct CallbackPage {
    context: Arc<Context>,
    url: CallbackUrl,
    rate: Mutex<PageRate>,
    policy: String,
}

/// A page, with cookies to set.
struct PageAnswer {
    page: Page,
    cookies: Vec<String>,
}

impl From<Page> for PageAnswer {
    fn from(page: Page) -> Self {
        let cookies = Vec::new();
        Self { page, cookies }
    }
}

/// What the page answers to requests.
pub fn router(context: Arc<Context>, url: CallbackUrl) -> Router {
    let page = CallbackPage {
        context,
        url,
        rate: Mutex::default(),
        policy: content_security_policy(),
    };
    Router::new()
        .route("/livez", get(async || "ok\n")) // for what checks the health of its backends
        .fallback(answer)
        .with_state(Arc::new(page))
}

async fn answer(State(page): State<Arc<CallbackPage>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let host = text(&head.headers, header::HOST).unwrap_or_default();
    let path = if page.url.is_host(host) {
        head.uri.path()
    } else {
        ""
    };
    let query = head.uri.query().unwrap_or_default();
    let answered = match (page_path(path), head.method) {
        (PagePath::Link(link), Method::GET) => page.counted("Offer", page.offer(link, &head.headers).await),
        (PagePath::Link(link), Method::POST) => {
            page.counted("Departure", page.begin(link, &head.headers, body).await)
        }
        (PagePath::Callback, Method::GET) if query.len() > LONGEST_QUERY => {
            page.counted("Arrival", Err(Notice::TooLong))
        }
        (PagePath::Callback, Method::GET) => {
            match page.counted("Arrival", page.receive(query, &head.headers).await) {
                Ok(id) => return page.redirect(&format!("/outcome/{id}")),
                Err(notice) => Err(notice),
            }
        }
        (PagePath::Outcome(id), Method::GET) => page.counted("Outcome", page.outcome(id, &head.headers)),
        _ => page.counted("Nowhere", Err(Notice::Nowhere)),
    };
    page.response(answered.unwrap_or_else(|notice| pages::of_notice(&notice).into()))
}

impl CallbackPage {
    /// What was answered, counted as that page, or as why nothing happened.
    fn counted<T>(&self, page: &'static str, answered: Result<T, Notice>) -> Result<T, Notice> {
        let shown = answered.as_ref().map_or_else(Notice::name, |_| page);
        self.context.metrics.callback_request(shown);
        answered
    }

    /// The page of a link. It changes nothing: what looks at links before people do may load it.
    async fn offer(&self, link: LinkPath<'_>, headers: &HeaderMap) -> Result<PageAnswer, Notice> {
        let (connector, secret) = self.of_link(link).await?;
        flow::may_begin(&connector, secret.as_ref(), link.key, self.context.clock.now())?;
        let known = cookie(headers, FORM_COOKIE).filter(|key| id_of(key).is_some() && key.len() >= 43);
        let key = known.map_or_else(generate_state, str::to_owned);
        Ok(PageAnswer {
            page: pages::offer(&connector, &key),
            cookies: vec![browser::set_cookie(FORM_COOKIE, &key)],
        })
    }

    /// Takes the link, once, and sends the browser to Salesforce.
    async fn begin(&self, link: LinkPath<'_>, headers: &HeaderMap, body: Body) -> Result<PageAnswer, Notice> {
        let form = to_bytes(body, LONGEST_QUERY).await.map_err(|_| Notice::TooLong)?;
        let repeated = parameter(&String::from_utf8_lossy(&form), FORM_FIELD);
        let site = text(headers, HeaderName::from_static("sec-fetch-site"));
        if !browser::is_own_form(cookie(headers, FORM_COOKIE), repeated.as_deref(), site) {
            return Err(Notice::FormExpired);
        }
        for _ in 0..TRIES {
            let (connector, secret) = self.of_link(link).await?;
            let now = self.context.clock.now();
            let secret = flow::may_begin(&connector, secret.as_ref(), link.key, now)?;
            let drawn = Drawn {
                state: generate_state(),
                pkce: Pkce::generate(),
            };
            let id = self.referenced_id(&connector).await?;
            let place = self.place(link.namespace);
            let begun = flow::begin(&connector, secret, &drawn, id, place, now)?;
            if self.write(&begun.secret).await? {
                tracing::info!(
                    namespace = link.namespace,
                    connector = link.connector,
                    "A browser began a login by its link"
                );
                return Ok(PageAnswer {
                    page: pages::departure(&connector, begun.address.as_str()),
                    cookies: vec![browser::set_cookie(&begun.cookie_name, &begun.cookie)],
                });
            }
        }
        Err(Notice::Unavailable)
    }

    /// Hands an answer from Salesforce to the operator, and returns by what name the browser knows its login.
    async fn receive(&self, query: &str, headers: &HeaderMap) -> Result<String, Notice> {
        let state = parameter(query, "state").ok_or(Notice::NoAnswer)?;
        let id = id_of(&state).ok_or(Notice::OtherBrowser)?;
        let login = self.browser_login(id, headers).ok_or(Notice::OtherBrowser)?;
        let answer = brought_back(query);
        for _ in 0..TRIES {
            self.take(&login.uid)?;
            let connector = self.connector(&login.namespace, &login.connector);
            let secret = self.secret(&login.namespace, &login.secret_name).await?;
            let now = self.context.clock.now();
            let received = flow::receive(
                connector.as_ref(),
                secret.as_ref(),
                &login,
                &state,
                answer.as_ref(),
                now,
            )?;
            let written = match received {
                ReceivedAnswer::Known => return Ok(id.to_owned()),
                ReceivedAnswer::Write(secret) => self.write(&secret).await?,
            };
            if written {
                let (namespace, connector) = (login.namespace.as_str(), login.connector.as_str());
                tracing::info!(namespace, connector, "A browser brought the answer to its login");
                self.context.turns.wake(Object::new(connector).within(namespace));
                return Ok(id.to_owned());
            }
        }
        Err(Notice::Unavailable)
    }

    fn outcome(&self, id: &str, headers: &HeaderMap) -> Result<PageAnswer, Notice> {
        let login = self.browser_login(id, headers).ok_or(Notice::Nowhere)?;
        let connector = self.connector(&login.namespace, &login.connector);
        Ok(pages::outcome(connector.as_ref(), &login, self.context.clock.now()).into())
    }

    /// The login that this browser began under that name.
    fn browser_login(&self, id: &str, headers: &HeaderMap) -> Option<BrowserLogin> {
        let value = cookie(headers, &BrowserLogin::cookie_name(id))?;
        let login = BrowserLogin::read(value, &self.context.digest_key)?;
        (!login.is_forgotten(self.context.clock.now())).then_some(login)
    }

    /// The connector of a link, and the Secret that it waits for. Without a connector that waits, the API server isn't asked.
    async fn of_link(&self, link: LinkPath<'_>) -> Result<(SalesforceConnector, Option<Secret>), Notice> {
        let connector = self
            .connector(link.namespace, link.connector)
            .ok_or(Notice::Nowhere)?;
        let name = flow::awaited_secret(&connector).ok_or(Notice::Nowhere)?;
        self.take(&connector.uid().unwrap_or_default())?;
        let secret = self.secret(link.namespace, name).await?;
        Ok((connector, secret))
    }

    /// As the watch last told of it; every replica has one.
    fn connector(&self, namespace: &str, name: &str) -> Option<SalesforceConnector> {
        let wanted = Object::new(name).within(namespace);
        let stores = self.context.connectors.stores();
        let found = stores.iter().find_map(|store| store.get(&wanted))?;
        found.0.as_ref().ok().cloned()
    }

    async fn referenced_id(
        &self,
        connector: &SalesforceConnector,
    ) -> Result<Option<crate::core::model::inputs::Input>, Notice> {
        let app = &connector.spec.app;
        let Some(reference) = app.client_id_ref.as_ref().filter(|_| app.client_id.is_none()) else {
            return Ok(None);
        };
        let namespace = connector.namespace().unwrap_or_default();
        let found = consumer_secret::find(&self.context, &namespace, &reference.name).await;
        let found = found.map_err(|error| unavailable(&error))?;
        Ok(found.map(|secret| secret.value(&reference.key)))
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Secret>, Notice> {
        let found = consumer_secret::read(&self.context, namespace, name).await;
        found.map_err(|error| unavailable(&error))
    }

    /// Writes the very version that was read. `false` if another one was written meanwhile.
    async fn write(&self, secret: &Secret) -> Result<bool, Notice> {
        let namespace = secret.namespace().unwrap_or_default();
        let api: Api<Secret> = Api::namespaced(self.context.client.clone(), &namespace);
        let params = PostParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            dry_run: false,
        };
        match api.replace(&secret.name_any(), &params, secret).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn take(&self, uid: &str) -> Result<(), Notice> {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = rate.take(uid, self.context.clock.now());
        taken.then_some(()).ok_or(Notice::Busy)
    }

    fn place(&self, namespace: &str) -> PageSettings<'_> {
        PageSettings {
            page: &self.url,
            key: &self.context.digest_key,
            allowed: self.context.settings.allowed_hosts.of(namespace),
        }
    }

    fn response(&self, answer: PageAnswer) -> Response {
        let status = StatusCode::from_u16(answer.page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let html = (header::CONTENT_TYPE, "text/html; charset=utf-8");
        let mut response = (status, [html], answer.page.html()).into_response();
        self.guard(&mut response);
        if matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            let pause = HeaderValue::from_static("30");
            response.headers_mut().insert(header::RETRY_AFTER, pause);
        }
        for cookie in answer.cookies {
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
        }
        response
    }

    fn redirect(&self, path: &str) -> Response {
        let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response();
        self.guard(&mut response);
        response
    }

    fn guard(&self, response: &mut Response) {
        let headers = [
            (header::CONTENT_SECURITY_POLICY, self.policy.as_str()),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Notice {
    tracing::warn!(error = %chain(error), "The callback page failed to read or write a Secret");
    Notice::Unavailable
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter();
    all.filter_map(|header| header.to_str().ok())
        .find_map(|header| browser::cookie(header, name))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
