//! How does a person authorize a connector? By a login in a browser, whose code the operator redeems.
//!
//! The code goes into a Secret for this one login, which an annotation of the connector names. Neither the client secret nor the
//! refresh token comes here.

use std::process::ExitCode;
use std::time::Duration;

use kube::api::DynamicObject;
use salesforce_client::{AuthorizeRequest, Host, Pkce, authorize_url, generate_state};
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::api::names::LOGIN_SECRET;
use salesforce_connector_operator::api::status::{LoginResult, LoginStatus};
use salesforce_connector_operator::core::validate::login::CODE_LIFETIME;
use salesforce_connector_operator::core::validate::login_host_name;
use serde_json::json;
use url::Url;

use crate::cli::{AccessFlags, LoginArgs};
use crate::cluster::{self, Cluster};
use crate::command_error::CommandError;
use crate::login::callback::{Answer, Callback};
use crate::show::{self, Paint};
use crate::status::screen::{condition, is_ready, ladder, read, result, status};
use crate::waiting::until;

pub mod callback;
pub mod handover;

/// How long the operator may take to say that a link has ended.
const REPORTED_WITHIN: Duration = Duration::from_mins(2);

/// What nobody else says: the connector whose grant goes first sees no more than a dead token.
const APPROVALS: &str = "Note: Salesforce keeps five approvals for one user and app. A sixth login, here or elsewhere, silently ends the \
    oldest one.";

/// A login on its way through the browser.
struct Attempt {
    address: Url,
    state: String,
    pkce: Pkce,
}

pub async fn run(access: &AccessFlags, args: &LoginArgs) -> Result<ExitCode, CommandError> {
    let cluster = Cluster::connect(access).await?;
    let object = cluster.get(&args.name).await?;
    let connector = authorizable(&object)?;
    let uid = object.metadata.uid.unwrap_or_default();
    handover::rehearse(&cluster, &args.name, &uid).await?;
    let key = generate_state();
    let secret = match &args.link {
        Some(_) => handover::offer(&cluster, &args.name, &uid, &key).await?,
        None => brought(&cluster, &connector, args, &uid).await?,
    };
    let ended = tokio::select! {
        ended = carried_out(&cluster, args, &secret, &key) => ended,
        _ = tokio::signal::ctrl_c() => Err(CommandError::Unwell("interrupted; the login was withdrawn".to_owned())),
    };
    handover::remove(&cluster, &args.name, &secret).await;
    let (login, connector) = ended?;
    show::print(&outcome(&args.name, &login, &connector, Paint::of_stdout()))?;
    let well = login.result == LoginResult::Succeeded && is_ready(&connector);
    Ok(ExitCode::from(u8::from(!well)))
}

/// The Secret with the code that a browser of this person has brought.
async fn brought(
    cluster: &Cluster,
    connector: &SalesforceConnector,
    args: &LoginArgs,
    uid: &str,
) -> Result<String, CommandError> {
    let attempt = begin(cluster, connector, args).await?;
    match browsed(&attempt, args).await? {
        Answer::Code(code) => {
            handover::create(cluster, &args.name, uid, &code, &attempt.pkce, &args.callback).await
        }
        Answer::Denied(why) => Err(CommandError::Unwell(denied(&why))),
    }
}

/// How long to wait: no longer than a code is good for. The operator itself says that a link has ended.
fn limit(args: &LoginArgs) -> Duration {
    match args.link {
        Some(_) => CODE_LIFETIME + REPORTED_WITHIN,
        None => Duration::from(args.timeout).min(CODE_LIFETIME),
    }
}

/// What the browser brings back, wherever it runs.
async fn browsed(attempt: &Attempt, args: &LoginArgs) -> Result<Answer, CommandError> {
    if args.no_browser {
        return pasted(attempt);
    }
    let callback = Callback::bind(&args.callback, &attempt.state).await?;
    open_browser(&attempt.address, &args.callback);
    let waited = tokio::time::timeout(limit(args), callback.answer()).await;
    waited.map_err(|_| nobody_came(args))?
}

/// The connector, if a login is what it needs.
fn authorizable(object: &DynamicObject) -> Result<SalesforceConnector, CommandError> {
    let connector = read(object).map_err(CommandError::Unwell)?;
    let name = connector.metadata.name.clone().unwrap_or_default();
    if connector.spec.auth.authorization_code.is_none() {
        return Err(CommandError::Usage(format!(
            "{name} does not use spec.auth.authorizationCode: the operator logs in by itself. Run `kubectl salesforce refresh \
             {name}` to have it log in now."
        )));
    }
    if cluster::is_suspended(object) {
        return Err(CommandError::Unwell(format!(
            "{name} is suspended, and the code of a login ends before it is resumed. Run `kubectl salesforce resume {name}` first."
        )));
    }
    Ok(connector)
}

async fn begin(
    cluster: &Cluster,
    connector: &SalesforceConnector,
    args: &LoginArgs,
) -> Result<Attempt, CommandError> {
    let spec = &connector.spec;
    let host: Host = login_host_name(spec)
        .parse()
        .map_err(|error| CommandError::Unwell(format!("spec.host: {error}")))?;
    let client_id = client_id(cluster, connector, args).await?;
    let code = spec.auth.authorization_code.as_ref();
    let scopes = code.and_then(|code| code.scopes.clone()).unwrap_or_default();
    let expected = spec.expect.as_ref().and_then(|expect| expect.username.as_deref());
    let (pkce, state) = (Pkce::generate(), generate_state());
    let request = AuthorizeRequest {
        client_id: &client_id,
        redirect_uri: &args.callback,
        scopes: &scopes,
        state: &state,
        code_challenge: &pkce.challenge,
        login_hint: expected,
    };
    let address = authorize_url(&host, &request)
        .map_err(|error| CommandError::Unwell(format!("spec.host: {error}")))?;
    Ok(Attempt { address, state, pkce })
}

