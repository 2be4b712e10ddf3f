//! What may be set of the token, of tests, and of what a connector does besides?

use super::*;

pub(super) fn token_and_test() -> Vec<Case> {
    let renew_within = json!({ "lifetime": "20m", "renewBefore": "20m" });
    let bad_both = |lifetime: &str| json!({ "lifetime": lifetime, "renewBefore": "10m" });
    vec![
        Case {
            accepted: texts("/spec/token/lifetime", ["15m", "24h", "1h30m", "1.5h", "5400s"]),
            refused: [
                texts(
                    "/spec/token/lifetime",
                    ["14m", "25h", "2 hours", "90", "-1h", "999999h", ""],
                ),
                each("/spec/token", [bad_both("soon")]),
            ]
            .concat(),
            complaint: "spec.token.lifetime: Invalid value: token.lifetime must be a duration from 15m to 24h, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: texts("/spec/token/renewBefore", ["2m", "12h"]),
            refused: texts("/spec/token/renewBefore", ["1m", "13h", "x"]),
            complaint: "spec.token.renewBefore: Invalid value: token.renewBefore must be a duration from 2m to 12h, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: each(
                "/spec/token",
                [json!({ "lifetime": "20m", "renewBefore": "19m" })],
            ),
            refused: each("/spec/token", [renew_within]),
            complaint: "spec.token.renewBefore: Invalid value: renewBefore must be shorter than lifetime",
        },
        Case {
            accepted: texts("/spec/connectionTest/interval", ["1m", "24h"]),
            refused: texts("/spec/connectionTest/interval", ["59s", "25h", "daily"]),
            complaint: "spec.connectionTest.interval: Invalid value: connectionTest.interval must be a duration from 1m to 24h, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: texts("/spec/connectionTest/timeout", ["1s", "2m"]),
            refused: texts("/spec/connectionTest/timeout", ["999ms", "121s"]),
            complaint: "spec.connectionTest.timeout: Invalid value: connectionTest.timeout must be a duration from 1s to 2m, written like 90s, 15m or 1h30m",
        },
        Case {
            accepted: texts("/spec/connectionTest/apiVersion", ["31.0", "66.0", "100.0"]),
            refused: texts(
                "/spec/connectionTest/apiVersion",
                ["30.0", "v66", "66", "66.1", ""],
            ),
            complaint: "spec.connectionTest.apiVersion: Invalid value: connectionTest.apiVersion must be written like 66.0 and be 31.0 or later: Salesforce has retired the earlier ones",
        },
        Case {
            accepted: texts(
                "/spec/expect/organizationId",
                ["00Dx0000000BV7z", "00Dx0000000BV7zEAG"],
            ),
            refused: texts(
                "/spec/expect/organizationId",
                ["005x0000000BV7z", "00Dx0000000BV7zE", "00D"],
            ),
            complaint: "spec.expect.organizationId: Invalid value: expect.organizationId must have 15 or 18 letters and digits and begin with 00D; see Setup, Company Information",
        },
    ]
}

#[tokio::test]
async fn rules_about_token_and_test() {
    check("times", token_and_test()).await;
}

pub(super) fn inventory() -> Vec<Case> {
    let inventories = |values: &[Value]| each("/spec/inventory", values.iter().cloned());
    let counts = |names: Value| json!({ "recordCounts": names });
    let percent = |percent: i64| json!({ "limitWarningPercent": percent });
    vec![
        Case {
            accepted: inventories(&[
                json!({}),
                counts(json!([])),
                counts(json!(["Account", "ns__Invoice__c"])),
            ]),
            refused: inventories(&[counts(json!(["Account,Lead"])), counts(json!(["../Account"]))]),
            complaint: "spec.inventory.recordCounts: Invalid value: inventory.recordCounts must have one API name in each entry, such as Account or Invoice__c",
        },
        Case {
            accepted: vec![],
            refused: inventories(&[counts(json!(["Account", "Account"]))]),
            complaint: "spec.inventory.recordCounts[1]: Duplicate value: \"Account\"",
        },
        Case {
            accepted: inventories(&[percent(1), percent(100)]),
            refused: inventories(&[percent(0), percent(101)]),
            complaint: "spec.inventory.limitWarningPercent: Invalid value: inventory.limitWarningPercent must be from 1 to 100",
        },
        Case {
            accepted: inventories(&[json!({ "details": "ConfigMap" }), json!({ "details": "None" })]),
            refused: inventories(&[json!({ "details": "Secret" })]),
            complaint: "spec.inventory.details: Unsupported value: \"Secret\": supported values: \"ConfigMap\", \"None\"",
        },
    ]
}

#[tokio::test]
async fn rules_about_the_inventory() {
    check("inventory", inventory()).await;
}

pub(super) fn rollout_targets() -> Vec<Case> {
    let lists = |values: &[Value]| each("/spec/rolloutRestartTargets", values.iter().cloned());
    let target = |kind: &str, name: &str| json!({ "kind": kind, "name": name });
    let web = || target("Deployment", "web");
    vec![
        Case {
            accepted: lists(&[
                json!([]),
                json!([web(), target("StatefulSet", "web"), target("DaemonSet", "a.b")]),
            ]),
            refused: lists(&[json!([target("CronJob", "web")])]),
            complaint: "spec.rolloutRestartTargets[0].kind: Unsupported value: \"CronJob\": supported values: \"Deployment\", \"StatefulSet\", \"DaemonSet\"",
        },
        Case {
            accepted: vec![],
            refused: lists(&[json!([target("Deployment", "../web")])]),
            complaint: "spec.rolloutRestartTargets[0].name: Invalid value: name must be a valid object name: lower-case letters, digits, - and .",
        },
        Case {
            accepted: vec![],
            refused: lists(&[json!([web(), web()])]),
            complaint: "spec.rolloutRestartTargets[1]: Duplicate value: {\"kind\":\"Deployment\",\"name\":\"web\"}",
        },
    ]
}

#[tokio::test]
async fn rules_about_the_workloads_to_restart() {
    check("rollouts", rollout_targets()).await;
}

pub(super) fn sharing() -> Vec<Case> {
    let lists = |values: &[Value]| each("/spec/sharing", values.iter().cloned());
    let to = |names: &[&str]| json!({ "namespaces": names });
    vec![
        Case {
            accepted: lists(&[to(&[]), to(&["billing"]), to(&["a", "b-1"])]),
            refused: lists(&[to(&["Billing"]), to(&["a.b"]), to(&["-a"]), to(&["billing", "*"])]),
            complaint: "spec.sharing.namespaces: Invalid value: sharing.namespaces must have the name of one namespace in each entry: lower-case letters, digits and -",
        },
        Case {
            accepted: vec![],
            refused: lists(&[to(&["a", "b", "a"])]),
            complaint: "spec.sharing.namespaces[2]: Duplicate value: \"a\"",
        },
    ]
}

#[tokio::test]
async fn rules_about_sharing() {
    check("sharing", sharing()).await;
}

pub(super) fn names() -> Vec<Case> {
    vec![Case {
        accepted: vec![with("/metadata/name", "n".repeat(63).into())],
        refused: vec![with("/metadata/name", "n".repeat(64).into())],
        complaint: "<nil>: Invalid value: metadata.name must have at most 63 characters: it becomes a label and part of the Secret's name",
    }]
}

#[tokio::test]
async fn a_connector_s_name_has_at_most_63_characters() {
    check("names", names()).await;
}
