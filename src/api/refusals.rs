//! What does the operator say about each refusal by Salesforce: when to try again, who acts, and the remedy?
//!
//! [`Refusal::meaning`] says what happened.

use salesforce_client::Refusal;

/// When it is worth trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Dead for this input: one call is enough until the input itself changes.
    InputMustChange,
    /// Terminal, but somebody may fix it inside Salesforce without a change to any input: try hourly.
    FixInSalesforce,
    /// May heal by itself soon (settings take 2 to 10 minutes to spread): every 2 minutes for 15 minutes, then hourly.
    Uncertain,
    /// A failure that passes: try again with back-off.
    Transient,
    /// The access token is dead: obtain a new one, once.
    RenewToken,
    /// We sent something wrong: try hourly and report it to the maintainers.
    Bug,
}

/// Who can remove the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Actor {
    /// Whoever wrote the connector and its inputs.
    Developer,
    /// An administrator of the Salesforce org.
    SalesforceAdministrator,
    /// An administrator of the signer that has the private key (Vault, OpenBao).
    SignerAdministrator,
    /// An administrator of the cluster (network, DNS, proxies, clocks, flags).
    ClusterAdministrator,
    /// Nobody: it passes.
    Nobody,
    /// The maintainers of this project.
    Maintainers,
}

impl Actor {
    /// Who that is, in words.
    pub const fn who(self) -> &'static str {
        match self {
            Self::Developer => "the owner of the connector and its Secrets",
            Self::SalesforceAdministrator => "a Salesforce administrator of the org",
            Self::SignerAdministrator => "an administrator of the signer (Vault or OpenBao)",
            Self::ClusterAdministrator => "a cluster administrator",
            Self::Nobody => "no one",
            Self::Maintainers => "the maintainers of this project",
        }
    }
}

/// What the operator says about a refusal.
pub(super) struct Guidance {
    /// When it is worth trying again.
    pub(super) class: Class,
    /// Who can remove the cause.
    pub(super) actor: Actor,
    /// What to change, naming the setting as Salesforce's Setup called it in 2026.
    pub(super) remedy: &'static str,
}

macro_rules! guidance {
    ($($name:ident => $class:ident, $actor:ident, $remedy:literal;)+) => {
        /// The guidance on a refusal. A refusal that the client learns to recognise must get a row here.
        pub(super) const fn guidance(refusal: Refusal) -> Guidance {
            match refusal {
                $(Refusal::$name => Guidance {
                    class: Class::$class,
                    actor: Actor::$actor,
                    remedy: $remedy,
                },)+
            }
        }
    };
}

