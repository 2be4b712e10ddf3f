//! Which granted scopes are worth a word, although the connection works?

use crate::core::model::connector::GrantSettings;

/// What each of these scopes allows beyond the API. docs/salesforce.md#scopes
const TOO_WIDE: [&str; 2] = ["full", "web"];
/// Two names of one scope.
const REFRESH: [&str; 2] = ["refresh_token", "offline_access"];

/// What is to be said of the scopes, and what to change.
pub(super) fn advice(granted: &[String], method: &str) -> Option<(String, String)> {
    let has = |scope: &&str| granted.iter().any(|granted| granted == *scope);
    let wide: Vec<&str> = TOO_WIDE.into_iter().filter(has).collect();
    // A login by client credentials or JWT bearer can be repeated, and brings no refresh token.
    let unrefreshable = !granted.is_empty() && method == GrantSettings::NAME && !REFRESH.iter().any(has);
    let mut messages = Vec::new();
    let mut remedies = Vec::new();
    if !wide.is_empty() {
        messages.push(format!(
            "The token can do more than call the API: it has the scope {}.",
            wide.join(" and ")
        ));
        remedies.push(format!(
            "Replace {} by api under Selected OAuth Scopes in the settings of the app.",
            wide.join(" and ")
        ));
    }
    if unrefreshable {
        messages.push("The scope refresh_token is not among the granted ones: the next login may bring no grant that lasts.".to_owned());
        remedies.push("Add Perform requests at any time (refresh_token, offline_access) under Selected OAuth Scopes in the settings of the app.".to_owned());
    }
    if messages.is_empty() {
        return None;
    }
    if method == GrantSettings::NAME {
        remedies.push("Then log in again: a grant keeps its scopes.".to_owned());
    }
    Some((messages.join(" "), remedies.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(scopes: &[&str], method: &str) -> Option<String> {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        advice(&scopes, method).map(|(message, remedy)| format!("{message} {remedy}"))
    }

    #[test]
    fn scopes_that_fit_the_method_are_worth_no_word() {
        for (scopes, method) in [
            (&["api"][..], "clientCredentials"),
            (&["api", "id"], "jwtBearer"),
            (&["api", "refresh_token"], "authorizationCode"),
            (&["offline_access", "api"], "authorizationCode"),
            (&[], "authorizationCode"),
        ] {
            assert_eq!(said(scopes, method), None, "{scopes:?} {method}");
        }
    }

    #[test]
    fn scopes_that_are_too_wide_are_named_with_the_setting() {
        assert_eq!(
            said(&["web", "api", "full"], "jwtBearer").as_deref(),
            Some(
                "The token can do more than call the API: it has the scope full and web. \
                 Replace full and web by api under Selected OAuth Scopes in the settings of the app."
            )
        );
    }

    #[test]
    fn a_grant_without_refresh_token_says_what_to_select_before_the_next_login() {
        assert_eq!(
            said(&["api"], "authorizationCode").as_deref(),
            Some(
                "The scope refresh_token is not among the granted ones: the next login may bring no grant that lasts. \
                 Add Perform requests at any time (refresh_token, offline_access) under Selected OAuth Scopes in the \
                 settings of the app. Then log in again: a grant keeps its scopes."
            )
        );
    }
}
