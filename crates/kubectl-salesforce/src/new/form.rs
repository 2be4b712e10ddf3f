//! What does a person say about a connector? Each value comes from a flag, or is asked for.

use std::collections::BTreeMap;
use std::path::Path;

use salesforce_client::{Host, HostEnvironment};
use secrecy::SecretString;

use crate::cli::{FormEnvironment, FormMethod, NewArgs};
use crate::command_error::CommandError;
use crate::files;
use crate::new::questions::Questions;

/// What was said, complete for its method.
pub struct Form {
    pub name: String,
    pub display_name: Option<String>,
    pub environment: FormEnvironment,
    pub host: Option<String>,
    pub method: FormMethod,
    pub client_id: String,
    pub username: Option<String>,
    /// The secret values, by their key in the Secret.
    pub secrets: BTreeMap<&'static str, SecretString>,
    /// A Secret that has the values already.
    pub existing_secret: Option<String>,
}

pub const CLIENT_SECRET: &str = "client-secret";
pub const PRIVATE_KEY: &str = "private-key";
pub const PASSWORD: &str = "password";
pub const SECURITY_TOKEN: &str = "security-token";

impl Form {
    pub fn fill(args: &NewArgs, asks: &mut dyn Questions) -> Result<Self, CommandError> {
        let name = given(args.name.as_deref(), asks, "Name of the connector", "NAME")?;
        let display_name = optional(
            args.display_name.as_deref(),
            asks,
            "Display name (optional)",
            "--display-name",
        )?;
        let method = match args.method {
            Some(method) => method,
            None => asked_method(asks)?,
        };
        let host = host(args, method, asks)?;
        let client_id = given(
            args.client_id.as_deref(),
            asks,
            "Client ID (consumer key)",
            "--client-id",
        )?;
        let username = username(args, method, asks)?;
        let mut form = Self {
            environment: environment(args, host.as_deref()),
            name,
            display_name,
            host,
            method,
            client_id,
            username,
            secrets: BTreeMap::new(),
            existing_secret: args.existing_secret.clone(),
        };
        if form.existing_secret.is_none() {
            form.secrets = secrets(args, method, asks)?;
        }
        Ok(form)
    }

    /// Name of the Secret with the values.
    pub fn secret_name(&self) -> String {
        self.existing_secret
            .clone()
            .unwrap_or_else(|| format!("{}-app", self.name))
    }

    /// Whether the Secret has a value under this key. One that exists already has what its method needs.
    pub fn has(&self, key: &str) -> bool {
        match (&self.existing_secret, self.method) {
            (None, _) => self.secrets.contains_key(key),
            (Some(_), FormMethod::JwtBearer) => key == PRIVATE_KEY,
            (Some(_), FormMethod::Password) => [CLIENT_SECRET, PASSWORD, SECURITY_TOKEN].contains(&key),
            (Some(_), FormMethod::ClientCredentials | FormMethod::AuthorizationCode) => key == CLIENT_SECRET,
        }
    }
}

fn given(
    flag: Option<&str>,
    asks: &mut dyn Questions,
    what: &str,
    name: &str,
) -> Result<String, CommandError> {
    match flag {
        Some(value) => Ok(value.to_owned()),
        None => asks.ask(what, name),
    }
}

fn optional(
    flag: Option<&str>,
    asks: &mut dyn Questions,
    what: &str,
    name: &str,
) -> Result<Option<String>, CommandError> {
    if flag.is_some() || !asks.is_patient() {
        return Ok(flag.map(str::to_owned));
    }
    Ok(Some(asks.ask(what, name)?).filter(|answer| !answer.is_empty()))
}

fn asked_method(asks: &mut dyn Questions) -> Result<FormMethod, CommandError> {
    let answer = asks.ask(
        "Login method: 1 client-credentials, 2 jwt-bearer, 3 authorization-code, 4 password",
        "--method",
    )?;
    match answer.as_str() {
        "1" | "client-credentials" | "" => Ok(FormMethod::ClientCredentials),
        "2" | "jwt-bearer" => Ok(FormMethod::JwtBearer),
        "3" | "authorization-code" => Ok(FormMethod::AuthorizationCode),
        "4" | "password" => Ok(FormMethod::Password),
        other => Err(CommandError::Usage(format!(
            "{other} is no login method. Answer with a number from 1 to 4."
        ))),
    }
}

