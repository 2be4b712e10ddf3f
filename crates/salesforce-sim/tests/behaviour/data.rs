//! The REST API, identity and discovery.

use std::time::Duration;

use salesforce_sim::{ApiDisabledWording, IpRestriction, Standing, User, World, default_world as dw};
use serde_json::json;

use crate::support::{Bench, refused};

const RESOURCES: &str = "/services/data/v66.0/";
const ORGANIZATION: &str = "/services/data/v66.0/query?q=SELECT+Id,+Name,+OrganizationType,+InstanceName,+IsSandbox,+\
                            TrialExpirationDate,+NamespacePrefix+FROM+Organization";

#[tokio::test]
async fn the_versions_list_is_open_and_not_counted() {
    let bench = Bench::new();
    let answer = bench
        .send(dw::PRODUCTION, bench.http.get(bench.url("/services/data/")))
        .await
        .unwrap();
    assert_eq!((answer.status, answer.header("sforce-limit-info")), (200, None));
    let versions = answer.json();
    assert_eq!(
        versions.as_array().unwrap().last().unwrap(),
        &json!({ "label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0" })
    );
    assert!(
        versions
            .as_array()
            .unwrap()
            .contains(&json!({ "label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0" }))
    );
}

#[tokio::test]
async fn the_organization_query_tells_the_org_and_counts() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    let answer = bench.get(dw::PRODUCTION, ORGANIZATION, &token).await;
    assert_eq!(answer.header("sforce-limit-info"), Some("api-usage=1/100000"));
    let id = bench.sim.world(|world| world.org(dw::PRODUCTION).id.clone());
    assert_eq!(
        answer.json(),
        json!({ "totalSize": 1, "done": true, "records": [{
            "attributes": { "type": "Organization", "url": format!("/services/data/v66.0/sobjects/Organization/{id}") },
            "Id": id, "Name": "Green ITR", "OrganizationType": "Enterprise Edition", "InstanceName": "EUZ12",
            "IsSandbox": false, "TrialExpirationDate": null, "NamespacePrefix": null,
        }] })
    );
}

#[tokio::test]
async fn each_situation_is_refused_in_the_documented_words() {
    type Arrange = fn(&mut World);
    let not_for_rest = "This session is not valid for use with the REST API";
    let cases: Vec<(&str, Arrange, (u16, &str, &str))> = vec![
        (
            "no api scope",
            |w| w.app(dw::ECA).scopes = vec!["id".into()],
            (401, "INVALID_SESSION_ID", not_for_rest),
        ),
        (
            "high assurance",
            |w| w.user(dw::INTEGRATION_USER).needs_high_assurance = true,
            (401, "INVALID_SESSION_ID", not_for_rest),
        ),
        (
            "address",
            |w| w.org(dw::PRODUCTION).ip_restriction = IpRestriction::Rest,
            (401, "INVALID_SESSION_ID", not_for_rest),
        ),
        (
            "API access control",
            |w| {
                w.org(dw::PRODUCTION).api_access_control = true;
                w.app(dw::ECA).api_allow_listed = false;
            },
            (401, "INVALID_SESSION_ID", not_for_rest),
        ),
        (
            "agent",
            |w| w.app(dw::ECA).not_attached_to_agent = true,
            (
                401,
                "INVALID_SESSION_ID",
                "Connected app is not attached to Agent",
            ),
        ),
        (
            "org without API",
            |w| w.org(dw::PRODUCTION).api_enabled = false,
            (
                403,
                "API_DISABLED_FOR_ORG",
                "The REST API is not enabled for this Organization.",
            ),
        ),
        (
            "user without API",
            |w| w.user(dw::INTEGRATION_USER).api_enabled = false,
            (
                403,
                "API_DISABLED_FOR_ORG",
                "The REST API is not enabled for this Organization.",
            ),
        ),
        (
            "user without API, other words",
            |w| {
                w.user(dw::INTEGRATION_USER).api_enabled = false;
                w.switches.api_disabled_wording = ApiDisabledWording::ForUser;
            },
            (403, "API_CURRENTLY_DISABLED", "API is disabled for this User"),
        ),
        (
            "limit",
            |w| w.org(dw::PRODUCTION).api_limit_exceeded = true,
            (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        ),
    ];
    for (name, arrange, (status, code, message)) in cases {
        let bench = Bench::with(arrange);
        let token = bench.access_token().await;
        let answer = bench.get(dw::PRODUCTION, RESOURCES, &token).await;
        assert_eq!(answer.rest_refusal(), refused(status, code, message), "{name}");
    }
}

#[tokio::test]
async fn a_dead_token_is_401_json_on_rest_and_403_text_on_oauth() {
    let bench = Bench::new();
    let answer = bench.get(dw::PRODUCTION, RESOURCES, "00Dnothing!x").await;
    assert_eq!(
        answer.rest_refusal(),
        refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
    );
    for path in ["/services/oauth2/userinfo", "/id/00D/005"] {
        let answer = bench.get(dw::PRODUCTION, path, "00Dnothing!x").await;
        assert_eq!((answer.status, answer.text.as_str()), (403, "Bad_OAuth_Token"));
        let answer = bench
            .send(dw::PRODUCTION, bench.http.get(bench.url(path)))
            .await
            .unwrap();
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (403, "Missing_OAuth_Token")
        );
    }
}

