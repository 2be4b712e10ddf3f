//! The calls by which the credentials of an external client app are rotated.

use salesforce_client::{AppAddress, ClientSecret, Consumer, Refusal, Sent, StagedCredentials, StagedState};

use crate::fake::{Reply, json, response};
use crate::{serving, token};

const STAGED: &str = r#"{"stagedCredentials":[
    {"id":"0iSxx0000000001","key":"3MVG9New","secret":"canary-new-secret","state":"Active","url":"/x"},
    {"id":"0iSxx0000000002","key":"3MVG9Old","state":"Rotated"},
    {"id":"0iSxx0000000003","key":"3MVG9Older","secret":"","state":"Expired"},
    {"id":"0iSxx0000000004","key":"3MVG9Odd","state":"Frozen"}],"url":"/y"}"#;

fn staged(id: &str, key: &str, secret: Option<&str>, state: StagedState) -> StagedCredentials {
    StagedCredentials {
        id: id.parse().unwrap(),
        client_id: key.to_owned(),
        client_secret: secret.map(|secret| ClientSecret::new(secret.to_owned())),
        state,
    }
}

/// A server with one answer, a client, and the app at it.
async fn desk(reply: Reply) -> (crate::fake::Fake, salesforce_client::Client, AppAddress) {
    let (fake, client, instance) = serving(reply).await;
    let app = "0xIxx0000000001AAA".parse().unwrap();
    (fake, client, AppAddress { instance, app })
}

#[tokio::test]
async fn consumers_and_what_stands_beside_them_are_read() {
    let body = r#"{"consumers":[{"id":"888xx0000000001","key":"3MVG9Current","name":"app","url":"/z"}],"nextPageUrl":null}"#;
    let (fake, client, at) = desk(json("200 OK", body)).await;
    let consumer = Consumer {
        id: "888xx0000000001".parse().unwrap(),
        client_id: "3MVG9Current".to_owned(),
    };
    assert_eq!(client.consumers(&at, &token()).await.unwrap().value, [consumer]);
    let expected = "GET /services/data/v65.0/apps/oauth/credentials/0xIxx0000000001AAA HTTP/1.1\r\n";
    assert!(fake.requests()[0].starts_with(expected), "{}", fake.requests()[0]);

    let (_fake, client, at) = desk(json("200 OK", STAGED)).await;
    let consumer = "888xx0000000001".parse().unwrap();
    let listed = client
        .staged_credentials(&at, &consumer, &token())
        .await
        .unwrap()
        .value;
    let secret = Some("canary-new-secret");
    let expected = [
        staged("0iSxx0000000001", "3MVG9New", secret, StagedState::Active),
        staged("0iSxx0000000002", "3MVG9Old", None, StagedState::Rotated),
        staged("0iSxx0000000003", "3MVG9Older", None, StagedState::Expired),
        staged("0iSxx0000000004", "3MVG9Odd", None, StagedState::Other),
    ];
    assert_eq!(listed, expected);
    assert!(!format!("{listed:?}").contains("canary"));

    let none = json("404 Not Found", r#"[{"errorCode":"NOT_FOUND","message":"none"}]"#);
    let (_fake, client, at) = desk(none).await;
    let listed = client.staged_credentials(&at, &consumer, &token()).await.unwrap();
    assert_eq!(listed.value, []);
}

#[tokio::test]
async fn credentials_are_staged_rotated_and_deleted_by_one_request_each() {
    let (consumer, id) = (
        "888xx0000000001".parse().unwrap(),
        "0iSxx0000000001".parse().unwrap(),
    );
    let base = "/services/data/v65.0/apps/oauth/credentials/0xIxx0000000001AAA/888xx0000000001/staged";
    let (fake, client, at) = desk(json("201 Created", STAGED)).await;
    let new = client.stage_credentials(&at, &consumer, &token()).await.unwrap();
    assert_eq!(
        new,
        staged(
            "0iSxx0000000001",
            "3MVG9New",
            Some("canary-new-secret"),
            StagedState::Active
        )
    );
    let request = &fake.requests()[0];
    assert!(
        request.starts_with(&format!("POST {base} HTTP/1.1\r\n")),
        "{request}"
    );
    assert!(
        request.contains("content-length: 2\r\n") && request.ends_with("{}"),
        "{request}"
    );

    let (fake, client, at) = desk(json("200 OK", "{}")).await;
    client
        .rotate_credentials(&at, (&consumer, &id), &token())
        .await
        .unwrap();
    let request = &fake.requests()[0];
    assert!(
        request.starts_with(&format!("PATCH {base}/{id} HTTP/1.1\r\n")),
        "{request}"
    );
    assert!(
        request.contains("content-type: application/json\r\n"),
        "{request}"
    );
    assert!(request.ends_with(r#"{"command":"rotate"}"#), "{request}");

    let (fake, client, at) = desk(response("204 No Content", &[], "")).await;
    client
        .delete_staged_credentials(&at, (&consumer, &id), &token())
        .await
        .unwrap();
    let request = &fake.requests()[0];
    assert!(
        request.starts_with(&format!("DELETE {base}/{id} HTTP/1.1\r\n")),
        "{request}"
    );
}

#[tokio::test]
async fn an_answer_that_can_not_be_read_shows_nothing_of_it_and_may_have_staged() {
    let consumer = "888xx0000000001".parse().unwrap();
    for body in [
        r#"{"stagedCredentials":[{"id":"0iS","key":"3MVG9New","secret":["canary-new-secret"]}]}"#,
        r#"{"stagedCredentials":[{"id":"../x","key":"3MVG9New","secret":"canary-new-secret","state":"Active"}]}"#,
        r#"{"stagedCredentials":[]}"#,
        r#""canary-new-secret"#,
    ] {
        let (_fake, client, at) = desk(json("200 OK", body)).await;
        let failure = client
            .stage_credentials(&at, &consumer, &token())
            .await
            .unwrap_err();
        assert_eq!(
            (failure.refusal, failure.sent),
            (Refusal::UnreadableAnswer, Sent::Unknown),
            "{body}"
        );
        assert_eq!(failure.detail, "failed to read the credentials of the app");
    }
    let refused = r#"[{"errorCode":"FUNCTIONALITY_NOT_ENABLED","message":"This feature is not currently enabled for this user."}]"#;
    let (_fake, client, at) = desk(json("403 Forbidden", refused)).await;
    let failure = client.consumers(&at, &token()).await.unwrap_err();
    assert_eq!(
        (failure.refusal, failure.sent),
        (Refusal::FunctionalityNotEnabled, Sent::Answered)
    );
}