/// The host, without what a browser shows around it.
fn host(
    args: &NewArgs,
    method: FormMethod,
    asks: &mut dyn Questions,
) -> Result<Option<String>, CommandError> {
    let what = "Host: Setup > My Domain > Current My Domain URL";
    let host = if method == FormMethod::ClientCredentials {
        Some(given(args.host.as_deref(), asks, what, "--host")?)
    } else {
        optional(
            args.host.as_deref(),
            asks,
            &format!("{what} (empty for the shared login host)"),
            "--host",
        )?
    };
    Ok(host.map(|host| bare(&host)))
}

fn bare(host: &str) -> String {
    let host = host.trim().trim_start_matches("https://");
    host.split('/').next().unwrap_or_default().to_ascii_lowercase()
}

/// As the flag says, or as the form of the host tells.
fn environment(args: &NewArgs, host: Option<&str>) -> FormEnvironment {
    let by_host = || host?.parse::<Host>().ok()?.environment();
    args.environment.unwrap_or_else(|| match by_host() {
        Some(HostEnvironment::Sandbox) => FormEnvironment::Sandbox,
        Some(HostEnvironment::Live) | None => FormEnvironment::Live,
    })
}

fn username(
    args: &NewArgs,
    method: FormMethod,
    asks: &mut dyn Questions,
) -> Result<Option<String>, CommandError> {
    match method {
        FormMethod::JwtBearer | FormMethod::Password => given(
            args.username.as_deref(),
            asks,
            "Username to log in as",
            "--username",
        )
        .map(Some),
        FormMethod::ClientCredentials | FormMethod::AuthorizationCode => optional(
            args.username.as_deref(),
            asks,
            "Username that is expected (optional)",
            "--username",
        ),
    }
}

fn secrets(
    args: &NewArgs,
    method: FormMethod,
    asks: &mut dyn Questions,
) -> Result<BTreeMap<&'static str, SecretString>, CommandError> {
    let client_secret = ("Client secret (consumer secret)", "--client-secret-file");
    let mut secrets = BTreeMap::new();
    let mut take = |key, file: Option<&Path>, (what, flag), needed| -> Result<(), CommandError> {
        if let Some(value) = secret(file, asks, what, flag, needed)? {
            secrets.insert(key, value);
        }
        Ok(())
    };
    match method {
        FormMethod::ClientCredentials => take(
            CLIENT_SECRET,
            args.client_secret_file.as_deref(),
            client_secret,
            true,
        )?,
        FormMethod::AuthorizationCode => take(
            CLIENT_SECRET,
            args.client_secret_file.as_deref(),
            client_secret,
            false,
        )?,
        FormMethod::JwtBearer => {
            let Some(file) = &args.private_key_file else {
                return Err(CommandError::Usage(
                    "the private key is required. Set --private-key-file.".to_owned(),
                ));
            };
            secrets.insert(PRIVATE_KEY, read(file)?);
        }
        FormMethod::Password => {
            take(
                CLIENT_SECRET,
                args.client_secret_file.as_deref(),
                client_secret,
                true,
            )?;
            take(
                PASSWORD,
                args.password_file.as_deref(),
                ("Password", "--password-file"),
                true,
            )?;
            let token = ("Security token (optional)", "--security-token-file");
            take(SECURITY_TOKEN, args.security_token_file.as_deref(), token, false)?;
        }
    }
    Ok(secrets)
}

fn secret(
    file: Option<&Path>,
    asks: &mut dyn Questions,
    what: &str,
    flag: &str,
    needed: bool,
) -> Result<Option<SecretString>, CommandError> {
    use secrecy::ExposeSecret as _;
    if let Some(file) = file {
        return read(file).map(Some);
    }
    if !needed && !asks.is_patient() {
        return Ok(None);
    }
    let value = asks.ask_secret(what, flag)?;
    if value.expose_secret().is_empty() && needed {
        return Err(CommandError::Usage(format!("{what} is required")));
    }
    Ok(Some(value).filter(|value| !value.expose_secret().is_empty()))
}

/// What a file holds, without white space around it.
fn read(path: &Path) -> Result<SecretString, CommandError> {
    files::read(path).map(|(_, text)| SecretString::from(text.trim()))
}

#[cfg(test)]
mod tests;