#[tokio::test]
async fn a_token_is_dead_on_another_orgs_host() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    let answer = bench.get(dw::SANDBOX, RESOURCES, &token).await;
    assert_eq!(
        answer.rest_refusal(),
        refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
    );
}

#[tokio::test]
async fn permissions_decide_on_organization_and_limits() {
    let bench = Bench::with(|world| world.app(dw::ECA).run_as = Some(dw::API_ONLY_USER.to_owned()));
    let token = bench.access_token().await;
    let answer = bench.get(dw::PRODUCTION, ORGANIZATION, &token).await;
    assert_eq!(
        (answer.status, answer.rest_refusal().1.as_str()),
        (400, "INVALID_TYPE")
    );
    let answer = bench
        .get(dw::PRODUCTION, "/services/data/v66.0/limits", &token)
        .await;
    assert_eq!(
        answer.rest_refusal(),
        refused(403, "API_DISABLED_FOR_ORG", "limits resource is not enabled")
    );
    assert_eq!(bench.get(dw::PRODUCTION, RESOURCES, &token).await.status, 200);
    bench
        .sim
        .world(|world| world.user(dw::API_ONLY_USER).views_setup = true);
    let answer = bench
        .get(dw::PRODUCTION, "/services/data/v66.0/limits", &token)
        .await;
    assert_eq!(
        answer.json()["DailyApiRequests"],
        json!({ "Max": 100_000, "Remaining": 99_996 })
    );
}

#[tokio::test]
async fn describe_global_lists_custom_objects() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    let answer = bench
        .get(dw::PRODUCTION, "/services/data/v66.0/sobjects", &token)
        .await
        .json();
    let custom: Vec<_> = answer["sobjects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["custom"] == true)
        .map(|object| object["name"].clone())
        .collect();
    assert_eq!(custom, ["Invoice__c", "Invoice_Line__c", "Shipment__c"]);
}

#[tokio::test]
async fn describe_global_is_not_sent_again_until_the_objects_change() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    let since = async |modified: Option<&str>| {
        let request = bench.http.get(bench.url("/services/data/v66.0/sobjects"));
        let request = request.bearer_auth(&token);
        let request = match modified {
            Some(modified) => request.header("if-modified-since", modified),
            None => request,
        };
        let answer = bench.send(dw::PRODUCTION, request).await.unwrap();
        (answer.status, answer.header("last-modified").map(str::to_owned))
    };
    let (_, first) = since(None).await;
    let first = first.unwrap();
    assert_eq!(since(Some(&first)).await, (304, None));
    bench.sim.advance(Duration::from_secs(60));
    bench.sim.world(|world| {
        world.org(dw::PRODUCTION).custom_objects.push("New__c".to_owned());
    });
    let (status, second) = since(Some(&first)).await;
    assert_eq!(status, 200);
    assert_eq!(since(second.as_deref()).await, (304, None));
}

