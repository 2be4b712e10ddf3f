//! The calls of an inventory.

use std::collections::BTreeMap;

use salesforce_client::{ApiUsage, Failure, ObjectList, OrgLimit, Refusal, Sent};

use crate::fake::{json, response};
use crate::{V66, serving, token};

#[tokio::test]
async fn the_objects_of_a_large_org_are_counted_and_named() {
    let object = |name: &str, custom: bool| {
        format!(
            r#"{{"name":"{name}","custom":{custom},"label":"{}"}}"#,
            "x".repeat(1500)
        )
    };
    let custom: Vec<String> = (0..2000).map(|n| object(&format!("O{n}__c"), true)).collect();
    let body = format!(
        r#"{{"encoding":"UTF-8","sobjects":[{},{}]}}"#,
        object("Account", false),
        custom.join(",")
    );
    let headers = [
        "Content-Type: application/json",
        "Sforce-Limit-Info: api-usage=18/5000",
    ];
    let (fake, client, instance) = serving(response("200 OK", &headers, &body)).await;
    let answer = client.objects(&instance, V66, &token()).await.unwrap();
    let usage = ApiUsage {
        used: 18,
        allowed: 5000,
    };
    assert_eq!(answer.api_usage, Some(usage));
    let wanted = ObjectList {
        total: 2001,
        custom: 2000,
        standard_names: ["Account".to_owned()].into(),
        custom_names: (0..2000).map(|n| format!("O{n}__c")).collect(),
    };
    assert_eq!(answer.value, wanted);
    assert!(fake.requests()[0].starts_with("GET /services/data/v66.0/sobjects HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_list_of_objects_that_can_not_be_read_is_refused_in_words_of_ours() {
    let of = async |content_type: &str, body: &str| -> Failure {
        let headers = [format!("Content-Type: {content_type}")];
        let (_fake, client, instance) = serving(response("200 OK", &[&*headers[0]], body)).await;
        client.objects(&instance, V66, &token()).await.unwrap_err()
    };
    let page = of("text/html", "<html><body>Welcome</body></html>").await;
    assert_eq!(page.refusal, Refusal::UnexpectedPage);
    let cut = of("application/json", r#"{"sobjects":[{"name":"A","custom":false},"#).await;
    assert_eq!(cut.refusal, Refusal::UnreadableAnswer);
    assert_eq!(cut.detail, "the list of objects ends in its middle");
    let refused = r#"[{"message":"limits resource is not enabled","errorCode":"API_DISABLED_FOR_ORG"}]"#;
    let (_fake, client, instance) = serving(json("403 Forbidden", refused)).await;
    let failure = client.objects(&instance, V66, &token()).await.unwrap_err();
    assert_eq!(failure.refusal, Refusal::LimitsNotVisible);
}

#[tokio::test]
async fn records_are_counted_for_the_named_objects_alone() {
    let body = r#"{"sObjects":[{"count":7,"name":"account"},{"count":3,"name":"Other"}]}"#;
    let (fake, client, instance) = serving(json("200 OK", body)).await;
    let asked = ["Account".to_owned(), "Lead".to_owned()];
    let answer = client
        .record_counts(&instance, V66, &token(), &asked)
        .await
        .unwrap();
    assert_eq!(answer.value, BTreeMap::from([("Account".to_owned(), 7)]));
    let path = "GET /services/data/v66.0/limits/recordCount?sObjects=Account,Lead HTTP/1.1\r\n";
    assert!(fake.requests()[0].starts_with(path), "{:?}", fake.requests());
}

#[tokio::test]
async fn a_name_that_would_lead_elsewhere_in_an_address_is_not_sent() {
    let (fake, client, instance) = serving(json("200 OK", "{}")).await;
    for name in ["", "a,b", "a&b", "a/../b", "a b", "é", &"a".repeat(81)] {
        let asked = ["Account".to_owned(), name.to_owned()];
        let failure = client
            .record_counts(&instance, V66, &token(), &asked)
            .await
            .unwrap_err();
        assert_eq!(
            (failure.refusal, failure.sent),
            (Refusal::RequestNotBuilt, Sent::NotSent),
            "{name}"
        );
    }
    assert_eq!(fake.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn limits_are_those_that_have_a_maximum_and_what_is_overdrawn_has_nothing_left() {
    let body = r#"{"DataStorageMB":{"Max":100,"Remaining":-3},"None":{"Max":0,"Remaining":0},
        "DailyApiRequests":{"Max":5000,"Remaining":4937,"Some App":{"Max":0,"Remaining":0}},"Odd name":{"Max":1,"Remaining":1},
        "Text":"x"}"#;
    let (_fake, client, instance) = serving(json("200 OK", body)).await;
    let answer = client.limits(&instance, V66, &token()).await.unwrap();
    let limit = |max, remaining| OrgLimit { max, remaining };
    let wanted = [
        ("DailyApiRequests", limit(5000, 4937)),
        ("DataStorageMB", limit(100, 0)),
    ];
    assert_eq!(
        answer.value,
        wanted.map(|(name, limit)| (name.to_owned(), limit)).into()
    );
}
