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
use serde::{Deserialize, Serialize};

use super::rules;
use super::secret_key_ref::SecretKeyRef;

/// The external client app or connected app.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.clientId) != has(self.clientIdRef)").message("exactly one of clientId and clientIdRef must be set"))]
#[x_kube(validation = Rule::new("!has(self.previousCredentials) || has(self.clientSecretRef) == has(self.previousCredentials.clientSecretRef)").message("app.previousCredentials.clientSecretRef must be set if app.clientSecretRef is set, and only then").field_path(".previousCredentials.clientSecretRef"))]
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
