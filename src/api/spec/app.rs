//! With which credentials does the operator log in? The doc comments are what `kubectl explain` prints.

#![expect(
    clippy::struct_field_names,
    reason = "client id and client secret are the terms of RFC 6749"
)]
#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use kube::KubeSchema;
use kube::core::Duration;
use serde::{Deserialize, Serialize};

use super::rules;
use super::secret_key_ref::SecretKeyRef;

/// The external client app or connected app.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.clientId) != has(self.clientIdRef)").message("exactly one of clientId and clientIdRef must be set"))]
#[x_kube(validation = Rule::new("!has(self.previousCredentials) || has(self.clientSecretRef) == has(self.previousCredentials.clientSecretRef)").message("app.previousCredentials.clientSecretRef must be set if app.clientSecretRef is set, and only then").field_path(".previousCredentials.clientSecretRef"))]
#[x_kube(validation = Rule::new("!has(self.rotation) || (has(self.clientIdRef) && has(self.clientSecretRef) && self.clientIdRef.name == self.clientSecretRef.name && self.clientIdRef.key != self.clientSecretRef.key)").message("app.rotation needs app.clientIdRef and app.clientSecretRef, which name two keys of one Secret: a rotation changes the consumer key and the secret together").field_path(".rotation"))]
#[x_kube(validation = Rule::new("!has(self.rotation) || !has(self.previousCredentials)").message("app.rotation and app.previousCredentials are mutually exclusive: the operator keeps the previous credentials itself").field_path(".previousCredentials"))]
pub struct AppSpec {
    /// Consumer key (client ID) of the app. Mutually exclusive with clientIdRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = rules::no_white_space("app.clientId"))]
    pub client_id: Option<String>,

    /// Key of a Secret that holds the consumer key. Mutually exclusive with clientId. The operator never shows the
    /// value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id_ref: Option<SecretKeyRef>,

    /// Key of a Secret that holds the consumer secret. Required with auth.clientCredentials and auth.password. With
    /// auth.jwtBearer it is optional and lets the operator ask Salesforce when a token expires. With
    /// auth.authorizationCode, omit it only if the app does not require a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_ref: Option<SecretKeyRef>,

    /// Credentials of the same app from before a rotation. The operator logs in with them if Salesforce refuses
    /// the current ones: clientId or clientIdRef, and clientSecretRef. The Ready message says when you can remove them. Not
    /// available with auth.authorizationCode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_credentials: Option<PreviousCredentialsSpec>,

    /// Rotate the consumer key and secret of a local external client app at an interval. Requires clientIdRef and clientSecretRef in
    /// one Secret, auth.clientCredentials or auth.jwtBearer, and an operator that may rotate credentials. The first rotation takes
    /// place as soon as the token is tested. The operator writes the new credentials to that Secret if its annotation
    /// salesforce-connector.dev/rotated-by names the connector, and otherwise keeps them itself. Let one connector rotate an app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<CredentialRotationSpec>,
}

/// Rotation of the app's credentials by the operator.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CredentialRotationSpec {
    /// ID of the external client app, which begins with 0x: field identifier of /services/data/v65.0/apps/oauth/usage. The user of
    /// the token needs the permissions External Client App Developer and View Client Secret.
    #[schemars(length(max = 18))]
    #[x_kube(validation = Rule::new("self.matches('^0x[a-zA-Z0-9]{13}([a-zA-Z0-9]{3})?$')").message("app.rotation.appId must have 15 or 18 letters and digits and begin with 0x: it is the ID of the external client app, not the consumer key"))]
    pub app_id: String,

    /// Time between two rotations: 744h (31 days) to 8760h. Salesforce ends the former credentials 30 days after a rotation, and
    /// can't stage new ones before. Default: 2160h (90 days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("app.rotation.interval", "744h", "8760h"))]
    pub interval: Option<Duration>,
}

/// Credentials of the app from before a rotation. A value that is not set is the same as the current one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.clientId) || !has(self.clientIdRef)").message("at most one of clientId and clientIdRef can be set"))]
#[x_kube(validation = Rule::new("has(self.clientId) || has(self.clientIdRef) || has(self.clientSecretRef)").message("at least one of clientId, clientIdRef and clientSecretRef must be set"))]
pub struct PreviousCredentialsSpec {
    /// Previous consumer key. Set it for an external client app, whose rotation changes both values. Default: the current
    /// consumer key, as for a connected app, whose rotation changes the secret only. Mutually exclusive with clientIdRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = rules::no_white_space("app.previousCredentials.clientId"))]
    pub client_id: Option<String>,

    /// Key of a Secret that holds the previous consumer key. Mutually exclusive with clientId. The operator never shows
    /// the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id_ref: Option<SecretKeyRef>,

    /// Key of a Secret that holds the previous consumer secret. Required if app.clientSecretRef is set, and only
    /// allowed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_ref: Option<SecretKeyRef>,
}
