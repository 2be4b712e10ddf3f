//! How long do new connectors of one tenant take while another tenant abuses the operator?

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::fleet::{connector, connectors, secret};
use crate::machine::Facts;
use crate::newcomers::{self, Times};
use crate::operator::{self, Mode, Operator};
use crate::plane::Plane;
use crate::programs::Programs;
use crate::{Failed, parallel};

/// The host of the tenant that abuses; another one than that of the newcomers.
const OTHER_HOST: &str = "green-itr--uat.sandbox.my.salesforce.com";
/// An app there, and its secret.
const OTHER_APP: (&str, &str) = ("3MVG9GreenItrSandboxApp", "sim-secret-sandbox-app");
/// The abuse goes on for so long before the first newcomer.
const BEFOREHAND: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Abuse {
    None,
    /// Many connectors of an org that never answers.
    HangingOrg,
    /// Requests for tests as fast as the API server takes them.
    RequestedTests,
    /// Many passwords of one user.
    OneUser,
    /// Junk credentials at the host of the newcomers.
    SpentBudget,
}

impl Abuse {
    const ALL: [Self; 5] = [
        Self::None,
        Self::HangingOrg,
        Self::RequestedTests,
        Self::OneUser,
        Self::SpentBudget,
    ];

    fn words(self, scale: &Scale) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::HangingOrg => format!("{} connectors of an org that hangs", scale.hanging),
            Self::RequestedTests => format!("requested tests of {} connectors", scale.tested),
            Self::OneUser => format!("{} passwords of one user", scale.passwords),
            Self::SpentBudget => format!("{JUNK} junk credentials, budget of {BUDGET} an hour"),
        }
    }

    /// What goes wrong at Salesforce.
    fn fault(self) -> Option<Value> {
        let delay = |millis: u32, endpoints: &[&str]| {
            let fault = json!({ "delay": { "millis": millis } });
            Some(json!({ "fault": fault, "host": OTHER_HOST, "endpoints": endpoints }))
        };
        match self {
            Self::None | Self::SpentBudget => None,
            Self::HangingOrg => Some(json!({ "fault": "never_answer", "host": OTHER_HOST })),
            Self::RequestedTests => delay(400, &["versions", "identity", "query"]),
            Self::OneUser => delay(1000, &["token"]),
        }
    }

    /// How many connectors there are, their specs, and the secret of their app.
    fn connectors(self, scale: &Scale) -> Option<(usize, Spec, &'static str)> {
        match self {
            Self::None => None,
            Self::HangingOrg => Some((scale.hanging, client_credentials, OTHER_APP.1)),
            Self::RequestedTests => Some((scale.tested, client_credentials, OTHER_APP.1)),
            Self::OneUser => Some((scale.passwords, password, OTHER_APP.1)),
            Self::SpentBudget => Some((JUNK, junk_at_the_newcomers_host, "junk")),
        }
    }

    /// What is requested over and over.
    fn annotation(self) -> Option<&'static str> {
        match self {
            Self::None | Self::HangingOrg | Self::OneUser => None,
            Self::RequestedTests => Some("test-requested-at"),
            Self::SpentBudget => Some("renew-requested-at"),
        }
    }

    /// Token requests an hour that the operator is given.
    fn budget(self) -> u32 {
        if self == Self::SpentBudget {
            BUDGET
        } else {
            1_000_000
        }
    }
}

/// The spec of a connector by its number.
type Spec = fn(usize) -> Value;

/// Token requests an hour, where the budget is to be spent.
const BUDGET: u32 = 240;
/// Connectors with junk credentials.
const JUNK: usize = 60;
/// Clients that ask on and on: enough for a high rate, few enough for the API server to serve others.
const ASKING: usize = 4;

struct Scale {
    hanging: usize,
    tested: usize,
    passwords: usize,
    newcomers: usize,
}

impl Scale {
    fn of(quick: bool) -> Self {
        let part = if quick { 5 } else { 1 };
        Self {
            hanging: 1000 / part,
            tested: 60,
            passwords: 200 / part,
            newcomers: 20,
        }
    }
}

/// Measures the operator, and another one where it is given, such as that of an earlier commit.
pub(crate) async fn report(
    programs: &Programs,
    before: Option<&Path>,
    quick: bool,
) -> Result<String, Failed> {
    testbed::install_crypto();
    let (facts, scale) = (Facts::gather(), Scale::of(quick));
    let operators: Vec<&Path> = before.into_iter().chain([programs.operator.as_path()]).collect();
    let mut text = format!("{}\n\n{}\n\n| what the other tenant does |", TITLE, facts.line());
    let names = ["before", "now"].iter().rev().take(operators.len()).rev();
    for name in names {
        let _ = write!(text, " {name}: p50, s | p99, s | longest, s |");
    }
    let _ = writeln!(text, "\n| --- |{}", " ---: |".repeat(3 * operators.len()));
    for abuse in Abuse::ALL {
        let _ = write!(text, "| {} |", abuse.words(&scale));
        for operator in &operators {
            let times = measured(programs, operator, abuse, &scale).await?;
            let figures = [50, 99, 100].map(|percent| times.part(percent));
            eprintln!("bench: {}: {abuse:?}: {figures:?}", operator.display());
            let _ = write!(text, " {} |", figures.join(" | "));
        }
        text.push('\n');
    }
    text.push_str(METHOD);
    Ok(text)
}

