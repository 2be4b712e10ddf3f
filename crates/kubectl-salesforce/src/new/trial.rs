//! Does Salesforce let the connector log in? One token request says so, for methods by which the operator logs in by itself.
//!
//! A password is not tried: wrong ones lock the user, and the operator counts them. The token is dropped and not revoked: it can be that
//! of a session that others use.

use jiff::Timestamp;
use salesforce_client::{
    App, Audience, Client, ClientSecret, ClientSettings, Failure, Host, HostAllowList, PrivateKeyPem,
    TokenRequest,
};
use salesforce_connector_operator::api::Reason;

use crate::cli::{FormEnvironment, FormMethod};
use crate::command_error::CommandError;
use crate::new::form::{CLIENT_SECRET, Form, PRIVATE_KEY};
use crate::new::manifests::login_host;

/// Who the connector would be, in words; nothing where the method can't be tried, or its values are in the cluster.
pub async fn login(form: &Form, allowed: HostAllowList) -> Result<Option<String>, CommandError> {
    let Some(request) = request(form) else {
        return Ok(None);
    };
    let app = App {
        client_id: form.client_id.clone(),
        client_secret: form.secrets.get(CLIENT_SECRET).cloned().map(ClientSecret::from),
    };
    let settings = ClientSettings {
        allow_list: allowed,
        ..ClientSettings::default()
    };
    let unwell = |why: &dyn std::fmt::Display| CommandError::Unwell(why.to_string());
    let client = Client::new(settings).map_err(|error| unwell(&error))?;
    let name = login_host(form);
    let host: Host = name.parse().map_err(|error| unwell(&error))?;
    let token = client.token(&host, &app, &request).await;
    let token = token.map_err(|failure| unwell(&refused(name, &failure)))?;
    let (user, org) = (token.id.user_id.as_str(), token.id.organization_id.as_str());
    Ok(Some(format!(
        "Salesforce accepts the login: user {user} of org {org}."
    )))
}

fn request(form: &Form) -> Option<TokenRequest> {
    match form.method {
        FormMethod::ClientCredentials => {
            let complete = form.secrets.contains_key(CLIENT_SECRET);
            complete.then_some(TokenRequest::ClientCredentials)
        }
        FormMethod::JwtBearer => Some(TokenRequest::JwtBearer {
            username: form.username.clone()?,
            private_key: PrivateKeyPem::from(form.secrets.get(PRIVATE_KEY).cloned()?),
            audience: match form.environment {
                FormEnvironment::Live => Audience::Login,
                FormEnvironment::Sandbox => Audience::Test,
            },
            now: Timestamp::now(),
        }),
        FormMethod::AuthorizationCode | FormMethod::Password => None,
    }
}

fn refused(host: &str, failure: &Failure) -> String {
    let reason = Reason::from(failure.refusal);
    format!(
        "a login at {host} fails: {}\n{} ({})\nRemedy: {}\nIf only the cluster can log in there, use --offline.",
        reason.as_str(),
        reason.meaning(),
        failure.detail,
        reason.remedy()
    )
}
