//! What is a person told who logs in by a link?

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::browser::BrowserLogin;
use super::flow::is_handled;
use super::notice::Notice;
use super::page::Page;
use crate::api::SalesforceConnector;
use crate::api::status::{IdentityStatus, LoginResult, LoginStatus, SalesforceConnectorStatus};
use crate::core::conclude::merge::ConditionType;
use crate::core::validate::login_host_name;

/// The field of the form that repeats a cookie.
pub const FORM_FIELD: &str = "form";
/// Seconds between two looks at what comes of a login.
const FOLLOW: u32 = 2;

/// Why nothing happens.
pub fn of_notice(notice: &Notice) -> Page {
    let page = Page::new(notice.status(), notice.title()).paragraph(&notice.text());
    match notice {
        Notice::Nowhere | Notice::Busy => page,
        _ => page.bad(),
    }
}

/// What a link is for, and a button.
pub fn offer(connector: &SalesforceConnector, form_key: &str) -> Page {
    let spec = &connector.spec;
    let host = login_host_name(spec);
    let expect = spec.expect.as_ref();
    let status = connector.status.as_ref();
    let current = status.and_then(|status| status.identity.as_ref());
    let username = expect.and_then(|expect| expect.username.clone());
    let name = spec.display_name.clone().unwrap_or_else(|| connector.name_any());
    let scopes = spec
        .auth
        .authorization_code
        .as_ref()
        .and_then(|code| code.scopes.as_ref());
    Page::new(200, &format!("Authorize {name}"))
        .paragraph(
            "You will log in to Salesforce and allow an app to act as you. The operator keeps that access for this connector, until \
             you or an administrator ends it in Salesforce.",
        )
        .facts([
            ("Connector", Some(full_name(connector))),
            ("Salesforce", Some(host.to_owned())),
            ("Log in as", Some(username.unwrap_or_else(|| "the user that the connector is to act as".to_owned()))),
            ("Organization", expect.and_then(|expect| expect.organization_id.clone())),
            ("Scopes", scopes.map(|scopes| scopes.join(" "))),
            ("Now used", current.and_then(whose)),
        ])
        .paragraph(
            "Continue only if you asked for this link, or know who did: everybody who may read the token of this connector can then act \
             as you. This page gets neither your password nor a token.",
        )
        .form((FORM_FIELD, form_key), "Continue to Salesforce")
}

/// On the way to Salesforce.
pub fn departure(connector: &SalesforceConnector, address: &str) -> Page {
    let host = login_host_name(&connector.spec);
    Page::new(200, "On to Salesforce")
        .paragraph(&format!(
            "Log in at {host}. If Salesforce shows an error and does not send you back, the operator never learns of it. The likely \
             causes: the app does not have the callback URL of this page, it is blocked or not installed in the org, or it is so new \
             that not every server of Salesforce knows it yet."
        ))
        .going_to(address, "Continue to Salesforce")
}

/// What has come of the login that a browser began.
pub fn outcome(connector: Option<&SalesforceConnector>, login: &BrowserLogin, now: Timestamp) -> Page {
    let connector = connector.filter(|connector| connector.uid().as_deref() == Some(&login.uid));
    let Some(connector) = connector else {
        return of_notice(&Notice::Superseded);
    };
    let status = connector.status.clone().unwrap_or_default();
    let page = match status.last_login.as_ref() {
        Some(last) if is_handled(connector, &login.secret_name) => handled(connector, last, &status),
        Some(_) | None if super::flow::awaited_secret(connector) != Some(&login.secret_name) => {
            return of_notice(&Notice::Superseded);
        }
        Some(_) | None => waiting(connector, &status),
    };
    if login.may_change(now) {
        page.0.again_in(page.1)
    } else {
        page.0
    }
}

fn waiting(connector: &SalesforceConnector, status: &SalesforceConnectorStatus) -> (Page, u32) {
    let page = Page::new(200, "The operator redeems the login")
        .paragraph("Salesforce answered, and the operator has the answer. This page follows what comes of it. You can close it.")
        .facts([
            ("Connector", Some(full_name(connector))),
            ("Ready", ready(status).map(|(_, message)| message)),
        ]);
    (page, FOLLOW)
}

fn handled(
    connector: &SalesforceConnector,
    last: &LoginStatus,
    status: &SalesforceConnectorStatus,
) -> (Page, u32) {
    let ready = ready(status);
    let is_ready = ready.as_ref().is_some_and(|(is_ready, _)| *is_ready);
    let readiness = ("Ready", ready.map(|(_, message)| message));
    let name = ("Connector", Some(full_name(connector)));
    let seldom = 10 * FOLLOW;
    if last.result == LoginResult::Failed {
        let page = Page::new(200, "The login brought no access")
            .bad()
            .paragraph(&last.message)
            .facts([name, ("Reason", last.reason.clone())])
            .paragraph(if is_ready {
                "The connector is ready: it uses the access of before, which has not changed."
            } else {
                "The connector is not ready."
            })
            .paragraph("A new login needs a new link.");
        return (page, seldom);
    }
    let identity = status.identity.as_ref();
    let page = Page::new(200, if is_ready { "The connector is authorized" } else { "The access is stored" })
        .facts([
            name,
            ("Logged in as", identity.and_then(user)),
            ("Organization", identity.and_then(organization)),
            readiness,
        ])
        .paragraph("The operator keeps this access and renews it. You can close this page.")
        .paragraph(
            "Salesforce keeps five approvals for one user and app. A sixth login, here or elsewhere, silently ends the oldest one.",
        );
    (
        if is_ready { page.good() } else { page },
        if is_ready { seldom } else { FOLLOW },
    )
}

fn full_name(connector: &SalesforceConnector) -> String {
    format!(
        "{}/{}",
        connector.namespace().unwrap_or_default(),
        connector.name_any()
    )
}

fn user(identity: &IdentityStatus) -> Option<String> {
    identity.username.clone().or_else(|| identity.user_id.clone())
}

fn organization(identity: &IdentityStatus) -> Option<String> {
    match (&identity.organization_name, &identity.organization_id) {
        (Some(name), Some(id)) => Some(format!("{name} ({id})")),
        (name, id) => name.clone().or_else(|| id.clone()),
    }
}

fn whose(identity: &IdentityStatus) -> Option<String> {
    match (user(identity), organization(identity)) {
        (Some(user), Some(organization)) => Some(format!("{user} in {organization}")),
        (user, organization) => user.or(organization),
    }
}

/// Whether the connector is ready, and what that condition says.
fn ready(status: &SalesforceConnectorStatus) -> Option<(bool, String)> {
    let mut conditions = status.conditions.iter();
    let ready = conditions.find(|condition| condition.type_ == ConditionType::Ready.as_str())?;
    Some((ready.status == "True", ready.message.clone()))
}