#[tokio::test]
async fn reports_and_dashboards_are_counted_by_a_query() {
    let bench = Bench::with(|world| {
        let counts = &mut world.org(dw::PRODUCTION).record_counts;
        counts.extend([("Report".to_owned(), 63), ("Dashboard".to_owned(), 9)]);
    });
    let token = bench.access_token().await;
    let mut counts = Vec::new();
    for object in ["Report", "Dashboard", "Account"] {
        let path = format!("/services/data/v66.0/query?q=SELECT+COUNT()+FROM+{object}");
        let answer = bench.get(dw::PRODUCTION, &path, &token).await.json();
        counts.push(answer["totalSize"].as_u64().unwrap());
    }
    assert_eq!(counts, [63, 9, 1_280]);
}

#[tokio::test]
async fn the_identity_url_refuses_in_one_word_each() {
    let other = "someone@green-itr.example";
    let bench = Bench::with(|world| {
        world.add_user(User::new(dw::PRODUCTION, other, dw::PASSWORD));
    });
    let token = bench.access_token().await;
    let (org, user, other_id) = bench.sim.world(|world| {
        let id = |world: &mut World, name: &str| world.user(name).id.clone();
        let org = world.org(dw::PRODUCTION).id.clone();
        (org, id(world, dw::INTEGRATION_USER), id(world, other))
    });
    let asked = async |path: &str| {
        let answer = bench.get(dw::PRODUCTION, path, &token).await;
        (answer.status, answer.text)
    };
    let said = |status: u16, text: &str| (status, text.to_owned());
    let of = |org: &str, user: &str| format!("/id/{org}/{user}");
    assert_eq!(
        asked(&of("00D000000000001AAA", &user)).await,
        said(403, "Wrong_Org")
    );
    assert_eq!(asked(&of(&org, "005000000000001AAA")).await, said(404, "Bad_Id"));
    assert_eq!(asked(&of(&org, &other_id)).await, said(404, "No_Access"));
    bench
        .sim
        .world(|world| world.set_standing(other, Standing::Inactive));
    assert_eq!(asked(&of(&org, &other_id)).await, said(404, "Inactive"));
    let versioned = format!("{}?version=rubbish", of(&org, &user));
    assert_eq!(asked(&versioned).await, said(406, "Invalid_Version"));
    assert_eq!(asked(&of(&org, &user)).await.0, 200);
}

#[tokio::test]
async fn an_object_is_described_and_a_record_is_read_also_with_a_slash_too_many() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    let get = async |path: &str| bench.get(dw::PRODUCTION, path, &token).await;
    let described = get("/services/data/v66.0/sobjects/user/describe").await.json();
    let fields: Vec<_> = described["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].clone())
        .collect();
    assert_eq!(described["name"], "User");
    assert_eq!(fields, ["Id", "Username", "Name", "IsActive"]);
    let id = bench
        .sim
        .world(|world| world.user(dw::INTEGRATION_USER).id.clone());
    let user = get(&format!("/services/data/v66.0//sobjects/User/{id}"))
        .await
        .json();
    assert_eq!(user["Username"], dw::INTEGRATION_USER);
    assert_eq!(
        get("/services/data/v66.0/sobjects/User/005000000000000AAA")
            .await
            .status,
        404
    );
    assert_eq!(
        get("/services/data/v66.0/sobjects/Nothing/describe").await.status,
        404
    );
    assert_eq!(get("//services/data").await.status, 200);
}

