//! What are the labels, annotations and fixed object names called? Each string stands here once.

/// API group of the resource; also the prefix of every label and annotation that the operator owns.
pub const GROUP: &str = "salesforce-connector.dev";
/// Where users read the pages under `docs/`: `{DOCS_URL}/reasons` is `docs/reasons.md`. A placeholder until the site that
/// `make docs` makes is served somewhere (`docs/decisions/0025-public-names.md`). Doc comments of the API repeat it, as they
/// can't name a constant.
pub const DOCS_URL: &str = "https://salesforce-connector.dev/docs";

/// Field manager of every write.
pub const FIELD_MANAGER: &str = "salesforce-connector-operator";

/// On a connector: any new value requests a connection test now. A test never obtains a token: without one, the result is
/// a failed test that says why. While the connector is suspended, the request waits.
pub const TEST_REQUESTED_AT: &str = "salesforce-connector.dev/test-requested-at";
/// On a connector: any new value requests a new token now, even after a permanent failure.
pub const RENEW_REQUESTED_AT: &str = "salesforce-connector.dev/renew-requested-at";

/// On a connector: name of a Secret in the same namespace that holds the authorization code of a login. The operator redeems it
/// once, and deletes the Secret.
pub const LOGIN_SECRET: &str = "salesforce-connector.dev/login-secret";
/// Type of such a Secret.
pub const LOGIN_SECRET_TYPE: &str = "salesforce-connector.dev/login";
/// Key in such a Secret: the authorization code.
pub const LOGIN_CODE: &str = "code";
/// Key in such a Secret: the PKCE code verifier.
pub const LOGIN_CODE_VERIFIER: &str = "code-verifier";
/// Key in such a Secret: the callback URL of the login, exactly as it was.
pub const LOGIN_REDIRECT_URI: &str = "redirect-uri";

/// Key in such a Secret: the one-time key of a link to the callback page. While it stands there without a code, the login waits
/// for a browser.
pub const LOGIN_LINK_KEY: &str = "link-key";
/// Key in such a Secret: the `state` that the callback page sent the browser out with.
pub const LOGIN_STATE: &str = "state";
/// Key in such a Secret: what Salesforce answered the callback page in place of a code, as JSON in the form of OAuth.
pub const LOGIN_ERROR: &str = "error";

/// Label on every Secret that the operator writes; the admission policy of the chart looks at it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "salesforce-connector-operator";
/// Label on a consumer's Secret: the connector's name.
pub const CONNECTOR_LABEL: &str = "salesforce-connector.dev/connector";

/// On a consumer's Secret: uid of the connector that owns it. This, not the owner reference, decides ownership.
pub const CONNECTOR_UID: &str = "salesforce-connector.dev/connector-uid";
/// On a consumer's Secret: when the token was issued (RFC 3339).
pub const ISSUE_TIME: &str = "salesforce-connector.dev/issue-time";
/// On a consumer's Secret: when the token is expected to expire (RFC 3339).
pub const EXPIRATION_TIME: &str = "salesforce-connector.dev/expiration-time";
/// On a consumer's Secret: the source of the expiration time.
pub const EXPIRY_SOURCE: &str = "salesforce-connector.dev/expiry-source";
/// On a consumer's Secret: whether the operator renews the token before it expires or when it expires.
pub const RENEWAL: &str = "salesforce-connector.dev/renewal";
/// On a consumer's Secret: base URL of REST calls.
pub const INSTANCE_URL: &str = "salesforce-connector.dev/instance-url";
/// On a consumer's Secret: `organization id/user id` of the token.
pub const IDENTITY: &str = "salesforce-connector.dev/identity";
/// On a consumer's Secret: scopes of the token, separated by spaces.
pub const SCOPES: &str = "salesforce-connector.dev/scopes";
/// On a consumer's Secret: keyed digest of the inputs that the token was obtained with.
pub const INPUTS_DIGEST: &str = "salesforce-connector.dev/inputs-digest";
/// On a consumer's Secret: keyed digest of the token, to detect an edited Secret.
pub const TOKEN_DIGEST: &str = "salesforce-connector.dev/token-digest";
/// On a consumer's Secret: serial of the stored grant that it was derived from (authorizationCode only).
pub const SERIAL: &str = "salesforce-connector.dev/serial";

/// On a Secret with a copy of a token: uid of the `SalesforceTokenCopy` that it was made for. This decides whose it is.
pub const TOKEN_COPY_UID: &str = "salesforce-connector.dev/token-copy-uid";
/// On a Secret with a copy of a token: uid of the connector that the token came from.
pub const COPIED_FROM_UID: &str = "salesforce-connector.dev/copied-from-uid";

/// On a Secret that a connector names: names of the connectors that may write their app's credentials there, separated by commas.
pub const ROTATED_BY: &str = "salesforce-connector.dev/rotated-by";

/// On a workload: names of the connectors that may restart it, separated by commas.
pub const RESTARTED_BY: &str = "salesforce-connector.dev/restarted-by";
/// On the pod template of a workload: prefix of the annotation of a restart, followed by the connector's name. Its value is the
/// issue time of the token that the workload was restarted for.
pub const RESTART_PREFIX: &str = "restart.salesforce-connector.dev/";