guidance! {
    // The grant itself.
    WrongPassword => InputMustChange, Developer, "Read the reason in Setup > Users > (user) > Login History, then correct the password or security token (a password change resets the token), or free the locked user; do not retry before, it can lock the user. Username-Password Flow Disabled means that the org blocks this flow. With MFA for API Logins Salesforce asks for a code, which this flow can not give.";
    AuthenticationFailed => FixInSalesforce, SalesforceAdministrator, "Read the reason in Setup > Users > (user) > Login History: a locked, frozen or inactive user, an expired password, login IP ranges or login hours are the usual ones. Also check that spec.host and spec.environment are those of the org. If Salesforce froze the user for its address, change the address before you unfreeze the user.";
    RefreshTokenExpired => InputMustChange, Developer, "Authorize again. If it keeps happening, look for the cause: the token was unused for 30 days (fixed for new apps); another program used it; Salesforce froze the user (administrators receive the mail Salesforce Security notification); more than five approvals for one user and app; or Setup > External Client App Manager > (app) > Policies > Refresh Token Policy.";
    TokenRequestInProgress => Transient, Nobody, "Nothing to do if it passes. Otherwise, find the other program that holds this refresh token, and stop it: only one may use it.";
    AuthorizationCodeExpired => InputMustChange, Developer, "Start the login again, and finish it within 15 minutes.";
    AuthorizationCodeInvalid => InputMustChange, Developer, "Start the login again, on the same host the code is redeemed at.";
    CodeVerifierInvalid => InputMustChange, Developer, "Start the login again. A login can't be finished with another login's verifier.";
    AccessDenied => InputMustChange, Developer, "Start the login again and allow the access. If the page refuses it, ask the administrator to permit the app for this user.";
    AssertionExpired => Transient, ClusterAdministrator, "Correct the clock of the node (NTP). Salesforce accepts about 3 minutes of difference.";
    AssertionInvalid => Uncertain, Developer, "In Setup > External Client App Manager > (app) > Settings > OAuth Settings > Enable JWT Bearer Flow, upload the certificate that belongs to the private key. If a signer has the key, that is the certificate of the key version that the message names: until it is uploaded, set spec.auth.jwtBearer.signer.vaultTransit.keyVersion to the version of the certificate that the app has. New apps take up to 10 minutes.";
    AudienceInvalid => InputMustChange, Developer, "Set the environment to what the org is: the audience is https://login.salesforce.com for production and Developer Edition, https://test.salesforce.com for sandboxes. Some apps want the My Domain URL: set spec.auth.jwtBearer.audience.";

    // The private key, before anything is sent.
    PrivateKeyEncrypted => InputMustChange, Developer, "Decrypt the key once (openssl rsa -in encrypted.pem -out key.pem) and store the result.";
    PrivateKeyNotRsa => InputMustChange, Developer, "Create an RSA key (openssl genrsa 2048), and upload its certificate to the app.";
    PrivateKeyInvalid => InputMustChange, Developer, "Read the message. Store the whole PEM block of an RSA key with 2048 to 4096 bits, from BEGIN to END: kubectl create secret generic NAME --from-file=tls.key=FILE. To convert another format: openssl pkcs8 -topk8 -nocrypt -in FILE, or ssh-keygen -p -m PEM -f FILE.";

    // Who may use the app.
    UserNotApproved => FixInSalesforce, SalesforceAdministrator, "Check spec.host and the username first: both lead here. Then Setup > External Client App Manager > (app) > Policies: set Permitted Users to Admin approved users are pre-authorized and select the user's profile or permission set. For a connected app (until Summer '27): Setup > Manage Connected Apps > (app) > Edit Policies.";
    UserNotAdminApproved => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Policies > App Policies: select the user's profile or permission set.";
    UserInactive => FixInSalesforce, SalesforceAdministrator, "In Setup > Users > (user), activate the user, or choose another one.";
    PasswordExpired => FixInSalesforce, SalesforceAdministrator, "Set a new password for the user, or set Password Never Expires in a permission set.";
    OrgInactive => FixInSalesforce, SalesforceAdministrator, "Contact Salesforce about the org's status.";
    IpRestricted => FixInSalesforce, SalesforceAdministrator, "Setup > Profiles > (profile of the user) > Login IP Ranges: add the cluster's egress address. Network Access does not lift this, and the app's IP Relaxation does not help JWT bearer.";
    IpOrLoginHoursRestricted => FixInSalesforce, SalesforceAdministrator, "Setup > Profiles > (profile of the user): correct Login IP Ranges and Login Hours. Relaxed IP restrictions in the app's Policies do not help JWT bearer.";
    IpRestrictedByAppDeveloper => FixInSalesforce, SalesforceAdministrator, "Setup > External Client App Manager > (app) > Edit Settings > Refresh Token IP Allowlist: add the cluster's egress address. For a packaged app, its developer does this.";
    SessionLevelTooLow => FixInSalesforce, SalesforceAdministrator, "Remove the High Assurance requirement for this user in Setup > Session Settings, in the profile's Session Settings, and in the app's Policies.";

    // The app.
    ClientIdInvalid => Uncertain, Developer, "Compare with Setup > External Client App Manager > (app) > Settings > Consumer Key and Secret, and check that host is that org's. New apps take up to 10 minutes.";
    ClientSecretInvalid => Uncertain, Developer, "Copy the current secret from Setup > External Client App Manager > (app) > Settings > Consumer Key and Secret, and encode it once at most. A rotation of an external client app changes the key and the secret: update spec.app.clientId too. After a rotation both may fail for up to 10 minutes.";
    ClientAuthenticationMalformed => Bug, Maintainers, "Report this to the maintainers.";
    AppNotInstalled => FixInSalesforce, SalesforceAdministrator, "Setup > Connected Apps OAuth Usage or External Client Apps OAuth Usage > (app): Install. That takes Customize Application with Modify All Data or Manage Connected Apps. Or give the user the permission Approve Uninstalled Connected Apps; under API Access Control only Use Any API Client works.";
    AppNotFound => Uncertain, Developer, "Set spec.host to the My Domain of the org that has the app: a local external client app exists in one org only, and a new or refreshed sandbox needs its app again. Otherwise install its package there. If the app is new, wait: every server of Salesforce knows it after about 10 minutes.";
    AppDisabled => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Policies, enable the app and its OAuth plugin.";
    AppBlocked => FixInSalesforce, SalesforceAdministrator, "Setup > Connected Apps OAuth Usage or External Client Apps OAuth Usage > (app): Unblock, and see Denied Attempts Due to Usage Restriction; with API Access Control, allow-list the app.";
    AppBlockCheckFailed => Uncertain, SalesforceAdministrator, "If it stays, check Setup > Connected Apps OAuth Usage > (app) and API Access Control.";
    AppApprovalFailed => FixInSalesforce, SalesforceAdministrator, "Install the app in Setup > Connected Apps OAuth Usage, or give the user the permission Approve Uninstalled Connected Apps.";
    AppPolicyMissing => Uncertain, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Policies, save the policies once. New apps take up to 10 minutes.";
    AppInstallationFailed => FixInSalesforce, SalesforceAdministrator, "Install the app's package again, or allow the app in Setup > Connected Apps OAuth Usage.";
    AppDistributionInvalid => FixInSalesforce, SalesforceAdministrator, "Setup > External Client App Manager > (app) > Edit > Basic Information > Distribution State: set Local for an app of this org, or install the package of a packaged app.";
    RunAsUserMissing => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Policies > Enable Client Credentials Flow, enter the username in Run As.";
    ClientCredentialsFlowDisabled => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app), select Enable Client Credentials Flow in Settings and in Policies.";
    PasswordFlowBlocked => FixInSalesforce, SalesforceAdministrator, "Use client credentials or JWT bearer instead. Until 2027-02-20: Setup > OAuth and OpenID Connect Settings > Allow OAuth Username-Password Flows; this is not possible in orgs made since Summer '26.";
    GrantTypeNotSupported => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Settings > OAuth Settings > Flow Enablement, enable the flow. Or choose another auth method.";
    NoValidScopes => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Settings > OAuth Settings > OAuth Scopes, add Manage user data via APIs (api).";
    ScopeInvalid => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Settings > OAuth Settings > OAuth Scopes, add the scope, or do not ask for it.";
    RefreshTokenScopeRequired => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Settings > OAuth Settings > OAuth Scopes, add Perform requests at any time (refresh_token, offline_access). Then pre-authorize the user.";
    RedirectUriMismatch => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Settings > OAuth Settings > Callback URL: add the exact address.";
    DpopRequired => FixInSalesforce, SalesforceAdministrator, "In Setup > External Client App Manager > (app) > Settings, do not require DPoP for this app.";

    // The host.
    DomainNotSupported => InputMustChange, Developer, "Set host to the org's My Domain, for example acme.my.salesforce.com. Client credentials do not work on login.salesforce.com, test.salesforce.com or Setup and Lightning hosts.";
    HostNotAllowed => InputMustChange, ClusterAdministrator, "Use the org's My Domain host. To use a host outside Salesforce's own domains, ask the cluster administrator to allow it for this namespace with --allow-host.";
    InstanceUrlNotAllowed => Uncertain, ClusterAdministrator, "If the address is right, allow the host for this namespace with the operator's flag --allow-host. Otherwise, correct host.";
    HostNotFound => Uncertain, Developer, "Correct host: see Setup > My Domain > Current My Domain URL. A renamed or deleted org, or an expired scratch org, loses its name.";
    DnsUnavailable => Transient, ClusterAdministrator, "If it stays, check the cluster's DNS.";
    HostNotRouted => Uncertain, Developer, "Correct host: see Setup > My Domain > Current My Domain URL of the org. A deleted or expired scratch org has none.";
    InstanceAddressOutdated => Uncertain, Developer, "If it stays after a new login, set spec.host to Setup > My Domain > Current My Domain URL: the org has moved.";
    RedirectRefused => Uncertain, Developer, "Set spec.host to the host that the message names, if it is your org's: see Setup > My Domain > Current My Domain URL. If the message names none, look for a captive proxy between the cluster and Salesforce.";
    UnexpectedPage => Uncertain, Developer, "Correct host: it must be the My Domain or login host of an org, not a Lightning, Setup or web page host.";

    // The access token and API access.
    SessionExpired => RenewToken, Nobody, "Nothing to do: a new token is obtained. If it recurs at once, see Setup > Session Management for who ends the sessions, and Setup > Transaction Security Policies. If workloads are refused while the operator's test succeeds, see Setup > Session Settings > Lock sessions to the IP address from which they originated.";
    BadOauthToken => RenewToken, Nobody, "Nothing to do. The operator obtains a new token.";
    Unauthorized => RenewToken, Nobody, "Nothing to do at first. The operator obtains a new token. If it stays, check the proxies and firewalls between the cluster and Salesforce.";
    SessionNotValidForApi => FixInSalesforce, SalesforceAdministrator, "Add the scope api to the app. Check API Access Control (Use Any API Client), the profile's High Assurance setting and the IP relaxation of the app.";
    AppNotAttachedToAgent => FixInSalesforce, SalesforceAdministrator, "Attach the app to the agent in Setup > Agentforce Agents > (agent) > Connections.";
    MissingOauthToken => Bug, Maintainers, "Report this to the maintainers.";
    AuthHeaderInvalid => Bug, Maintainers, "Report this to the maintainers.";
    WrongOrg => Uncertain, Developer, "Check that host and credentials belong to the same org. After a sandbox refresh, authorize again.";
    IdentityUnknown => Uncertain, Developer, "Check that the user still exists in the org. After a sandbox refresh, authorize again.";
    ApiDisabled => FixInSalesforce, SalesforceAdministrator, "Give the user API Enabled (profile or permission set > System Permissions). Check that the org's edition includes the API.";
    ApiDisabledForUser => FixInSalesforce, SalesforceAdministrator, "Give the user API Enabled: profile or permission set > System Permissions.";
    LimitsNotVisible => FixInSalesforce, SalesforceAdministrator, "To show limits, give the user View Setup and Configuration. Nothing else needs it.";
    ObjectNotReadable => FixInSalesforce, SalesforceAdministrator, "Give the user read access to the object, or leave it. The connection works without the org's facts.";
    InsufficientAccess => FixInSalesforce, SalesforceAdministrator, "Give the user the missing permission by a permission set.";
    FunctionalityNotEnabled => FixInSalesforce, SalesforceAdministrator, "Enable the named feature in Setup, or ask Salesforce for it.";
    TransactionSecurityBlocked => FixInSalesforce, SalesforceAdministrator, "Setup > Transaction Security Policies: find the policy that blocks API calls of this user, or demands multi-factor authentication, and exempt the user.";
    MutualTlsRequired => FixInSalesforce, SalesforceAdministrator, "Remove the permission Enforce SSL/TLS Mutual Authentication from the user: Setup > Profiles or Permission Sets > System Permissions.";
    ForbiddenByNetwork => Uncertain, ClusterAdministrator, "Check proxies and firewalls between the cluster and Salesforce, and the org's network rules for the cluster's egress address.";

    // Limits.
    LoginRateExceeded => Transient, Developer, "Find the program that logs in again and again in Setup > Users > (user) > Login History, stop it, and wait an hour. OAuth logins count: 3,600 an hour for each user.";
    ApiLimitExceeded => Transient, SalesforceAdministrator, "See Setup > Company Information > API Requests, Last 24 Hours. Stop the program that makes the most calls, or buy more calls.";
    ConcurrentRequestLimitExceeded => Transient, SalesforceAdministrator, "Reduce long-running calls (20 seconds and more) in the org.";
    TooManyRequests => Transient, Nobody, "Nothing to do. The operator retries later.";
    SlowDown => Transient, Nobody, "Nothing to do. The operator retries later.";

    // Failures inside Salesforce.
    SalesforceUnknownError => Transient, Nobody, "Nothing to do if it passes. Otherwise, see status.salesforce.com.";
    SalesforceServerError => Transient, Nobody, "Nothing to do if it passes. Otherwise, see status.salesforce.com.";
    SalesforceUnavailable => Transient, Nobody, "Nothing to do if it passes; see status.salesforce.com for maintenance windows.";
    SalesforceDown => Transient, Nobody, "Nothing to do; see status.salesforce.com.";
    MaintenancePage => Transient, Nobody, "Nothing to do. See status.salesforce.com for maintenance windows.";
    BadGateway => Transient, Nobody, "Nothing to do if it passes. Otherwise, see status.salesforce.com.";
    GatewayTimeout => Transient, Nobody, "Nothing to do if it passes. Otherwise, see status.salesforce.com.";
    UnreadableAnswer => Uncertain, Maintainers, "Check that nothing between cluster and Salesforce rewrites answers. Otherwise, report this to the maintainers.";
    AnswerTooLarge => Uncertain, Maintainers, "Check that host is the org's My Domain. Otherwise, report this to the maintainers.";

    // The way there.
    ConnectionFailed => Transient, ClusterAdministrator, "If it stays, check the cluster's egress rules, proxies and NetworkPolicies for port 443.";
    ConnectTimedOut => Transient, ClusterAdministrator, "If it stays, check the cluster's egress rules, proxies and NetworkPolicies for port 443.";
    TlsFailed => Uncertain, ClusterAdministrator, "If a proxy intercepts TLS, give its CA to the operator with --ca-file. Otherwise, the host is not who it claims to be.";
    ProxyRefused => Uncertain, ClusterAdministrator, "Check HTTPS_PROXY, NO_PROXY and the proxy's rules for the host.";
    TimedOut => Transient, Nobody, "Nothing to do if it passes. Otherwise, see status.salesforce.com and check the network between the cluster and Salesforce.";
    ConnectionLost => Transient, Nobody, "Nothing to do if it passes. Otherwise, check proxies and firewalls between the cluster and Salesforce.";

    // What should not happen.
    ScopeParameterNotSupported => Bug, Maintainers, "Report this to the maintainers.";
    CodeChallengeMissing => Bug, Maintainers, "Report this to the maintainers.";
    RedirectUriMissing => Bug, Maintainers, "Report this to the maintainers.";
    TokenTypeNotSupported => Bug, Maintainers, "Nothing to do if the token was revoked already. Otherwise, report this to the maintainers.";
    TokenInvalid => InputMustChange, Nobody, "Nothing to do. The token is dead already.";
    ResourceNotFound => Bug, Developer, "Check that the API version exists in this org. Otherwise, report this to the maintainers.";
    ApiVersionRetired => Bug, Developer, "Use a current API version, v60.0 or later.";
    QueryRefused => Bug, Maintainers, "Report this to the maintainers.";
    RequestTooLarge => Bug, Maintainers, "Report this to the maintainers.";
    RequestMalformed => Bug, Maintainers, "Report this to the maintainers.";
    RequestNotBuilt => Bug, Maintainers, "Report this to the maintainers.";
    UnknownRefusal => Uncertain, Maintainers, "Read the message. If it names a setting, correct it, and report the text to the maintainers.";
}

