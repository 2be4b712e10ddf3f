//! Every refusal of the token endpoint that a situation brings about, in its exact words.

use std::time::Duration;

use salesforce_sim::{
    AppStanding, Fault, FaultRule, Flow, IpRestriction, OrgStatus, PermittedUsers, REST_CATALOGUE,
    RefreshTokenPolicy, Standing, TOKEN_ENDPOINT_CATALOGUE, World, default_world as dw,
};
use serde_json::{Value, json};

use crate::support::{
    Bench, JWT_BEARER, LOGIN, TEST, claims, client_credentials, full_password, password, refresh, refused,
    sign, sign_as,
};

type Form = Vec<(String, String)>;

struct Case {
    name: &'static str,
    host: &'static str,
    form: Box<dyn Fn(&mut World) -> Form>,
    refusal: (u16, &'static str, &'static str),
}

fn owned(pairs: &[(&str, &str)]) -> Form {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn case(
    name: &'static str,
    refusal: (&'static str, &'static str),
    form: impl Fn(&mut World) -> Form + 'static,
) -> Case {
    Case {
        name,
        host: dw::PRODUCTION,
        form: Box::new(form),
        refusal: (400, refusal.0, refusal.1),
    }
}

impl Case {
    fn at(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }
}

fn eca(arrange: impl Fn(&mut World) + 'static) -> impl Fn(&mut World) -> Form {
    move |world| {
        arrange(world);
        owned(&client_credentials(dw::ECA, dw::ECA_SECRET))
    }
}

fn jwt(change: impl Fn(&mut World, &mut Value) + 'static) -> impl Fn(&mut World) -> Form {
    move |world| {
        let mut claims = claims();
        change(world, &mut claims);
        assertion(&sign(&claims, dw::JWT_KEY_PKCS8))
    }
}

fn assertion(jwt: &str) -> Form {
    owned(&[("grant_type", JWT_BEARER), ("assertion", jwt)])
}

fn refreshing(arrange: impl Fn(&mut World) + 'static) -> impl Fn(&mut World) -> Form {
    move |world| {
        let token = world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER);
        arrange(world);
        owned(&refresh(dw::ECA, dw::ECA_SECRET, &token))
    }
}

fn with_password(given: &'static str, arrange: impl Fn(&mut World) + 'static) -> impl Fn(&mut World) -> Form {
    move |world| {
        arrange(world);
        owned(&password(
            dw::INTEGRATION_USER,
            &given.replace("FULL", &full_password()),
        ))
    }
}

fn app_cases() -> Vec<Case> {
    let wrong_secret = ("invalid_client", "invalid client credentials");
    let unknown = ("invalid_client_id", "client identifier invalid");
    vec![
        case("unknown consumer key", unknown, |_| {
            owned(&client_credentials("nobody", "x"))
        }),
        case("no consumer key", unknown, |_| {
            owned(&[("grant_type", "client_credentials")])
        }),
        case(
            "app too new",
            unknown,
            eca(|world| {
                let soon = world
                    .clock
                    .now()
                    .checked_add(jiff::SignedDuration::from_mins(5))
                    .unwrap();
                world.app(dw::ECA).known_from = Some(soon);
            }),
        ),
        case("wrong secret", wrong_secret, |_| {
            owned(&client_credentials(dw::ECA, "wrong"))
        }),
        case(
            "rotated secret",
            wrong_secret,
            eca(|world| {
                world.rotate_client_secret(dw::ECA, "new", Duration::ZERO);
            }),
        ),
        case(
            "uninstalled app",
            ("invalid_client", "app must be installed into org"),
            eca(|world| {
                world.uninstall_app(dw::ECA);
            }),
        ),
        case(
            "connected app of another org",
            ("invalid_client", "app must be installed into org"),
            |_| owned(&client_credentials(dw::CONNECTED, dw::CONNECTED_SECRET)),
        )
        .at(dw::DEVELOPER),
        case(
            "external client app on the shared host",
            (
                "app_not_found",
                "External client app is not installed in this org",
            ),
            jwt(|_, _| ()),
        )
        .at(LOGIN),
        case(
            "external client app of another org",
            (
                "app_not_found",
                "External client app is not installed in this org",
            ),
            eca(|_| ()),
        )
        .at(dw::SANDBOX),
        case(
            "disabled app",
            (
                "oauth_flow_disabled",
                "The external client app or the OAuth plugin is disabled.",
            ),
            eca(|world| world.app(dw::ECA).standing = AppStanding::Disabled),
        ),
        case(
            "blocked app",
            ("app_blocked", "app blocked by admin"),
            eca(|world| world.block_app(dw::ECA)),
        ),
        case(
            "unknown grant type",
            ("unsupported_grant_type", "grant type not supported"),
            |_| owned(&[("grant_type", "magic")]),
        ),
        case(
            "no grant type",
            ("unsupported_grant_type", "grant type not supported"),
            |_| Vec::new(),
        ),
    ]
}