/// Prefixes of label and annotation keys that a user may not put on the consumer's Secret: those of Kubernetes, of the
/// operator, and of controllers that copy Secrets, or act on what a Secret says.
pub const RESERVED_KEY_DOMAINS: [&str; 9] = [
    "kubernetes.io",
    "k8s.io",
    "argoproj.io",
    "helm.sh",
    "fluxcd.io",
    "emberstack.com",
    "mittwald.de",
    "external-secrets.io",
    GROUP,
];

/// In the operator's namespace: the Lease of leader election.
pub const LEASE: &str = "salesforce-connector-operator";
/// On the Lease where replicas that share the work show that they are there: prefix of their annotations, followed by the hash of
/// a replica's name.
pub const REPLICA_PREFIX: &str = "replica.salesforce-connector.dev/";
/// In the operator's namespace: the Secret with the random key of all keyed digests.
pub const DIGEST_KEY_SECRET: &str = "salesforce-connector-digest-key";
/// In the operator's namespace: prefix of the Secrets that hold refresh tokens, followed by the connector's uid.
pub const STATE_PREFIX: &str = "sfc-state-";
/// In the operator's namespace: prefix of the Secrets with what is remembered of the rotations of an app's credentials, followed by
/// the connector's uid.
pub const ROTATION_PREFIX: &str = "sfc-rotation-";
/// Value of [`PURPOSE`]: what is remembered of rotations.
pub const ROTATION: &str = "rotation";
/// In the operator's namespace: prefix of the Secrets by which an administrator brings a refresh token from another cluster, followed
/// by the uid that the connector has here.
pub const MOVED_PREFIX: &str = "sfc-moved-";
/// Value of [`PURPOSE`]: such a token.
pub const MOVED: &str = "moved-grant";
/// Key in such a Secret: the refresh token.
pub const MOVED_TOKEN: &str = "refresh-token";
/// In the operator's namespace: prefix of the ledger of bootstrap tokens, followed by `ledger-` and a keyed digest.
pub const LEDGER_PREFIX: &str = "sfc-";
/// In the operator's namespace: prefix of the memory of refused passwords, followed by a keyed digest of the username.
pub const REFUSED_PASSWORD_PREFIX: &str = "sfc-refused-password-";
/// In the operator's namespace: label that says what a Secret of the operator holds.
pub const PURPOSE: &str = "salesforce-connector.dev/purpose";
/// Value of [`PURPOSE`]: the stored grants of a connector.
pub const STATE: &str = "state";
/// On a stored grant: login host to revoke it at before it is removed; absent if it is not to be revoked.
pub const REVOKE_AT: &str = "salesforce-connector.dev/revoke-at";
/// Value of [`PURPOSE`]: an entry of the ledger of bootstrap tokens.
pub const LEDGER: &str = "ledger";
/// Value of [`PURPOSE`]: the memory of a user's refused passwords.
pub const REFUSED_PASSWORD: &str = "refused-password";
/// Label in the operator's namespace, on what is counted by the namespace whose connector it was written for.
pub const NAMESPACE_LABEL: &str = "salesforce-connector.dev/namespace";
/// Label on a ledger entry: uid of the connector that may import the token.
pub const CONNECTOR_UID_LABEL: &str = "salesforce-connector.dev/connector-uid";
/// Label on a ledger entry: how far the import has come.
pub const PHASE_LABEL: &str = "salesforce-connector.dev/phase";
/// Value of [`PHASE_LABEL`] for the authorization code of a login.
pub const PHASE_OF_CODE: &str = "code";
/// Label on a ledger entry: id of the digest key that it was written with.
pub const KEY_ID_LABEL: &str = "salesforce-connector.dev/key-id";
/// Label on a ledger entry: day of its last write, in UTC.
pub const DAY_LABEL: &str = "salesforce-connector.dev/day";
/// On the memory of refused passwords: when a password was last sent (RFC 3339).
pub const LAST_ATTEMPT_TIME: &str = "salesforce-connector.dev/last-attempt-time";
/// On a stored grant or a ledger entry: when its connector was first found to be gone (RFC 3339).
pub const GONE_SINCE: &str = "salesforce-connector.dev/gone-since";

/// Whether an object of the API server can have this name, so that it leads to no other path.
pub fn is_object_name(name: &str) -> bool {
    let label = |label: &str| {
        let inner = label
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Name of the consumer's Secret if `spec.secret.name` is not set.
pub fn default_secret_name(connector: &str) -> String {
    format!("{connector}-salesforce")
}

/// Name of the ConfigMap with the details of a connector's inventory.
pub fn inventory_config_map_name(connector: &str) -> String {
    format!("{connector}-inventory")
}

/// Name of the Secret with the stored grants of the connector of that uid.
pub fn state_name(uid: &str) -> String {
    format!("{STATE_PREFIX}{uid}")
}

/// Name of the Secret with what is remembered of the rotations of the connector of that uid.
pub fn rotation_name(uid: &str) -> String {
    format!("{ROTATION_PREFIX}{uid}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_would_lead_elsewhere_in_an_address_is_no_name() {
        assert!(is_object_name("crm-salesforce") && is_object_name("a.b-1"));
        for text in [
            "", "..", "a/b", "a?b", "a#b", "a%2fb", "A", "-a", "a-", "a..b", "a\n",
        ] {
            assert!(!is_object_name(text), "{text}");
        }
        assert!(!is_object_name(&"a".repeat(254)));
    }
}
