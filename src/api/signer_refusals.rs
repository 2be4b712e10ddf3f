//! What does the operator say about each refusal by a signer: when to try again, who acts, and the remedy?
//!
//! [`SignerRefusal::meaning`] says what happened.

use transit_client::SignerRefusal;

use super::refusals::{Actor, Class};

/// When it is worth trying again. Salesforce has heard nothing, so nothing is final.
pub(super) const fn class(refusal: SignerRefusal) -> Class {
    match refusal {
        SignerRefusal::SignerUnreachable
        | SignerRefusal::SignerSealed
        | SignerRefusal::SignerFailed
        | SignerRefusal::SignerBusy => Class::Transient,
        SignerRefusal::SignerTlsFailed
        | SignerRefusal::SignerForbidden
        | SignerRefusal::SignerKeyNotFound
        | SignerRefusal::SignerKeyVersionUnavailable
        | SignerRefusal::SignerKeyUnsuitable
        | SignerRefusal::SignerAnswerInvalid
        | SignerRefusal::SignerRefused => Class::Uncertain,
    }
}

/// Who can remove the cause.
pub(super) const fn actor(refusal: SignerRefusal) -> Actor {
    match refusal {
        SignerRefusal::SignerUnreachable | SignerRefusal::SignerTlsFailed => Actor::ClusterAdministrator,
        SignerRefusal::SignerSealed
        | SignerRefusal::SignerFailed
        | SignerRefusal::SignerForbidden
        | SignerRefusal::SignerAnswerInvalid
        | SignerRefusal::SignerRefused => Actor::SignerAdministrator,
        SignerRefusal::SignerBusy => Actor::Nobody,
        SignerRefusal::SignerKeyNotFound
        | SignerRefusal::SignerKeyVersionUnavailable
        | SignerRefusal::SignerKeyUnsuitable => Actor::Developer,
    }
}

/// What to do about it.
pub(super) const fn remedy(refusal: SignerRefusal) -> &'static str {
    match refusal {
        SignerRefusal::SignerUnreachable => {
            "If it stays, check that the signer runs, and check the cluster's DNS, egress rules, proxies and NetworkPolicies for its address."
        }
        SignerRefusal::SignerTlsFailed => {
            "Give the CA of the signer's certificate to the operator: flag --signer-ca-file, or value signerCaBundle of its chart. Check that the certificate names the host of spec.auth.jwtBearer.signer.vaultTransit.address and has not expired."
        }
        SignerRefusal::SignerSealed => {
            "Unseal the signer (vault operator unseal, or bao operator unseal). If it is a standby node, give the address of the active one, or of the load balancer."
        }
        SignerRefusal::SignerFailed => "If it stays, read the log of the signer.",
        SignerRefusal::SignerBusy => {
            "Nothing to do if it passes. Otherwise, raise the rate limit quota of the signer."
        }
        SignerRefusal::SignerForbidden => {
            "Check that the token in the Secret of tokenRef has not expired, and that its policy grants update on MOUNT/sign/KEY/sha2-256 with the mount, keyName and namespace of the connector: the signer answers the same for a path that does not exist and that the policy does not name. A new token in the Secret is tried at once."
        }
        SignerRefusal::SignerKeyNotFound => {
            "Correct keyName, mount and namespace in spec.auth.jwtBearer.signer.vaultTransit, or create the key with vault write -f MOUNT/keys/KEY type=rsa-2048."
        }
        SignerRefusal::SignerKeyVersionUnavailable => {
            "Set keyVersion to a version that the key has (vault read MOUNT/keys/KEY) and that is not below its min_encryption_version, or remove keyVersion to use the latest one."
        }
        SignerRefusal::SignerKeyUnsuitable => {
            "Create a key of type rsa-2048, rsa-3072 or rsa-4096 under another name, upload its certificate to the app, and set keyName."
        }
        SignerRefusal::SignerAnswerInvalid => {
            "Check that spec.auth.jwtBearer.signer.vaultTransit.address is the signer itself. The operator follows no redirect: give the address of the active node, or of the load balancer."
        }
        SignerRefusal::SignerRefused => {
            "Read the audit log of the signer. If it names a setting, correct it."
        }
    }
}
