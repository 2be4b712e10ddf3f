use serde_json::{Value, json};

use super::*;
use crate::status::table::table;

fn now() -> Timestamp {
    "2026-11-27T10:00:00Z".parse().expect("a time")
}

fn object(name: &str, spec: &Value, status: &Value) -> DynamicObject {
    let auth = json!({ "clientCredentials": {} });
    let mut whole = json!({
        "host": "acme.my.salesforce.com", "app": { "clientId": "3MVG9" }, "auth": auth,
    });
    let fields = whole.as_object_mut().expect("an object");
    fields.extend(spec.as_object().expect("an object").clone());
    serde_json::from_value(json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceConnector",
        "metadata": { "name": name, "namespace": "demo", "generation": 2 },
        "spec": whole, "status": status,
    }))
    .expect("an object")
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-11-27T09:00:00Z" })
}

fn good() -> DynamicObject {
    let status = json!({
        "observedGeneration": 2,
        "conditions": [condition("Ready", "True", "TokenValid", "The token is valid and in Secret \"crm-salesforce\".")],
        "identity": {
            "organizationId": "00D00000015ftgHEAQ", "organizationName": "Acme", "edition": "Enterprise Edition",
            "environment": "Live", "instanceUrl": "https://acme.my.salesforce.com", "instanceName": "EUZ12",
            "userId": "00500000015ftgKAAQ", "username": "robot@acme.example",
        },
        "token": {
            "issueTime": "2026-11-27T09:48:00Z", "expirationTime": "2026-11-27T11:48:00Z",
            "renewalTime": "2026-11-27T11:08:00Z", "expirySource": "Introspected", "scopes": ["api", "id"],
        },
        "secretName": "crm-salesforce",
        "connectionTest": {
            "result": "Succeeded", "message": "Connection test succeeded", "lastTestTime": "2026-11-27T09:57:00Z",
            "steps": [
                { "name": "HostAnswers", "result": "Passed", "latencyMilliseconds": 87 },
                { "name": "ApiUsage", "result": "Unverified", "message": "Salesforce did not report it",
                    "latencyMilliseconds": 121 },
            ],
            "apiUsage": { "used": 2, "allowed": 100_000 },
        },
    });
    object("crm", &json!({ "displayName": "Acme CRM" }), &status)
}

fn stalled() -> DynamicObject {
    let message = "The Secret that the connector refers to does not exist. Create it.";
    let status = json!({
        "observedGeneration": 1,
        "conditions": [
            condition("Ready", "False", "InputSecretMissing", message),
            condition("Stalled", "True", "InputSecretMissing", message),
        ],
        "failures": {
            "count": 1, "firstFailureTime": "2026-11-27T09:00:00Z", "lastFailureTime": "2026-11-27T09:00:00Z",
            "nextAttemptTime": "2026-11-27T10:02:30Z", "reason": "InputSecretMissing", "message": message,
        },
    });
    object("uat", &json!({ "suspend": true }), &status)
}

#[test]
fn a_good_connector_fits_on_one_screen() {
    let wanted = "\
Connector  crm (Acme CRM) in namespace demo
Ready      True: TokenValid
           The token is valid and in Secret \"crm-salesforce\".
Act        no one
Login      clientCredentials at acme.my.salesforce.com
Org        Acme, 00D00000015ftgHEAQ, Live, Enterprise Edition, instance EUZ12
           https://acme.my.salesforce.com
           maintenance: https://status.salesforce.com/instances/EUZ12
User       robot@acme.example, 00500000015ftgKAAQ
Token      issued 12m ago, expires in 1h48m (Introspected)
Scopes     api id
Secret     crm-salesforce
Test       Succeeded 3m ago, at least every 15m
           ✓ HostAnswers        87ms
           ? ApiUsage           121ms
               Salesforce did not report it
API calls  2 of 100000 in 24 hours
Next       in 1h8m    renewal of the token
           in 1h48m   expiry of the token
";
    assert_eq!(screen(&good(), now(), Paint::PLAIN), wanted);
}

#[test]
fn a_connector_that_needs_a_person_says_whom_and_what_for() {
    let wanted = "\
Connector  uat in namespace demo
Ready      False: InputSecretMissing
           The Secret that the connector refers to does not exist. Create it.
           The operator has not processed the latest change of spec yet.
Act        the owner of the connector and its Secrets must act: InputSecretMissing
Login      clientCredentials at acme.my.salesforce.com, suspended
Next       in 2m      next attempt
";
    assert_eq!(screen(&stalled(), now(), Paint::PLAIN), wanted);
}

