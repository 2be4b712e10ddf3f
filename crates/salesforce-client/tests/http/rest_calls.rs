//! The calls of a connection test.

use salesforce_client::{
    ApiUsage, ApiVersion, AvailableVersion, Client, IdentityUrl, InstanceUrl, Organization, Refusal,
    RestAnswer, Sent,
};

use crate::fake::{Reply, json, response};
use crate::{V66, serving, token};

#[tokio::test]
async fn versions_and_discovery_are_asked_without_a_token() {
    let (fake, client, instance) = serving(json("200 OK", include_str!("../data/versions.json"))).await;
    let versions = client.versions(&instance).await.unwrap();
    assert_eq!(
        versions[1],
        AvailableVersion {
            version: V66,
            label: "Spring '26".into()
        }
    );
    assert!(fake.requests()[0].starts_with("GET /services/data/ HTTP/1.1\r\n"));
    assert!(!fake.requests()[0].to_ascii_lowercase().contains("authorization"));
}

#[tokio::test]
async fn the_org_facts_come_from_one_query_along_with_the_api_usage() {
    let usage = "Sforce-Limit-Info: api-usage=18/5000; per-app-api-usage=17/250(appName=sample)";
    let body = include_str!("../data/organization.json");
    let (fake, client, instance) = serving(response(
        "200 OK",
        &["Content-Type: application/json", usage],
        body,
    ))
    .await;
    let answer = client.organization(&instance, V66, &token()).await.unwrap();
    assert_eq!(
        answer.api_usage,
        Some(ApiUsage {
            used: 18,
            allowed: 5000
        })
    );
    assert_eq!(
        answer.value.unwrap(),
        Organization {
            id: "00Dx0000000BV7zEAG".parse().unwrap(),
            name: "Green ITR".into(),
            organization_type: "Enterprise Edition".into(),
            instance_name: Some("EU42".into()),
            is_sandbox: true,
            trial_expiration_date: Some("2026-12-01T00:00:00Z".parse().unwrap()),
            namespace_prefix: None,
        }
    );
    let request = fake.requests().remove(0);
    assert!(
        request.starts_with("GET /services/data/v66.0/query?q=SELECT+Id,Name,"),
        "{request}"
    );
    assert!(
        request.contains("\r\nauthorization: Bearer 00D5g00000AbCdE!AQkAQ.canary\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn an_organization_that_may_not_be_read_proves_that_the_api_is_open() {
    let refused = |code: &str| format!(r#"[{{"message":"no","errorCode":"{code}"}}]"#);
    let empty = r#"{"totalSize":0,"done":true,"records":[]}"#.to_owned();
    for (status, body) in [
        ("200 OK", empty),
        ("400 Bad Request", refused("INVALID_TYPE")),
        ("403 Forbidden", refused("INSUFFICIENT_ACCESS")),
    ] {
        let headers = [
            "Content-Type: application/json",
            "Sforce-Limit-Info: api-usage=18/5000",
        ];
        let (_fake, client, instance) = serving(response(status, &headers, &body)).await;
        let usage = ApiUsage {
            used: 18,
            allowed: 5000,
        };
        let hidden = RestAnswer {
            value: None,
            api_usage: Some(usage),
        };
        assert_eq!(
            client.organization(&instance, V66, &token()).await,
            Ok(hidden),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_identity_says_who_the_token_is() {
    let (fake, client, instance) = serving(json("200 OK", include_str!("../data/identity.json"))).await;
    let id = "https://login.salesforce.com/id/00Dx0000000BV7zEAG/005x00000012Q9PAAU"
        .parse()
        .unwrap();
    let who = client.identity(&instance, &id, &token()).await.unwrap().value;
    assert_eq!(who.username, "integration@green-itr.example");
    assert!(fake.requests()[0].starts_with("GET /id/00Dx0000000BV7zEAG/005x00000012Q9PAAU HTTP/1.1\r\n"));
}

#[tokio::test]
async fn an_expired_session_and_a_session_without_api_are_different_refusals() {
    let of = async |message: &str| {
        let body = format!(r#"[{{"message":"{message}","errorCode":"INVALID_SESSION_ID"}}]"#);
        let (_fake, client, instance) = serving(json("401 Unauthorized", &body)).await;
        client
            .organization(&instance, V66, &token())
            .await
            .unwrap_err()
            .refusal
    };
    assert_eq!(of("Session expired or invalid").await, Refusal::SessionExpired);
    assert_eq!(
        of("This session is not valid for use with the REST API").await,
        Refusal::SessionNotValidForApi
    );
}

#[tokio::test]
async fn a_token_never_goes_to_an_instance_that_is_not_allowed() {
    let (fake, client, _) = serving(json("200 OK", "{}")).await;
    let elsewhere: InstanceUrl = format!("http://localhost:{}", fake.address.port())
        .parse()
        .unwrap();
    let failure = client.organization(&elsewhere, V66, &token()).await.unwrap_err();
    assert_eq!(
        (failure.refusal, failure.sent),
        (Refusal::InstanceUrlNotAllowed, Sent::NotSent)
    );
    assert_eq!(fake.requests(), Vec::<String>::new());

    let strict = Client::new(salesforce_client::ClientSettings::default()).unwrap();
    let plain: InstanceUrl = "http://green-itr.my.salesforce.com".parse().unwrap();
    assert_eq!(
        strict.check_instance(&plain).unwrap_err().refusal,
        Refusal::InstanceUrlNotAllowed
    );
    assert_eq!(
        strict.check_instance(&"https://green-itr.my.salesforce.com".parse().unwrap()),
        Ok(())
    );
}

#[test]
fn api_versions_are_read_with_and_without_the_letter() {
    assert_eq!("v66.0".parse::<ApiVersion>(), Ok(V66));
    assert_eq!("66.0".parse::<ApiVersion>().unwrap().to_string(), "66.0");
    for text in ["", "v66", "66", "v66.", "vv66.0", "66.0.0", "+66.0", "66.0/../x"] {
        assert!(text.parse::<ApiVersion>().is_err(), "{text}");
    }
    assert!("9.0".parse::<ApiVersion>().unwrap() < "10.0".parse().unwrap());
}

#[test]
fn the_usage_header_is_read_in_each_of_its_forms() {
    let usage = Some(ApiUsage {
        used: 18,
        allowed: 5000,
    });
    assert_eq!(ApiUsage::from_header("api-usage=18/5000"), usage);
    assert_eq!(
        ApiUsage::from_header("per-app-api-usage=17/250(appName=x); api-usage=18/5000"),
        usage
    );
    for header in [
        "",
        "api-usage=",
        "api-usage=18",
        "api-usage=a/b",
        "per-app-api-usage=17/250",
    ] {
        assert_eq!(ApiUsage::from_header(header), None, "{header}");
    }
}

#[tokio::test]
async fn each_call_reads_no_more_than_its_own_cap() {
    let answer = |bytes: usize| {
        let padding = " ".repeat(bytes);
        Reply::Bytes(
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[]{padding}").into_bytes(),
        )
    };
    let kib = 1024;
    let id = IdentityUrl {
        organization_id: "00Dx0000000BV7zEAG".parse().unwrap(),
        user_id: "005x00000012Q9PAAU".parse().unwrap(),
    };
    let (_fake, client, instance) = serving(answer(256 * kib)).await;
    let refusal = client.versions(&instance).await.unwrap_err().refusal;
    assert_eq!(refusal, Refusal::AnswerTooLarge);
    let (_fake, client, instance) = serving(answer(64 * kib)).await;
    let refusals = [
        client
            .identity(&instance, &id, &token())
            .await
            .unwrap_err()
            .refusal,
        client
            .organization(&instance, V66, &token())
            .await
            .unwrap_err()
            .refusal,
    ];
    assert_eq!(refusals, [Refusal::AnswerTooLarge; 2]);
    let counted = client
        .record_counts(&instance, V66, &token(), &["Account".to_owned()])
        .await;
    assert_eq!(counted.unwrap_err().refusal, Refusal::AnswerTooLarge);
    let (_fake, client, instance) = serving(answer(256 * kib)).await;
    let limits = client.limits(&instance, V66, &token()).await;
    assert_eq!(limits.unwrap_err().refusal, Refusal::AnswerTooLarge);
    let (_fake, client, instance) = serving(answer(32 * kib * kib)).await;
    let failure = client.objects(&instance, V66, &token()).await.unwrap_err();
    assert_eq!(failure.refusal, Refusal::AnswerTooLarge);
    assert_eq!(failure.detail, "the answer has more than 33554432 bytes");
}
