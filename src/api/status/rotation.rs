//! What became of the rotations of the app's credentials, as the status shows it?

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::failures::FailuresStatus;

/// Rotations of the app's consumer key and secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CredentialRotationStatus {
    /// When the operator last rotated the credentials. Absent before the first rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rotation_time: Option<Time>,
    /// When the next rotation is due. Absent before the first rotation, which takes place as soon as the token is tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rotation_time: Option<Time>,
    /// When the operator last wrote the credentials to the Secret that spec.app names. Absent if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_update_time: Option<Time>,
    /// What stands in the way of a rotation, or of writing the Secret. Absent if nothing does. It has no influence on Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FailuresStatus")] // else the type's description would replace the field's
    pub failures: Option<FailuresStatus>,
}
