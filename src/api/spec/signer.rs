//! What does a user declare of a signer, which has the private key of the JWT bearer flow?

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use super::secret_key_ref::SecretKeyRef;

/// Signer of assertions; exactly one field is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.vaultTransit)").message("exactly one kind of signer must be set: vaultTransit"))]
pub struct SignerSpec {
    /// Transit secrets engine of HashiCorp Vault or OpenBao.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_transit: Option<VaultTransitSpec>,
}

/// A key of the transit secrets engine of HashiCorp Vault or OpenBao.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VaultTransitSpec {
    /// Address of the server, such as `https://vault.example.com:8200`, without a path. The cluster administrator must allow
    /// it for the connector's namespace (flag --allow-signer of the operator, value allowSigners of its chart).
    #[schemars(length(min = 9, max = 300))]
    #[x_kube(validation = Rule::new("self.matches('^https://[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*(:[1-9][0-9]{0,4})?$')").message("address must be https://NAME or https://NAME:PORT, such as https://vault.example.com:8200, in lower case and without a path"))]
    pub address: String,
    /// Path where the transit secrets engine is mounted. Default: transit.
    #[serde(default = "default_mount")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = rules::path_segments("mount"))]
    pub mount: String,
    /// Name of the key. It must be an RSA key of at least 2048 bits (type rsa-2048, rsa-3072 or rsa-4096).
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$')").message("keyName must have letters, digits, -, _ and . only, and begin and end with a letter or digit"))]
    pub key_name: String,
    /// Version of the key that signs. Set it before you rotate the key, and change it once the certificate of the new
    /// version is uploaded to the app. Default: the latest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1").message("keyVersion must be 1 or more"))]
    pub key_version: Option<i32>,
    /// Namespace of the server that has the mount (header X-Vault-Namespace): a feature of OpenBao and Vault Enterprise.
    /// Default: that of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = rules::path_segments("namespace"))]
    pub namespace: Option<String>,
    /// Key of a Secret that holds a token of the server with the policy to sign with this key. The operator does not renew
    /// the token: whoever writes the Secret does. A changed token does not cause a login.
    pub token_ref: SecretKeyRef,
}

fn default_mount() -> String {
    "transit".to_owned()
}
