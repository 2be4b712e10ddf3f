//! Who may read the metrics? Whoever the API server lets `get` the path `/metrics`, where scrapes are authenticated.

use axum::http::{HeaderMap, StatusCode, header};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};
use kube::core::ObjectMeta;

use crate::error_chain::chain;

/// `Err` is the status to answer with: nobody is known, somebody may not, or the API server can't be asked.
pub(super) async fn check(client: &kube::Client, headers: &HeaderMap) -> Result<(), StatusCode> {
    let authorization = headers.get(header::AUTHORIZATION);
    let bearer = authorization.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let token = bearer.ok_or(StatusCode::UNAUTHORIZED)?;
    let user = user_of(client, token)
        .await
        .map_err(|error| unavailable(&error))?;
    let user = user.ok_or(StatusCode::UNAUTHORIZED)?;
    let allowed = may_read(client, user)
        .await
        .map_err(|error| unavailable(&error))?;
    allowed.then_some(()).ok_or(StatusCode::FORBIDDEN)
}

async fn user_of(client: &kube::Client, token: &str) -> kube::Result<Option<UserInfo>> {
    let review = TokenReview {
        metadata: ObjectMeta::default(),
        spec: TokenReviewSpec {
            token: Some(token.to_owned()),
            audiences: None,
        },
        status: None,
    };
    let reviewed = Api::all(client.clone())
        .create(&PostParams::default(), &review)
        .await?;
    let status = reviewed.status.unwrap_or_default();
    Ok(status.user.filter(|_| status.authenticated == Some(true)))
}

async fn may_read(client: &kube::Client, user: UserInfo) -> kube::Result<bool> {
    let review = SubjectAccessReview {
        metadata: ObjectMeta::default(),
        spec: SubjectAccessReviewSpec {
            non_resource_attributes: Some(NonResourceAttributes {
                path: Some("/metrics".to_owned()),
                verb: Some("get".to_owned()),
            }),
            user: user.username,
            groups: user.groups,
            uid: user.uid,
            extra: user.extra,
            resource_attributes: None,
        },
        status: None,
    };
    let reviewed = Api::all(client.clone())
        .create(&PostParams::default(), &review)
        .await?;
    Ok(reviewed.status.is_some_and(|status| status.allowed))
}

fn unavailable(error: &kube::Error) -> StatusCode {
    tracing::warn!(
        error = chain(error),
        "Failed to authenticate a scrape of the metrics"
    );
    StatusCode::SERVICE_UNAVAILABLE
}
