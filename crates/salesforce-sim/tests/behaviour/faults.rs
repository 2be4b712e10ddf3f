//! Faults on command.

use std::time::Duration;

use salesforce_sim::{Endpoint, Fault, FaultRule, Outcome, RetryAfter, default_world as dw};

use crate::support::Bench;

async fn status_under(bench: &Bench, fault: Fault) -> (u16, String, String) {
    bench.sim.fault(FaultRule::once(fault));
    let answer = bench
        .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
        .await;
    let kind = answer
        .header("content-type")
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    (
        answer.status,
        kind,
        answer.header("retry-after").unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn answers_can_be_replaced() {
    let bench = Bench::with(|world| world.clock.freeze());
    let at = bench
        .sim
        .world(|world| world.clock.now() + Duration::from_secs(90));
    let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let seconds = Some(RetryAfter::Seconds(7));
    for (fault, status, kind, retry_after) in [
        (Fault::Maintenance, 503, "text/html", ""),
        (Fault::BadGateway, 502, "text/html", ""),
        (Fault::NoRoute, 420, "text/html", ""),
        (Fault::Throttled { retry_after: None }, 429, "text/plain", ""),
        (Fault::Throttled { retry_after: seconds }, 429, "text/plain", "7"),
        (
            Fault::Throttled {
                retry_after: Some(RetryAfter::DateIn(90)),
            },
            429,
            "text/plain",
            date.as_str(),
        ),
        (Fault::Garbage, 200, "application/json", ""),
        (
            Fault::Redirect {
                location: "https://elsewhere.example/".to_owned(),
            },
            302,
            "",
            "",
        ),
    ] {
        let expected = (status, kind.to_owned(), retry_after.to_owned());
        assert_eq!(status_under(&bench, fault.clone()).await, expected, "{fault:?}");
    }
    assert_eq!(
        bench.sim.world(|world| world.issued_secrets()),
        Vec::<String>::new(),
        "nothing was done"
    );
}

#[tokio::test]
async fn bodies_can_be_cut_and_blown_up() {
    let bench = Bench::new();
    bench.sim.fault(FaultRule::once(Fault::TruncatedBody));
    let cut = bench
        .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
        .await;
    assert_eq!(cut.status, 200);
    assert!(
        serde_json::from_str::<serde_json::Value>(&cut.text).is_err(),
        "{}",
        cut.text
    );
    assert_eq!(
        bench.sim.world(|world| world.issued_secrets().len()),
        1,
        "it took effect"
    );
    bench
        .sim
        .fault(FaultRule::once(Fault::Oversized { bytes: 3_000_000 }));
    let large = bench
        .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
        .await;
    assert_eq!(large.text.len(), 3_000_000);
}

#[tokio::test]
async fn rules_strike_where_and_as_often_as_they_say() {
    let bench = Bench::new();
    let rule = FaultRule::always(Fault::Maintenance)
        .on(Endpoint::Token)
        .client(dw::ECA)
        .after(1)
        .times(2);
    bench
        .sim
        .fault(rule.host(dw::PRODUCTION).grant_type("client_credentials"));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(
            bench
                .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
                .await
                .status,
        );
        let other = bench
            .client_credentials(dw::PRODUCTION, dw::JWT, dw::JWT_SECRET)
            .await;
        assert_eq!(other.status, 200);
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
}

#[tokio::test]
async fn bearer_calls_can_be_struck_by_their_app_and_cleared() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    bench.sim.fault(
        FaultRule::always(Fault::BadGateway)
            .on_all(&Endpoint::DATA)
            .client(dw::ECA),
    );
    assert_eq!(bench.versions_with(&token).await, 502);
    bench.sim.clear_faults();
    assert_eq!(bench.versions_with(&token).await, 200);
}

#[tokio::test]
async fn an_answer_can_be_withheld_before_and_after_the_work() {
    let bench = Bench::new();
    for (fault, tokens, outcome) in [
        (Fault::NeverAnswer, 0, Outcome::NeverAnswered),
        (
            Fault::ProcessThenNeverAnswer,
            1,
            Outcome::ReplyLost {
                status: 200,
                error: None,
            },
        ),
    ] {
        bench.sim.fault(FaultRule::once(fault));
        let call = bench.client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET);
        let noted = bench
            .sim
            .wait_until("the fault is noted", Duration::from_secs(20), |world| {
                world.log().last().is_some_and(|entry| entry.outcome == outcome)
            });
        tokio::select! {
            answer = call => panic!("answered: {answer:?}"),
            noted = noted => noted.unwrap(),
        }
        assert_eq!(bench.sim.world(|world| world.issued_secrets().len()), tokens);
    }
}

#[tokio::test]
async fn the_log_tells_who_and_what_without_credentials() {
    let bench = Bench::new();
    let token = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ROTATING, dw::INTEGRATION_USER));
    bench.refresh(dw::ROTATING, dw::ROTATING_SECRET, &token).await;
    let access = bench.access_token().await;
    bench.versions_with(&access).await;
    let log = bench.sim.log();
    let seen: Vec<_> = log
        .iter()
        .map(|entry| {
            (
                entry.endpoint,
                entry.client_id.as_deref(),
                entry.username.as_deref(),
                entry.succeeded(),
            )
        })
        .collect();
    let user = Some(dw::INTEGRATION_USER);
    assert_eq!(
        seen,
        [
            (Endpoint::Token, Some(dw::ROTATING), user, true),
            (Endpoint::Token, Some(dw::ECA), None, true),
            (Endpoint::Resources, Some(dw::ECA), user, true),
        ]
    );
    assert_eq!(log[0].refresh_token.unwrap().to_string(), "grant-1.0");
    let text = format!(
        "{log:?} {:?}",
        bench
            .sim
            .world(|world| world.apps().map(|app| format!("{app:?}")).collect::<Vec<_>>())
    );
    for secret in bench
        .sim
        .world(|world| world.issued_secrets())
        .iter()
        .map(String::as_str)
        .chain([dw::ECA_SECRET])
    {
        assert!(!text.contains(secret));
    }
}
