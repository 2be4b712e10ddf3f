//! What do hosts answer that are not the org's My Domain?

use std::time::Duration;

use salesforce_sim::{Audience, Org, OrgKind, User, default_world as dw};

use crate::support::{
    Answer, Bench, JWT_BEARER, LOGIN, TEST, claims, full_password, password, refused, sign,
};

const SITE: &str = "green-itr.my.site.com";
const SETUP: &str = "green-itr.my.salesforce-setup.com";
const WELCOME: &str = "welcome.salesforce.com";

fn with_site() -> Bench {
    Bench::with(|world| world.org(dw::PRODUCTION).sites = vec![SITE.to_owned()])
}

async fn by_password(bench: &Bench, host: &str, username: &str) -> Answer {
    bench.token(host, &password(username, &full_password())).await
}

#[tokio::test]
async fn client_credentials_are_for_the_my_domain_and_no_other_host() {
    let bench = with_site();
    for host in [SITE, SETUP, LOGIN, WELCOME] {
        let answer = bench.client_credentials(host, dw::ECA, dw::ECA_SECRET).await;
        let wrong = refused(400, "invalid_grant", "request not supported on this domain");
        assert_eq!(answer.refusal(), wrong, "{host}");
    }
}

#[tokio::test]
async fn a_site_has_oauth_endpoints_of_its_own_and_no_data() {
    let bench = with_site();
    let answer = by_password(&bench, SITE, dw::INTEGRATION_USER).await;
    let token = answer.field("access_token");
    assert_eq!(
        answer.field("instance_url"),
        format!("https://{}", dw::PRODUCTION)
    );
    for host in [SITE, SETUP, LOGIN, TEST, WELCOME] {
        let data = bench.get(host, "/services/data/v66.0/", &token).await;
        let text = "Destination URL not reset. The URL returned from login must be set";
        assert_eq!(data.rest_refusal(), refused(400, "URL_NOT_RESET", text), "{host}");
    }
    assert_eq!(bench.versions_with(&token).await, 200);
    let userinfo = bench.get(SITE, "/services/oauth2/userinfo", &token).await;
    assert_eq!(userinfo.field("preferred_username"), dw::INTEGRATION_USER);
}

#[tokio::test]
async fn users_log_in_at_the_shared_host_of_their_cloud() {
    let orgs = [
        ("plain.my.salesforce.com", OrgKind::Production),
        ("box--uat.sandbox.my.salesforce.com", OrgKind::Sandbox),
        ("silk.my.sfcrmproducts.cn", OrgKind::Production),
        ("fort.my.salesforce.mil", OrgKind::Production),
    ];
    let bench = Bench::with(|world| {
        for (host, kind) in orgs {
            let mut org = Org::new(host, host, kind);
            org.allows_password_flow = true;
            org.caller_ip_trusted = true;
            world.add_org(org);
            world.add_user(User::new(host, format!("user@{host}"), &full_password()));
            world.app(dw::CONNECTED).installed_in.insert(host.to_owned());
        }
    });
    let shared = [
        LOGIN,
        TEST,
        WELCOME,
        "login.sfcrmproducts.cn",
        "test.sfcrmproducts.cn",
    ];
    let mut served = Vec::new();
    for (org, _) in orgs {
        let mut at = Vec::new();
        for host in shared {
            let answer = by_password(&bench, host, &format!("user@{org}")).await;
            if answer.status == 200 {
                at.push(host);
            }
        }
        assert_eq!(
            by_password(&bench, org, &format!("user@{org}")).await.status,
            200,
            "{org}"
        );
        served.push(at);
    }
    assert_eq!(
        served,
        [
            vec![LOGIN, WELCOME],
            vec![TEST],
            vec!["login.sfcrmproducts.cn"],
            vec![]
        ]
    );
}

#[tokio::test]
async fn the_orgs_own_hosts_are_audiences_of_jwt_bearer_by_switch() {
    let bench = with_site();
    let shared = format!("https://{LOGIN}");
    let (own, site) = (format!("https://{}", dw::PRODUCTION), format!("https://{SITE}"));
    for (audience, accepted) in [
        (Audience::Refused, [true, false, false]),
        (Audience::Accepted, [true, true, true]),
        (Audience::Demanded, [false, true, true]),
    ] {
        bench
            .sim
            .world(|world| world.switches.my_domain_as_audience = audience);
        let mut statuses = Vec::new();
        for aud in [&shared, &own, &site] {
            let mut claims = claims();
            claims["aud"] = aud.as_str().into();
            let assertion = sign(&claims, dw::JWT_KEY_PKCS8);
            let form = [("grant_type", JWT_BEARER), ("assertion", &*assertion)];
            statuses.push(bench.token(dw::PRODUCTION, &form).await.status == 200);
        }
        assert_eq!(statuses, accepted, "{audience:?}");
    }
}

#[tokio::test]
async fn refresh_tokens_of_a_new_external_client_app_rotate_and_end_after_30_idle_days() {
    const DAY: Duration = Duration::from_hours(24);
    let bench = Bench::new();
    let begin = async |app: &str, secret: &str| {
        let token = bench
            .sim
            .world(|world| world.grant_refresh_token(app, dw::INTEGRATION_USER));
        bench.sim.advance(29 * DAY);
        let answer = bench.refresh(app, secret, &token).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let next = answer.json()["refresh_token"].as_str().map(str::to_owned);
        bench.sim.advance(30 * DAY);
        let status = bench
            .refresh(app, secret, next.as_ref().unwrap_or(&token))
            .await
            .status;
        (next.is_some(), status)
    };
    assert_eq!(begin(dw::ROTATING, dw::ROTATING_SECRET).await, (true, 400));
    assert_eq!(begin(dw::ECA, dw::ECA_SECRET).await, (false, 200), "an older app");
    assert_eq!(begin(dw::CONNECTED, dw::CONNECTED_SECRET).await, (false, 200));
}
