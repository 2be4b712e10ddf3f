//! Where is the key of the keyed digests? In a Secret of the operator's namespace, with an id; made where there is none.
//!
//! Whoever loses or replaces the key loses what was written with it: which bootstrap tokens are spent, which passwords were
//! refused. The id tells such records from those of the key in use. It is random, and a check beside it tells a key that was
//! replaced alone.

use std::fmt::Write as _;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::api::names;
use crate::core::model::digest::DigestKey;
use crate::error_chain::chain;
use crate::shell::kubernetes::own_secret;

const KEY: &str = "key";
const KEY_BYTES: usize = 32;
const ID: &str = "id";
const ID_BYTES: usize = 4;
const CHECK: &str = "check";
/// How long to wait for the API server, or for the namespace and rights that an installation makes in parallel.
const RETRY: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
#[error("the system provides no random numbers")]
pub struct NoRandomNumbers;

/// Reads the key, or makes one. Waits for as long as Kubernetes does not let us: there is nothing to do before.
pub async fn read_or_create(client: &Client, namespace: &str) -> Result<DigestKey, NoRandomNumbers> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    loop {
        let found = match api.get_opt(names::DIGEST_KEY_SECRET).await {
            Ok(Some(secret)) => match usable(&secret) {
                Some(key) => return Ok(key),
                None => replace(&api, &secret).await?,
            },
            Ok(None) => create(&api).await?,
            Err(error) => Err(error),
        };
        match found {
            Ok(()) => {}
            // Another replica was faster: read what it made.
            Err(kube::Error::Api(status)) if status.is_already_exists() || status.is_conflict() => {}
            Err(error) => {
                tracing::warn!(namespace, error = %chain(&error), "Waiting for the operator's digest key");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn create(api: &Api<Secret>) -> Result<kube::Result<()>, NoRandomNumbers> {
    let secret = with_key(random::<KEY_BYTES>()?.to_vec())?;
    match depends_on_a_key(api).await {
        Ok(true) => {
            tracing::error!(
                secret = names::DIGEST_KEY_SECRET,
                "The digest key is gone, and the operator makes a new one. It imports bootstrap tokens only if Salesforce reports that they are active. Restore the Secret from a backup if you have one, and restart the operator"
            );
        }
        Ok(false) => {}
        Err(error) => return Ok(Err(error)),
    }
    Ok(api.create(&PostParams::default(), &secret).await.map(drop))
}

/// A key that somebody else has put there is used under an id of its own. What can't be a key is replaced.
async fn replace(api: &Api<Secret>, found: &Secret) -> Result<kube::Result<()>, NoRandomNumbers> {
    tracing::error!(
        secret = names::DIGEST_KEY_SECRET,
        "Somebody has replaced the digest key. The operator imports bootstrap tokens only if Salesforce reports that they are active. Restore the Secret from a backup if you have one, and restart the operator"
    );
    let key = match value(found, KEY) {
        Some(key) if key.len() >= KEY_BYTES => key.to_vec(),
        Some(_) | None => random::<KEY_BYTES>()?.to_vec(),
    };
    let mut secret = with_key(key)?;
    secret
        .metadata
        .resource_version
        .clone_from(&found.metadata.resource_version);
    let name = names::DIGEST_KEY_SECRET;
    Ok(api.replace(name, &PostParams::default(), &secret).await.map(drop))
}

/// Whether there is anything that was written with a key.
async fn depends_on_a_key(api: &Api<Secret>) -> kube::Result<bool> {
    let purposes = [names::STATE, names::LEDGER, names::REFUSED_PASSWORD].join(", ");
    let written = format!("{} in ({purposes})", names::PURPOSE);
    let list = ListParams::default().labels(&written).limit(1);
    Ok(!api.list_metadata(&list).await?.items.is_empty())
}

/// The key under the id that it was made with.
fn usable(secret: &Secret) -> Option<DigestKey> {
    let key = value(secret, KEY).filter(|key| key.len() >= KEY_BYTES)?;
    let id = std::str::from_utf8(value(secret, ID)?).ok()?;
    let is_id = id.len() == 2 * ID_BYTES && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && value(secret, CHECK)? == check(key, id)).then(|| DigestKey::new(id, key))
}

fn value<'a>(secret: &'a Secret, key: &str) -> Option<&'a [u8]> {
    let ByteString(bytes) = secret.data.as_ref()?.get(key)?;
    Some(bytes)
}

/// Stands beside the key and nowhere else.
fn check(key: &[u8], id: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("id:{id}").as_bytes());
    tag.as_ref().to_vec()
}

fn with_key(key: Vec<u8>) -> Result<Secret, NoRandomNumbers> {
    let id = random::<ID_BYTES>()?
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
    let data = [(CHECK, check(&key, &id)), (ID, id.into_bytes()), (KEY, key)];
    let data = data.map(|(name, value)| (name.to_owned(), value));
    Ok(own_secret::labelled(names::DIGEST_KEY_SECRET, "digest-key", data))
}

fn random<const N: usize>() -> Result<[u8; N], NoRandomNumbers> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| NoRandomNumbers)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(secret: &Secret) -> Option<String> {
        usable(secret).map(|key| key.ledger().id().to_owned())
    }

    #[test]
    fn a_key_that_was_replaced_without_its_id_is_not_taken_for_the_one_before() {
        let secret = with_key(vec![7; KEY_BYTES]).unwrap();
        let first = id(&secret).unwrap();
        assert_eq!(first.len(), 2 * ID_BYTES);
        for (name, edited) in [
            (KEY, vec![8; KEY_BYTES]),
            (KEY, vec![7; KEY_BYTES - 1]),
            (ID, b"0badcafe".to_vec()),
            (ID, b"x".to_vec()),
            (CHECK, Vec::new()),
        ] {
            let mut other = secret.clone();
            other
                .data
                .as_mut()
                .unwrap()
                .insert(name.to_owned(), ByteString(edited));
            assert_eq!(id(&other), None, "{name}");
        }
        assert_eq!(id(&Secret::default()), None);
        assert_ne!(id(&with_key(vec![7; KEY_BYTES]).unwrap()), Some(first));
    }
}
