//! Where is the key of the keyed digests? In a Secret of the operator's namespace, created once.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use ring::rand::{SecureRandom, SystemRandom};

use crate::api::names;
use crate::core::model::digest::DigestKey;
use crate::error_chain::chain;
use crate::shell::kubernetes::own_secret;

const KEY: &str = "key";
const KEY_BYTES: usize = 32;
/// How long to wait for the API server, or for the namespace and rights that an installation makes in parallel.
const RETRY: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum DigestKeyError {
    #[error("Secret \"{namespace}/{name}\" contains no key of at least {KEY_BYTES} bytes; restore it from a backup", name = names::DIGEST_KEY_SECRET)]
    Unusable { namespace: String },
    /// The Secret is gone, and what was written with its key is not. A new key would know none of the refresh tokens that
    /// are spent.
    #[error(
        "Secret \"{namespace}/{name}\" is missing, but Secrets of the operator depend on it: restore it from a backup. Without \
         a backup, delete the Secrets with the label {purpose} in that namespace and re-authorize every connector that uses \
         authorizationCode",
        name = names::DIGEST_KEY_SECRET,
        purpose = names::PURPOSE
    )]
    Lost { namespace: String },
    #[error("the system provides no random numbers")]
    Random,
}

/// Reads the key, or creates it. Waits for as long as Kubernetes does not let us: there is nothing to do before.
pub async fn read_or_create(client: &Client, namespace: &str) -> Result<DigestKey, DigestKeyError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    loop {
        let found = match api.get_opt(names::DIGEST_KEY_SECRET).await {
            Ok(Some(secret)) => return usable(&secret, namespace),
            Ok(None) => match depends_on_a_key(&api).await {
                Ok(true) => {
                    return Err(DigestKeyError::Lost {
                        namespace: namespace.to_owned(),
                    });
                }
                Ok(false) => api.create(&PostParams::default(), &new_secret()?).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        match found {
            Ok(secret) => return usable(&secret, namespace),
            // Another replica was faster: read what it made.
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => {
                tracing::warn!(namespace, error = %chain(&error), "Waiting for the operator's digest key");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Whether there is anything that was written with a key.
async fn depends_on_a_key(api: &Api<Secret>) -> kube::Result<bool> {
    let purposes = [names::STATE, names::LEDGER, names::REFUSED_PASSWORD].join(", ");
    let written = format!("{} in ({purposes})", names::PURPOSE);
    let list = ListParams::default().labels(&written).limit(1);
    Ok(!api.list_metadata(&list).await?.items.is_empty())
}

fn usable(secret: &Secret, namespace: &str) -> Result<DigestKey, DigestKeyError> {
    let bytes = secret.data.as_ref().and_then(|data| data.get(KEY));
    match bytes {
        Some(ByteString(bytes)) if bytes.len() >= KEY_BYTES => Ok(DigestKey::new(bytes)),
        Some(_) | None => Err(DigestKeyError::Unusable {
            namespace: namespace.to_owned(),
        }),
    }
}

fn new_secret() -> Result<Secret, DigestKeyError> {
    let mut bytes = vec![0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| DigestKeyError::Random)?;
    let data = [(KEY.to_owned(), bytes)];
    Ok(own_secret::labelled(names::DIGEST_KEY_SECRET, "digest-key", data))
}