#[cfg(test)]
mod tests {
    use salesforce_client::{GrantKind, classify};

    use super::*;

    #[test]
    fn a_dead_grant_waits_for_its_input_and_a_dead_session_is_renewed() {
        let class = |refusal| guidance(refusal).class;
        assert_eq!(class(Refusal::RefreshTokenExpired), Class::InputMustChange);
        assert_eq!(class(Refusal::SessionExpired), Class::RenewToken);
        assert_eq!(class(Refusal::SessionNotValidForApi), Class::FixInSalesforce);
    }

    #[test]
    fn an_unknown_answer_never_counts_as_a_dead_grant() {
        let grants = [
            GrantKind::ClientCredentials,
            GrantKind::JwtBearer,
            GrantKind::RefreshToken,
            GrantKind::Password,
            GrantKind::AuthorizationCode,
        ];
        for status in 100..600 {
            for body in [
                &b""[..],
                b"{}",
                b"[]",
                b"<html>",
                b"words",
                br#"{"error":"x"}"#,
                br#"[{"errorCode":"X"}]"#,
            ] {
                for grant in grants.map(Some).into_iter().chain([None]) {
                    let refusal = classify(grant, status, None, body);
                    assert_ne!(
                        guidance(refusal).class,
                        Class::InputMustChange,
                        "{status} {grant:?} {refusal}"
                    );
                }
            }
        }
    }
}