fn client_credentials_cases() -> Vec<Case> {
    let wrong_domain = ("invalid_grant", "request not supported on this domain");
    vec![
        case("client credentials on login", wrong_domain, eca(|_| ())).at(LOGIN),
        case("client credentials on test", wrong_domain, eca(|_| ())).at(TEST),
        case(
            "flow off",
            ("invalid_grant", "client credentials flow not enabled"),
            eca(|world| {
                world.app(dw::ECA).flows.remove(&Flow::ClientCredentials);
            }),
        ),
        case(
            "no run-as user",
            ("invalid_grant", "no client credentials user enabled"),
            eca(|world| {
                world.app(dw::ECA).run_as = None;
            }),
        ),
        case(
            "run-as user not approved",
            (
                "invalid_app_access",
                "user is not admin approved to access this app",
            ),
            eca(|world| world.app(dw::ECA).permitted_users = PermittedUsers::AdminApproved),
        ),
        case(
            "no usable scope",
            ("invalid_grant", "no valid scopes"),
            eca(|world| {
                world.app(dw::ECA).scopes = vec!["full".to_owned(), "refresh_token".to_owned()];
            }),
        ),
        case(
            "scope sent",
            ("invalid_request", "scope parameter not supported"),
            |_| {
                let mut form = owned(&client_credentials(dw::ECA, dw::ECA_SECRET));
                form.push(("scope".to_owned(), "api".to_owned()));
                form
            },
        ),
        case(
            "frozen user",
            ("invalid_grant", "authentication failure"),
            eca(|world| {
                world.set_standing(dw::INTEGRATION_USER, Standing::Frozen);
            }),
        ),
        case(
            "deactivated user",
            ("inactive_user", "user is inactive"),
            eca(|world| {
                world.set_standing(dw::INTEGRATION_USER, Standing::Inactive);
            }),
        ),
        case(
            "closed org",
            ("inactive_org", "organization is inactive"),
            eca(|world| {
                world.org(dw::PRODUCTION).status = OrgStatus::Inactive;
            }),
        ),
        case(
            "address",
            ("invalid_grant", "ip restricted"),
            eca(|world| {
                world.org(dw::PRODUCTION).ip_restriction = IpRestriction::TokenEndpoint;
            }),
        ),
        case(
            "address, unnamed",
            ("invalid_grant", "authentication failure"),
            eca(|world| {
                world.org(dw::PRODUCTION).ip_restriction = IpRestriction::TokenEndpointUnnamed;
            }),
        ),
        case(
            "login hours",
            ("invalid_grant", "ip restricted or invalid login hours"),
            eca(|world| {
                world.user(dw::INTEGRATION_USER).outside_login_hours = true;
            }),
        ),
        case(
            "login rate",
            ("rate_limit_exceeded", "login rate exceeded"),
            eca(|world| {
                world.org(dw::PRODUCTION).logins_per_hour = Some(0);
            }),
        ),
    ]
}