#[test]
fn the_last_login_of_a_person_is_shown_with_what_came_of_it() {
    let auth = json!({ "authorizationCode": {} });
    let with = |login: Value| {
        let object = object(
            "me",
            &json!({ "auth": auth }),
            &json!({ "observedGeneration": 2, "lastLogin": login }),
        );
        screen(&object, now(), Paint::PLAIN)
            .lines()
            .skip(3)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let time = "2026-11-27T09:55:00Z";
    assert_eq!(
        with(json!({ "secretName": "me-login", "result": "Succeeded", "message": "", "loginTime": time })),
        [
            "Login      authorizationCode at acme.my.salesforce.com",
            "           login of a person 5m ago: Succeeded",
        ]
    );
    assert_eq!(
        with(json!({
            "secretName": "me-login", "result": "Failed", "reason": "AuthorizationCodeInvalid", "message": "Start again.",
            "loginTime": time,
        })),
        [
            "Login      authorizationCode at acme.my.salesforce.com",
            "           login of a person 5m ago: Failed: AuthorizationCodeInvalid",
            "           Start again.",
        ]
    );
}

#[test]
fn what_the_org_holds_is_shown_with_what_could_not_be_read() {
    let inventory = json!({
        "result": "Partial", "message": "The user of the token sees 1214 objects, 312 of them custom.",
        "lastRunTime": "2026-11-27T09:00:00Z", "orgType": "Scratch", "apiVersions": "31.0 to 67.0", "objects": 1214,
        "customObjects": 312, "recordCounts": [{ "name": "Account", "records": 7 }, { "name": "Lead", "records": 0 }],
        "limits": [{ "name": "DataStorageMB", "used": 92, "max": 100 }],
        "failedParts": [{ "name": "Organization", "reason": "ObjectNotReadable" }], "configMapName": "crm-inventory",
    });
    let status = json!({ "observedGeneration": 2, "inventory": inventory });
    let shown = screen(&object("crm", &json!({}), &status), now(), Paint::PLAIN);
    let wanted = "\
Holds      Partial, read 1h ago
           The user of the token sees 1214 objects, 312 of them custom.
           Scratch org, API versions 31.0 to 67.0
           records: 7 Account, 0 Lead
           limit DataStorageMB: 92 of 100
           ? Organization: ObjectNotReadable
           details in ConfigMap crm-inventory
";
    assert!(shown.ends_with(wanted), "{shown}");
}

#[test]
fn the_workloads_that_are_restarted_are_shown_with_what_stands_in_the_way() {
    let restarts = json!([
        { "kind": "Deployment", "name": "web", "tokenIssueTime": "2026-11-27T09:00:00Z", "restartTime": "2026-11-27T09:00:00Z" },
        { "kind": "DaemonSet", "name": "agent", "tokenIssueTime": "2026-11-27T09:00:00Z" },
        { "kind": "StatefulSet", "name": "db", "tokenIssueTime": "2026-11-27T09:00:00Z",
            "reason": "WorkloadMissing", "message": "It is not there." },
    ]);
    let status = json!({ "observedGeneration": 2, "rolloutRestarts": restarts });
    let shown = screen(&object("crm", &json!({}), &status), now(), Paint::PLAIN);
    let wanted = "\
Restarts   Deployment web, 1h ago
           DaemonSet agent, not yet
           ? StatefulSet db: WorkloadMissing: It is not there.
";
    assert!(shown.ends_with(wanted), "{shown}");
}

#[test]
fn copies_of_the_token_are_counted_with_what_stands_in_the_way() {
    for (sharing, wanted) in [
        (
            json!({ "copies": 1, "ready": 1 }),
            "Shared     1 of 1 copy in other namespaces current\n",
        ),
        (
            json!({ "copies": 3, "ready": 2, "message": "reports/crm: SecretTaken." }),
            "Shared     2 of 3 copies in other namespaces current\n           reports/crm: SecretTaken.\n",
        ),
    ] {
        let status = json!({ "observedGeneration": 2, "sharing": sharing });
        let shown = screen(&object("crm", &json!({}), &status), now(), Paint::PLAIN);
        assert!(shown.ends_with(wanted), "{shown}");
    }
}

#[test]
fn rotations_of_the_credentials_are_shown_with_what_stands_in_the_way() {
    let failures = json!({
        "count": 1, "reason": "ConsumerNotFound", "message": "It is not there.",
        "firstFailureTime": "2026-11-27T09:00:00Z", "lastFailureTime": "2026-11-27T09:00:00Z",
    });
    for (rotation, wanted) in [
        (
            json!({ "lastRotationTime": "2026-11-27T09:00:00Z", "nextRotationTime": "2026-11-27T11:00:00Z" }),
            "Rotation   credentials of the app, 1h ago, next in 1h\n",
        ),
        (
            json!({ "failures": failures }),
            "Rotation   credentials of the app, not yet\n           ? ConsumerNotFound: It is not there.\n",
        ),
    ] {
        let status = json!({ "observedGeneration": 2, "credentialRotation": rotation });
        let shown = screen(&object("crm", &json!({}), &status), now(), Paint::PLAIN);
        assert!(shown.ends_with(wanted), "{shown}");
    }
}

#[test]
fn a_connector_that_no_operator_has_seen_says_so() {
    let wanted = "\
Connector  new in namespace demo
Ready      Unknown: no operator has processed this connector. Check that the operator runs and watches this namespace.
Act        no one
Login      clientCredentials at acme.my.salesforce.com
";
    let new = object("new", &json!({}), &json!({ "observedGeneration": -1 }));
    assert_eq!(screen(&new, now(), Paint::PLAIN), wanted);
}

#[test]
fn many_connectors_stand_in_a_table_above_what_needs_a_person() {
    let odd = object("odd", &json!({ "environment": "Moon" }), &json!({}));
    let wanted = "\
NAMESPACE  NAME  READY    REASON              ORG   USER                EXPIRES   NEXT
demo       crm   True     TokenValid          Acme  robot@acme.example  in 1h48m  renewal of the token in 1h8m
demo       uat   False    InputSecretMissing                                      next attempt in 2m
demo       odd   Unknown  Unreadable

uat: the owner of the connector and its Secrets must act: InputSecretMissing
  The Secret that the connector refers to does not exist. Create it.
odd: this version of the plugin can't read it: unknown variant `Moon`, expected `Live` or `Sandbox`
";
    assert_eq!(
        table(&[good(), stalled(), odd], true, now(), Paint::PLAIN),
        wanted
    );
}

#[test]
fn what_a_connector_says_moves_no_cursor_and_forges_no_colour() {
    let evil = "\u{1b}[2J\u{1b}[32mTrue\u{9b}1A\u{202e}";
    let spec = json!({ "displayName": evil, "host": evil });
    let object = object(
        "crm",
        &spec,
        &json!({ "observedGeneration": 2, "conditions": [condition("Ready", "False", evil, evil)] }),
    );
    for drawn in [
        screen(&object, now(), Paint::PLAIN),
        table(&[object], false, now(), Paint::PLAIN),
    ] {
        assert!(
            drawn.contains("[2J") && !drawn.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
            "{drawn:?}"
        );
    }
}

#[test]
fn a_step_that_passed_with_a_recommendation_is_marked() {
    let step = json!({ "name": "Scopes", "result": "Passed", "message": "It has web.", "remedy": "Replace web by api." });
    let test = json!({ "result": "Succeeded", "message": "", "lastTestTime": "2026-11-27T09:57:00Z", "steps": [step] });
    let test = serde_json::from_value(test).expect("a test");
    assert_eq!(
        ladder(&test, Paint::PLAIN),
        "! Scopes\n    It has web.\n    Replace web by api.\n"
    );
}

#[test]
fn the_readme_shows_this_screen() {
    let readme = include_str!("../../../../../README.md");
    let screen = screen(&good(), now(), Paint::PLAIN);
    assert!(
        readme.contains(&format!("\n$ kubectl salesforce status crm\n{screen}```\n")),
        "{screen}"
    );
}

#[test]
fn colours_change_nothing_but_colour() {
    let objects = [good(), stalled()];
    let coloured = table(&objects, false, now(), Paint::COLOURED);
    assert!(coloured.contains("\u{1b}[32mTrue\u{1b}[0m"), "{coloured:?}");
    let mut plain = coloured;
    for code in ["\u{1b}[32m", "\u{1b}[31m", "\u{1b}[33m", "\u{1b}[1m", "\u{1b}[0m"] {
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, table(&objects, false, now(), Paint::PLAIN));
}
