//! What can go wrong with a call to Salesforce, as one closed list.
//!
//! How an answer is recognised as one of these, and where its behaviour was learned, stands in `classify.rs`.

macro_rules! refusals {
    ($(#[doc = $meaning:literal] $name:ident;)+) => {
        /// Why a call to Salesforce did not give what was asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Refusal { $(#[doc = $meaning] $name,)+ }

        impl Refusal {
            /// Every refusal, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name, for example `RefreshTokenExpired`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What happened, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning.trim_ascii(),)+ }
            }
        }
    };
}

refusals! {
    // The grant itself.
    /// Salesforce refused the username, password or security token.
    WrongPassword;
    /// Salesforce refused the login of this user without saying why.
    AuthenticationFailed;
    /// The refresh token is revoked, expired, already used, pushed out by the limit of five approvals, or from another org.
    RefreshTokenExpired;
    /// Another request is using the same refresh token at this moment.
    TokenRequestInProgress;
    /// The authorization code was used already, or is older than 15 minutes.
    AuthorizationCodeExpired;
    /// Salesforce does not know this authorization code.
    AuthorizationCodeInvalid;
    /// The PKCE code verifier does not belong to the challenge of this login.
    CodeVerifierInvalid;
    /// The user, or a policy, denied the authorization.
    AccessDenied;
    /// The JWT was out of date when it arrived: the clocks of client and Salesforce differ.
    AssertionExpired;
    /// The signature of the JWT does not fit the app's certificate, or the app has not spread through Salesforce yet.
    AssertionInvalid;
    /// The audience of the JWT does not fit the org.
    AudienceInvalid;

    // The private key, before anything is sent.
    /// The private key is encrypted with a passphrase.
    PrivateKeyEncrypted;
    /// The private key is not an RSA key; Salesforce accepts RS256 alone.
    PrivateKeyNotRsa;
    /// The private key can't be read as PEM of the form PKCS#8 or PKCS#1, or is shorter than 2048 bits.
    PrivateKeyInvalid;

    // Who may use the app.
    /// The user has not approved the app, and it is not pre-authorized for the user.
    UserNotApproved;
    /// The app is for admin-approved users, and this user is not among them.
    UserNotAdminApproved;
    /// The user is inactive.
    UserInactive;
    /// The user's password has expired.
    PasswordExpired;
    /// The org is locked, closed or suspended.
    OrgInactive;
    /// The address the request came from is not allowed.
    IpRestricted;
    /// The address the request came from, or the hour, is not allowed.
    IpOrLoginHoursRestricted;
    /// The developer of the app restricts where refresh tokens may be used from.
    IpRestrictedByAppDeveloper;
    /// The org or the app demands a high-assurance session.
    SessionLevelTooLow;

    // The app.
    /// Salesforce does not know this consumer key in this org, or does not know it yet.
    ClientIdInvalid;
    /// Salesforce refused the consumer secret.
    ClientSecretInvalid;
    /// The way the client id and secret were sent was not understood.
    ClientAuthenticationMalformed;
    /// The app is not installed in the org, which blocks uninstalled apps.
    AppNotInstalled;
    /// The external client app does not exist in the org behind this host.
    AppNotFound;
    /// The external client app or its OAuth plugin is switched off.
    AppDisabled;
    /// An administrator, or API Access Control, blocks the app.
    AppBlocked;
    /// Salesforce could not find out whether the app is blocked, and refused it to be safe.
    AppBlockCheckFailed;
    /// Salesforce could not approve the app for this user.
    AppApprovalFailed;
    /// The app has no policies in this org.
    AppPolicyMissing;
    /// The installation of the app in the org failed.
    AppInstallationFailed;
    /// The app's distribution state does not permit its use in this org.
    AppDistributionInvalid;
    /// The client credentials flow has no user to run as.
    RunAsUserMissing;
    /// The client credentials flow is not enabled for the app.
    ClientCredentialsFlowDisabled;
    /// The org or the app does not permit the username-password flow, which Salesforce retires on 2027-02-20.
    PasswordFlowBlocked;
    /// The app does not permit this kind of login.
    GrantTypeNotSupported;
    /// The app has no scope that this flow can use.
    NoValidScopes;
    /// A scope that was asked for is not among the app's scopes.
    ScopeInvalid;
    /// JWT bearer needs the scope for refresh tokens on the app, although it never returns a refresh token.
    RefreshTokenScopeRequired;
    /// The callback URL is not one of the app's.
    RedirectUriMismatch;
    /// The app requires DPoP-bound tokens, which this client does not support.
    DpopRequired;

    // The host.
    /// This host does not offer the requested login.
    DomainNotSupported;
    /// The host is not one of Salesforce's own, and not one that the settings allow.
    HostNotAllowed;
    /// Salesforce named an instance URL outside the allowed hosts; no token is sent there.
    InstanceUrlNotAllowed;
    /// The host has no address in DNS.
    HostNotFound;
    /// The name server did not answer.
    DnsUnavailable;
    /// Salesforce has no org for this host: it was deleted, has expired or has moved.
    HostNotRouted;
    /// The address is not that of the org: a login tells the right one.
    InstanceAddressOutdated;
    /// The host answered with a redirect, which is never followed.
    RedirectRefused;
    /// The host answered with a page instead of data.
    UnexpectedPage;

    // The access token and API access.
    /// The access token is expired or revoked.
    SessionExpired;
    /// Salesforce does not accept the access token.
    BadOauthToken;
    /// The request was answered 401 without a reason we know.
    Unauthorized;
    /// The token is alive, but not for the REST API; a new token does not help.
    SessionNotValidForApi;
    /// The app is not attached to the agent it is used for.
    AppNotAttachedToAgent;
    /// The request carried no token.
    MissingOauthToken;
    /// The authorization header was malformed.
    AuthHeaderInvalid;
    /// The token belongs to another org than the identity that was asked for.
    WrongOrg;
    /// The identity URL is not one that Salesforce knows.
    IdentityUnknown;
    /// The org's edition has no API, or the user lacks API Enabled.
    ApiDisabled;
    /// The user lacks API Enabled.
    ApiDisabledForUser;
    /// The user may not read the org's limits.
    LimitsNotVisible;
    /// The user may not read an object that was asked for.
    ObjectNotReadable;
    /// The user lacks a permission for this request.
    InsufficientAccess;
    /// A feature the request needs is not enabled in the org.
    FunctionalityNotEnabled;
    /// A Transaction Security policy of the org forbids the request.
    TransactionSecurityBlocked;
    /// The org demands mutual TLS of this user.
    MutualTlsRequired;
    /// The network, a proxy or a firewall forbids the request; the token is not at fault.
    ForbiddenByNetwork;

    // Limits.
    /// The user or app logs in too often: more than 3,600 times an hour.
    LoginRateExceeded;
    /// The org has used up its API calls of the last 24 hours.
    ApiLimitExceeded;
    /// Too many long-running calls at once in the org.
    ConcurrentRequestLimitExceeded;
    /// Salesforce turned the request away as one too many (HTTP 429).
    TooManyRequests;
    /// Salesforce asks to slow down.
    SlowDown;

    // Failures inside Salesforce.
    /// Salesforce failed for a reason it does not name.
    SalesforceUnknownError;
    /// Salesforce failed inside (HTTP 5xx).
    SalesforceServerError;
    /// Salesforce's service is unavailable.
    SalesforceUnavailable;
    /// Salesforce says that the system is down.
    SalesforceDown;
    /// Salesforce answers with a maintenance or overload page.
    MaintenancePage;
    /// Salesforce's edge could not reach the org's instance.
    BadGateway;
    /// Salesforce's edge, or a proxy, waited too long for an answer.
    GatewayTimeout;
    /// The answer could not be understood, although it claims success.
    UnreadableAnswer;
    /// The answer is larger than any such answer should be.
    AnswerTooLarge;

    // The way there.
    /// No connection could be made.
    ConnectionFailed;
    /// No connection could be made in time.
    ConnectTimedOut;
    /// The host's certificate is not trusted, or TLS failed otherwise.
    TlsFailed;
    /// The proxy refused the connection or demands a login.
    ProxyRefused;
    /// No answer came in time.
    TimedOut;
    /// The connection broke before the answer was complete.
    ConnectionLost;

    // What should not happen.
    /// The request carried a scope where Salesforce accepts none.
    ScopeParameterNotSupported;
    /// The login request carried no PKCE challenge.
    CodeChallengeMissing;
    /// The request carried no callback URL.
    RedirectUriMissing;
    /// What was sent to be examined or revoked is not a token that Salesforce knows.
    TokenTypeNotSupported;
    /// The token to be revoked is not valid any more.
    TokenInvalid;
    /// The resource does not exist at this address or in this API version.
    ResourceNotFound;
    /// The API version has been retired.
    ApiVersionRetired;
    /// The query was refused.
    QueryRefused;
    /// The address or the headers of the request are too long.
    RequestTooLarge;
    /// Salesforce did not accept the form of the request.
    RequestMalformed;
    /// The request could not be built.
    RequestNotBuilt;
    /// Salesforce refused for a reason this version does not know.
    UnknownRefusal;
}

impl Refusal {
    /// Whether it is the client that was refused: its id, its secret, or what it has signed. With other credentials, the same
    /// request may be granted.
    #[must_use]
    pub const fn is_of_client(self) -> bool {
        matches!(
            self,
            Self::ClientIdInvalid | Self::ClientSecretInvalid | Self::AssertionInvalid
        )
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