fn jwt_cases() -> Vec<Case> {
    let invalid = ("invalid_grant", "invalid assertion");
    let audience = ("invalid_grant", "audience is invalid");
    let old = jiff::Timestamp::now().as_second() - 200;
    vec![
        case("another key", invalid, |_| {
            assertion(&sign(&claims(), dw::WRONG_KEY_PKCS8))
        }),
        case("another algorithm", invalid, |_| {
            assertion(&sign_as("HS256", &claims(), dw::JWT_KEY_PKCS8))
        }),
        case("no JWT at all", invalid, |_| assertion("rubbish")),
        case(
            "certificate above 4 KB",
            invalid,
            jwt(|world, _| {
                world.app(dw::JWT).certificate_pem =
                    Some(format!("{}{}", dw::JWT_CERTIFICATE, "\n".repeat(4096)));
            }),
        ),
        case(
            "expired",
            ("invalid_grant", "expired authorization code"),
            jwt(move |_, claims| {
                claims["exp"] = json!(old);
            }),
        ),
        case(
            "audience of sandboxes",
            audience,
            jwt(|_, claims| claims["aud"] = json!("https://test.salesforce.com")),
        ),
        case(
            "no audience",
            audience,
            jwt(|_, claims| claims["aud"] = json!(null)),
        ),
        case(
            "unknown user",
            ("invalid_grant", "user hasn't approved this consumer"),
            jwt(|_, claims| {
                claims["sub"] = json!("nobody@green-itr.example");
            }),
        ),
        case(
            "prn wins over sub",
            ("invalid_grant", "user hasn't approved this consumer"),
            jwt(|_, claims| {
                claims["prn"] = json!("nobody@green-itr.example");
            }),
        ),
        case(
            "self-authorize, no approval",
            ("invalid_grant", "user hasn't approved this consumer"),
            jwt(|world, _| {
                world.app(dw::JWT).permitted_users = PermittedUsers::AllMaySelfAuthorize;
            }),
        ),
        case(
            "user not admin approved",
            (
                "invalid_app_access",
                "user is not admin approved to access this app",
            ),
            jwt(|world, _| world.app(dw::JWT).pre_authorized.clear()),
        ),
        case(
            "app without the refresh_token scope",
            (
                "invalid_request",
                "refresh_token scope is required and the connected app should be installed and preauthorized",
            ),
            jwt(|world, _| world.app(dw::JWT).scopes = vec!["api".to_owned()]),
        ),
        case(
            "unknown issuer",
            ("invalid_client_id", "client identifier invalid"),
            jwt(|_, claims| {
                claims["iss"] = json!("nobody");
            }),
        ),
    ]
}

fn refresh_cases() -> Vec<Case> {
    let expired = ("invalid_grant", "expired access/refresh token");
    vec![
        case(
            "revoked grant",
            expired,
            refreshing(|world| {
                world.revoke_grants(dw::ECA, dw::INTEGRATION_USER);
            }),
        ),
        case(
            "refresh token past its fixed lifetime",
            ("invalid_grant", "token validity expired"),
            refreshing(|world| {
                world.app(dw::ECA).refresh_token_policy =
                    RefreshTokenPolicy::After(Duration::from_secs(3_600));
                world.advance(Duration::from_secs(3_600));
            }),
        ),
        case("unknown refresh token", expired, |_| {
            owned(&refresh(dw::ECA, dw::ECA_SECRET, "5Aep861nothing"))
        }),
        case("refresh token of another app", expired, |world| {
            let token = world.grant_refresh_token(dw::ROTATING, dw::INTEGRATION_USER);
            owned(&refresh(dw::ECA, dw::ECA_SECRET, &token))
        }),
        case(
            "idle for 30 days",
            expired,
            refreshing(|world| {
                let days = Duration::from_secs(30 * 24 * 3600);
                world.app(dw::ECA).refresh_token_policy = RefreshTokenPolicy::Idle(days);
                world.advance(days);
            }),
        ),
        case(
            "policy says immediately",
            expired,
            refreshing(|world| {
                world.app(dw::ECA).refresh_token_policy = RefreshTokenPolicy::Immediately;
            }),
        ),
        case(
            "pushed out by the sixth approval",
            expired,
            refreshing(|world| {
                for _ in 0..5 {
                    world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER);
                }
            }),
        ),
        case(
            "address allowlist of the app",
            ("invalid_grant", "ip restricted by app developer"),
            refreshing(|world| {
                world.app(dw::ECA).refresh_token_ip_allowlist = Some(Vec::new());
            }),
        ),
        case("sandbox refreshed", expired, |world| {
            let token = world.grant_refresh_token(dw::SANDBOX_ECA, dw::SANDBOX_USER);
            world.refresh_sandbox(dw::SANDBOX);
            owned(&refresh(dw::SANDBOX_ECA, dw::SANDBOX_ECA_SECRET, &token))
        })
        .at(dw::SANDBOX),
    ]
}