const TITLE: &str = "## Fair shares";

const METHOD: &str = "\n`scripts/bench --fair` measures this. Time from the creation of a connector until a watch sees it Ready, for 20 connectors of one namespace that are\n\
created half a second apart, while a tenant in another namespace does what the first column says, for 10 seconds before\n\
and all the time. A connector that is not Ready after a minute counts with that. `--before PROGRAM` measures another\n\
operator beside it, such as that of an earlier commit. Operator, API server and simulator run\n\
as they do for the fleet. See [decision 28](decisions/0028-fair-shares.md) for what is shared.\n";

async fn measured(programs: &Programs, program: &Path, abuse: Abuse, scale: &Scale) -> Result<Times, Failed> {
    let plane = Plane::start(&programs.simulator, Mode::ByName.as_str(), scale.newcomers).await?;
    let fleet = plane.fleet();
    fleet.create_inputs(0..scale.newcomers).await?;
    let log = operator::log(&plane, programs.logs.as_ref(), &format!("fair-{abuse:?}"))?;
    let mut operator = Operator::start_with(program, &plane, Mode::ByName, &log, abuse.budget())?;
    operator.leads().await?;
    let other = plane.another_namespace().await;
    let evil = Evil {
        clients: plane.clients.clone(),
        namespace: other.name().to_owned(),
    };
    let abused = evil.begin(abuse, scale, &plane).await?;
    tokio::time::sleep(BEFOREHAND).await;
    let times = newcomers::ready(&plane, &fleet, 0..scale.newcomers).await?;
    if let Some(requests) = abused {
        eprintln!("    {} requests by annotation", requests.load(Ordering::Relaxed));
    }
    operator.terminate().await?;
    Ok(times)
}

/// The tenant that abuses.
struct Evil {
    clients: Vec<Client>,
    namespace: String,
}

impl Evil {
    /// Begins, and goes on by itself; returns where requests by annotation are counted, if it makes any.
    async fn begin(
        &self,
        abuse: Abuse,
        scale: &Scale,
        plane: &Plane,
    ) -> Result<Option<Arc<AtomicUsize>>, Failed> {
        if let Some(fault) = abuse.fault() {
            plane.salesforce.fault(&fault).await?;
        }
        let Some((count, spec, app_secret)) = abuse.connectors(scale) else {
            return Ok(None);
        };
        self.create(count, spec, app_secret).await?;
        Ok(abuse
            .annotation()
            .map(|annotation| self.request(annotation, count)))
    }

    /// Creates connectors that share one Secret.
    async fn create(&self, count: usize, spec: Spec, app_secret: &str) -> Result<(), Failed> {
        let client = self.clients.first().ok_or("there is no client")?;
        let passwords = (0..count).map(|number| (format!("k{number}"), json!(format!("wrong-{number}"))));
        let mut values: serde_json::Map<String, Value> = passwords.collect();
        values.insert("client-secret".to_owned(), json!(app_secret));
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &self.namespace);
        secrets
            .create(&PostParams::default(), &secret("app", &Value::Object(values))?)
            .await?;
        parallel::for_each(&self.clients, 0..count, async |client, number| {
            let mut object = connector(number, &json!(false)).map_err(kube::Error::SerdeError)?;
            object.data = json!({ "spec": spec(number) });
            let api = connectors(client, &self.namespace);
            api.create(&PostParams::default(), &object).await.map(drop)
        })
        .await
        .map(drop)
    }

    /// Asks by annotation, each connector over and over, until the bench ends.
    fn request(&self, annotation: &'static str, count: usize) -> Arc<AtomicUsize> {
        let requests = Arc::new(AtomicUsize::new(0));
        // The first client is for the newcomers.
        for client in self.clients.iter().skip(1).take(ASKING).cloned() {
            let api = connectors(client, &self.namespace);
            let requests = requests.clone();
            tokio::spawn(async move { ask_on_and_on(&api, annotation, count, &requests).await });
        }
        requests
    }
}

async fn ask_on_and_on(api: &Api<DynamicObject>, annotation: &str, count: usize, requests: &AtomicUsize) {
    loop {
        let request = requests.fetch_add(1, Ordering::Relaxed);
        let name = format!("connector-{:05}", request % count);
        let annotations = json!({ format!("salesforce-connector.dev/{annotation}"): request.to_string() });
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
        if api.patch(&name, &PatchParams::default(), &patch).await.is_err() {
            return; // The control plane has ended, and with it the stage.
        }
    }
}

fn client_credentials(_: usize) -> Value {
    spec(OTHER_HOST, "Sandbox", &json!({ "clientCredentials": {} }))
}

fn password(number: usize) -> Value {
    let reference = json!({ "name": "app", "key": format!("k{number}") });
    let login = json!({ "username": "one@x.example", "passwordRef": reference });
    spec(OTHER_HOST, "Sandbox", &json!({ "password": login }))
}

fn junk_at_the_newcomers_host(_: usize) -> Value {
    spec(
        crate::salesforce::HOST,
        "Live",
        &json!({ "clientCredentials": {} }),
    )
}

fn spec(host: &str, environment: &str, auth: &Value) -> Value {
    json!({
        "host": host,
        "environment": environment,
        "app": { "clientId": OTHER_APP.0, "clientSecretRef": { "name": "app", "key": "client-secret" } },
        "auth": auth,
    })
}