#[tokio::test]
async fn a_query_tells_its_columns_where_these_are_asked_for() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    let path = "/services/data/v66.0/query?q=SELECT+Name,IsActive+FROM+User&columns=true";
    let answer = bench.get(dw::PRODUCTION, path, &token).await.json();
    let columns: Vec<_> = answer["columnMetadata"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["columnName"].clone(), c["booleanType"].clone()))
        .collect();
    assert_eq!(
        columns,
        [("Name".into(), false.into()), ("IsActive".into(), true.into())]
    );
    assert_eq!(answer["entityName"], "User");
}

#[tokio::test]
async fn records_are_counted_for_who_may_view_the_setup() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    let path = "/services/data/v66.0/limits/recordCount?sObjects=Account,invoice__c,Lead";
    let answer = bench.get(dw::PRODUCTION, path, &token).await;
    assert_eq!(
        answer.json(),
        json!({ "sObjects": [{ "count": 1_280, "name": "Account" }, { "count": 48_210, "name": "Invoice__c" }] })
    );
    bench
        .sim
        .world(|world| world.user(dw::INTEGRATION_USER).views_setup = false);
    let answer = bench.get(dw::PRODUCTION, path, &token).await;
    assert_eq!(
        answer.rest_refusal(),
        refused(403, "API_DISABLED_FOR_ORG", "limits resource is not enabled")
    );
}

#[tokio::test]
async fn paths_and_versions_that_are_not_there_are_said_to_be_so() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    for (path, status) in [
        ("/services/data/v66.0/nothing", 404),
        ("/services/data/v99.0/", 404),
        ("/services/data/v25.0/", 410),
        ("/services/data/v66.0/query?q=SELECT+Id+FROM+Nothing", 400),
        ("/services/data/v66.0/query?q=SELECT+Nope+FROM+Organization", 400),
        ("/services/data/v66.0/query?q=rubbish", 400),
        ("/nothing", 404),
    ] {
        assert_eq!(
            bench.get(dw::PRODUCTION, path, &token).await.status,
            status,
            "{path}"
        );
    }
    assert_eq!(
        bench
            .get("nobody.my.salesforce.com", "/services/data/", "")
            .await
            .status,
        420
    );
}

#[tokio::test]
async fn use_extends_a_session_once_half_of_it_has_passed() {
    for (half_time_rule, first_use, alive) in [(true, 1000, false), (true, 3700, true), (false, 1000, true)] {
        let bench = Bench::with(|world| {
            world.clock.freeze();
            world.switches.half_time_rule = half_time_rule;
        });
        let token = bench.access_token().await;
        bench.sim.advance(Duration::from_secs(first_use));
        assert_eq!(bench.versions_with(&token).await, 200);
        bench.sim.advance(Duration::from_secs(6700));
        assert_eq!(
            bench.versions_with(&token).await == 200,
            alive,
            "{half_time_rule} {first_use}"
        );
    }
}

#[tokio::test]
async fn identity_and_userinfo_work_without_api_enabled() {
    let bench = Bench::with(|world| world.app(dw::ECA).run_as = Some(dw::NO_API_USER.to_owned()));
    let answer = bench
        .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
        .await;
    let (token, id) = (answer.field("access_token"), answer.field("id"));
    let userinfo = bench
        .get(dw::PRODUCTION, "/services/oauth2/userinfo", &token)
        .await;
    assert_eq!(userinfo.field("preferred_username"), dw::NO_API_USER);
    let path = id.strip_prefix("https://login.salesforce.com").unwrap();
    let identity = bench.get("login.salesforce.com", path, &token).await;
    assert_eq!(identity.field("username"), dw::NO_API_USER);
    assert_eq!(
        identity.field("organization_id"),
        userinfo.field("organization_id")
    );
}

#[tokio::test]
async fn discovery_names_the_host_called() {
    let bench = Bench::new();
    let answer = bench
        .get("login.salesforce.com", "/.well-known/openid-configuration", "")
        .await;
    assert_eq!(
        answer.field("introspection_endpoint"),
        "http://login.salesforce.com/services/oauth2/introspect"
    );
}