async fn client_id(
    cluster: &Cluster,
    connector: &SalesforceConnector,
    args: &LoginArgs,
) -> Result<String, CommandError> {
    let app = &connector.spec.app;
    match (&args.client_id, &app.client_id, &app.client_id_ref) {
        (Some(given), _, _) | (None, Some(given), _) => Ok(given.clone()),
        (None, None, Some(reference)) => cluster.value_of(reference).await,
        (None, None, None) => Err(CommandError::Usage(
            "the client ID is missing. Set --client-id.".to_owned(),
        )),
    }
}

fn offer_link(link: &str) {
    eprintln!(
        "Open this link in a browser within 15 minutes, or send it to the person whose user the connector is to act as. It works \
         once. Whoever opens it logs in for this connector:\n\n  {link}\n\nWaiting for the login. Press Ctrl-C to withdraw the link."
    );
}

fn open_browser(address: &Url, callback: &str) {
    eprintln!(
        "Log in as the user that the connector is to act as, and allow the access:\n\n  {address}\n\nWaiting for the browser at \
         {callback}. Press Ctrl-C to stop."
    );
    if open::that_detached(address.as_str()).is_err() {
        eprintln!(
            "No browser could be opened. Open the address yourself, or use --no-browser on another machine."
        );
    }
}

/// On a machine without a browser: the person brings the address that the browser was sent to.
fn pasted(attempt: &Attempt) -> Result<Answer, CommandError> {
    eprintln!(
        "Open this address in a browser, log in, and allow the access:\n\n  {}\n\nThe browser then shows a page that can't be \
         reached. Paste its whole address here:",
        attempt.address
    );
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(CommandError::Output)?;
    let address = Url::parse(line.trim())
        .map_err(|error| CommandError::Usage(format!("what you pasted is no address: {error}")))?;
    callback::answer_in(address.query().unwrap_or_default(), &attempt.state).ok_or_else(|| {
        CommandError::Usage(
            "what you pasted is not the answer to this login: its state differs, or it has no code. Start again, and paste the \
             address that the browser shows after you allowed the access."
                .to_owned(),
        )
    })
}

fn denied(why: &str) -> String {
    format!(
        "the login was not allowed ({why}). Allow the access on the page, or log in as a user who may use the app: see Setup > \
         External Client App Manager > (app) > Policies."
    )
}

/// A blocked app, and a callback that the app does not have, end on a page of Salesforce's own.
fn nobody_came(args: &LoginArgs) -> CommandError {
    CommandError::TimedOut(format!(
        "no answer came to {callback} within {timeout:?}. The likely causes:\n\
         - The browser was closed, or it runs on another machine. Use --no-browser there.\n\
         - Salesforce showed an error instead. redirect_uri_mismatch: add {callback} in Setup > External Client App Manager > \
         (app) > Settings > OAuth Settings > Callback URL. A blocked or uninstalled app: an administrator allows it in Setup > \
         External Client Apps OAuth Usage.\n\
         - The app is new. It takes about 10 minutes until every server of Salesforce knows it.",
        callback = args.callback,
        timeout = args.timeout,
    ))
}

/// Names the Secret in the annotation, and waits until the status says what came of it.
async fn carried_out(
    cluster: &Cluster,
    args: &LoginArgs,
    secret: &str,
    key: &str,
) -> Result<(LoginStatus, SalesforceConnector), CommandError> {
    let annotations = json!({ "metadata": { "annotations": { LOGIN_SECRET: secret } } });
    cluster.patch(&args.name, annotations).await?;
    match &args.link {
        Some(page) => offer_link(&page.link(&cluster.namespace, &args.name, key)),
        None => eprintln!("The browser brought the code. Waiting for the operator …"),
    }
    let of_this = |connector: &SalesforceConnector| {
        status(connector)
            .last_login
            .filter(|login| login.secret_name == secret)
    };
    let limit = limit(args);
    let waited = tokio::time::timeout(
        limit,
        until(cluster, &args.name, |connector| of_this(connector).is_some()),
    );
    let Ok(answered) = waited.await else {
        return Err(CommandError::TimedOut(format!(
            "the operator did not carry out the login of {} within {limit:?}, and the login was withdrawn. Check that the operator \
             runs and watches this namespace.",
            args.name
        )));
    };
    let (_, connector) = answered?;
    of_this(&connector)
        .map(|login| (login, connector))
        .ok_or_else(|| CommandError::Cluster("the status changed while it was read".to_owned()))
}

/// What came of a login, in words.
pub fn outcome(name: &str, login: &LoginStatus, connector: &SalesforceConnector, paint: Paint) -> String {
    if login.result == LoginResult::Failed {
        let reason = login.reason.as_deref().unwrap_or_default();
        let failed = paint.bad("Failed");
        return format!("Login of {name}: {failed}: {reason}\n    {}\n", login.message);
    }
    let status = status(connector);
    let whose = status.identity.as_ref().map_or_else(String::new, |identity| {
        let user = identity.username.as_deref().or(identity.user_id.as_deref());
        let org = identity
            .organization_name
            .as_deref()
            .or(identity.organization_id.as_deref());
        format!(" as {} in {}", user.unwrap_or_default(), org.unwrap_or_default())
    });
    let tested = status.connection_test.as_ref().map_or_else(String::new, |test| {
        format!("Test: {}\n{}", result(test.result, paint), ladder(test, paint))
    });
    let ready = condition(&status, "Ready").map_or_else(String::new, |ready| format!("{}\n", ready.message));
    format!(
        "Login of {name}: {}{whose}\n{tested}{ready}{APPROVALS}\n",
        paint.good("Succeeded")
    )
}