fn password_cases() -> Vec<Case> {
    let failure = ("invalid_grant", "authentication failure");
    vec![
        case("wrong password", failure, with_password("wrong", |_| ())),
        case(
            "password without security token",
            failure,
            with_password(dw::PASSWORD, |_| ()),
        ),
        case(
            "password expired",
            failure,
            with_password("FULL", |world| {
                world.user(dw::INTEGRATION_USER).password_expired = true;
            }),
        ),
        case(
            "locked user",
            failure,
            with_password("FULL", |world| {
                world.set_standing(dw::INTEGRATION_USER, Standing::Locked);
            }),
        ),
        case(
            "org blocks the flow",
            failure,
            with_password("FULL", |world| {
                world.org(dw::PRODUCTION).allows_password_flow = false;
            }),
        ),
        case(
            "shared host refused by the org",
            failure,
            with_password("FULL", |world| {
                world.org(dw::PRODUCTION).my_domain_login_only = true;
            }),
        )
        .at(LOGIN),
        case(
            "user of another environment",
            failure,
            with_password("FULL", |_| ()),
        )
        .at(TEST),
        case(
            "external client app",
            ("unsupported_grant_type", "grant type not supported"),
            |_| {
                owned(&[
                    ("grant_type", "password"),
                    ("client_id", dw::ECA),
                    ("client_secret", dw::ECA_SECRET),
                    ("username", dw::INTEGRATION_USER),
                    ("password", &full_password()),
                ])
            },
        ),
        case(
            "after the retirement",
            ("unsupported_grant_type", "grant type not supported"),
            with_password("FULL", |world| {
                world.switches.password_flow_retires = true;
                // Beyond 2027-02-20 whenever the test runs.
                world.advance(Duration::from_secs(365 * 24 * 3600));
            }),
        ),
    ]
}

#[tokio::test]
async fn each_situation_is_refused_in_the_documented_words() {
    let groups = [
        app_cases(),
        client_credentials_cases(),
        jwt_cases(),
        refresh_cases(),
        password_cases(),
    ];
    for case in groups.into_iter().flatten() {
        let bench = Bench::new();
        let form = bench.sim.world(|world| (case.form)(world));
        let form: Vec<(&str, &str)> = form
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = bench.token(case.host, &form).await;
        let (status, error, description) = case.refusal;
        assert_eq!(
            answer.refusal(),
            refused(status, error, description),
            "{}",
            case.name
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", case.name);
    }
}

#[tokio::test]
async fn every_row_of_the_catalogue_can_be_forced() {
    let bench = Bench::new();
    for row in TOKEN_ENDPOINT_CATALOGUE {
        bench.sim.fault(FaultRule::once(Fault::OauthRefusal {
            status: row.status,
            error: row.error.to_owned(),
            error_description: row.description.to_owned(),
        }));
        let answer = bench
            .client_credentials(dw::PRODUCTION, dw::ECA, dw::ECA_SECRET)
            .await;
        assert_eq!(answer.refusal(), refused(row.status, row.error, row.description));
    }
    let token = bench.access_token().await;
    for row in REST_CATALOGUE {
        bench.sim.fault(FaultRule::once(Fault::RestRefusal {
            status: row.status,
            error_code: row.error_code.to_owned(),
            message: row.message.to_owned(),
        }));
        let answer = bench.get(dw::PRODUCTION, "/services/data/v66.0/", &token).await;
        assert_eq!(
            answer.rest_refusal(),
            refused(row.status, row.error_code, row.message)
        );
    }
}
