//! How is the connection tested? The calls, in order; each answer is judged by the pure [`Ladder`]. A test never asks
//! for a token and never touches the token endpoint.

use salesforce_client::{ApiVersion, IdentityUrl, InstanceUrl};

use crate::api::reasons::Refusal;
use crate::core::model::connector::Connector;
use crate::core::model::held_token::Held;
use crate::core::pass::connection_test::{Flow, Ladder, OrgFlow, TestReport};
use crate::shell::context::Context;

/// Tests the connection with the token that is held.
pub(crate) async fn probe(context: &Context, connector: &Connector, held: &Held) -> TestReport {
    let started = std::time::Instant::now();
    let mut ladder = Ladder::new(connector);
    if tokio::time::timeout(
        connector.test_timeout,
        climb(context, connector, held, &mut ladder),
    )
    .await
    .is_err()
    {
        ladder.timed_out(Refusal::TimedOut, "spec.connectionTest.timeout has passed");
    }
    let report = ladder.finish();
    context
        .metrics
        .connection_test(report.result_label(), started.elapsed());
    report
}

async fn climb(context: &Context, connector: &Connector, held: &Held, ladder: &mut Ladder<'_>) {
    let client = &context.salesforce;
    let Ok(instance) = held.instance_url.parse::<InstanceUrl>() else {
        return ladder.unusable("instance URL");
    };
    let Some(id) = identity_url(held) else {
        return ladder.unusable("identity URL");
    };
    let Ok(version) = connector.api_version.parse::<ApiVersion>() else {
        return ladder.unusable("API version");
    };

    if ladder.host_answers(client.versions(&instance).await) == Flow::Stop {
        return;
    }
    if ladder.identity(&held.identity, client.identity(&instance, &id, &held.token).await) == Flow::Stop {
        return;
    }
    let organization = client.organization(&instance, version, &held.token).await;
    if ladder.organization(organization, &held.scopes) == OrgFlow::AskResources {
        ladder.resources(
            client.resources(&instance, version, &held.token).await,
            &held.scopes,
        );
    }
}

/// Only its path counts: the client asks at the instance.
fn identity_url(held: &Held) -> Option<IdentityUrl> {
    let organization_id = held.identity.organization_id.parse().ok()?;
    let user_id = held.identity.user_id.parse().ok()?;
    Some(IdentityUrl {
        organization_id,
        user_id,
    })
}
