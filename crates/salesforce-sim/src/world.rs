//! Which orgs, apps and users exist, and what has happened to them?

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::app::{App, AppKind};
use crate::authorizations::Authorizations;
use crate::clock::Clock;
use crate::fault::FaultRule;
use crate::http::Request;
use crate::log::LogEntry;
use crate::network::DEFAULT_CALLER;
use crate::org::Org;
use crate::switches::{InstanceUrl, Switches};
use crate::user::User;
use crate::vault::Vault;
use crate::{Endpoint, ids};

/// A simulated Salesforce: its orgs, apps, users, tokens, time, faults and log.
#[derive(Debug)]
pub struct World {
    pub clock: Clock,
    pub switches: Switches,
    /// The address that calls come from; by its `X-Forwarded-For` header a call can come from another one.
    pub caller: IpAddr,
    orgs: Vec<Org>,
    hosts: HashMap<String, usize>,
    /// Former My Domain hosts, and the present ones.
    pub(crate) redirections: HashMap<String, String>,
    users: HashMap<String, Arc<User>>,
    apps: HashMap<String, Arc<App>>,
    ids_given: u64,
    apps_made: u64,
    pub(crate) vault: Vault,
    pub(crate) authorizations: Authorizations,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) log: Vec<LogEntry>,
    pub(crate) counts: HashMap<Endpoint, u64>,
    pub(crate) requests: u64,
    pub(crate) revoked_families: u64,
    pub(crate) logins: HashMap<String, (Timestamp, u32)>,
    /// The custom objects of an org by its id, and since when they are these.
    described: HashMap<String, (Vec<String>, Timestamp)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A login host that orgs share.
    Shared(&'static str),
    /// An org's own host; index of the org.
    MyDomain(usize),
    /// A host of the org's sites, a custom domain, or its Setup host; index of the org.
    Site(usize),
    /// No org has this host.
    Unknown,
}

impl World {
    pub fn empty() -> Self {
        Self {
            clock: Clock::default(),
            switches: Switches::default(),
            caller: DEFAULT_CALLER,
            orgs: Vec::new(),
            hosts: HashMap::new(),
            redirections: HashMap::new(),
            users: HashMap::new(),
            apps: HashMap::new(),
            ids_given: 0,
            apps_made: 0,
            vault: Vault::default(),
            authorizations: Authorizations::default(),
            faults: Vec::new(),
            log: Vec::new(),
            counts: HashMap::new(),
            requests: 0,
            revoked_families: 0,
            logins: HashMap::new(),
            described: HashMap::new(),
        }
    }

    /// Adds an org; the first one is what `localhost` and `127.0.0.1` reach.
    pub fn add_org(&mut self, mut org: Org) -> &mut Org {
        org.host = org.host.to_lowercase();
        if org.id.is_empty() {
            org.id = self.next_id("00D");
        }
        let index = self.orgs.len();
        self.hosts.insert(org.host.clone(), index);
        self.orgs.push(org);
        self.org_at(index)
    }

    /// Adds a user.
    ///
    /// # Panics
    /// When its org does not exist.
    pub fn add_user(&mut self, mut user: User) -> &mut User {
        user.org_host = user.org_host.to_lowercase();
        self.must_have_org(&user.org_host);
        if user.id.is_empty() {
            user.id = self.next_id("005");
        }
        let user = self
            .users
            .entry(user.username.to_lowercase())
            .insert_entry(Arc::new(user))
            .into_mut();
        Arc::make_mut(user)
    }

    /// Adds an app.
    ///
    /// # Panics
    /// When its org does not exist.
    pub fn add_app(&mut self, mut app: App) -> &mut App {
        app.org_host = app.org_host.to_lowercase();
        self.must_have_org(&app.org_host);
        if app.id.is_empty() && app.kind == AppKind::ExternalClientApp {
            self.apps_made += 1;
            app.id = ids::record_id(ids::EXTERNAL_CLIENT_APP, 1_000_000_000 + self.apps_made);
        }
        let app = self
            .apps
            .entry(app.client_id.clone())
            .insert_entry(Arc::new(app))
            .into_mut();
        Arc::make_mut(app)
    }

    /// Gives every app of an org a new consumer key and secret; all else about it stays.
    pub(crate) fn renew_app_keys(&mut self, org_host: &str) {
        let host = org_host.to_lowercase();
        let (renewed, kept) = std::mem::take(&mut self.apps)
            .into_iter()
            .partition(|(_, app)| app.org_host == host);
        self.apps = kept;
        for mut app in HashMap::into_values(renewed) {
            let changed = Arc::make_mut(&mut app);
            changed.client_id = format!("3MVG9{}", ids::random(32));
            changed.client_secret = crate::Secret::new(ids::random(32));
            self.add_app((*app).clone());
        }
    }

    /// Adds `count` client-credentials apps (`FLEET-APP-00000`, secret `fleet-secret-00000`, …), each with a run-as
    /// user of its own (`fleet-00000@<host>`), for load.
    pub fn add_fleet(&mut self, org_host: &str, count: usize) {
        for number in 0..count {
            let username = format!("fleet-{number:05}@{org_host}");
            self.add_user(User::new(org_host, &username, "unused"));
            let mut app = App::new(
                crate::app::AppKind::ExternalClientApp,
                org_host,
                format!("FLEET-APP-{number:05}"),
                &format!("fleet-secret-{number:05}"),
            );
            app.run_as = Some(username);
            self.add_app(app);
        }
    }

    /// An org, to change its settings.
    ///
    /// # Panics
    /// When there is none with this My Domain host.
    #[track_caller]
    pub fn org(&mut self, host: &str) -> &mut Org {
        let index = self.hosts.get(&host.to_lowercase()).copied();
        match index.and_then(|index| self.orgs.get_mut(index)) {
            Some(org) => org,
            None => absent("org", host),
        }
    }

    /// An app, to change its settings.
    ///
    /// # Panics
    /// When there is none with this consumer key.
    #[track_caller]
    pub fn app(&mut self, client_id: &str) -> &mut App {
        match self.apps.get_mut(client_id) {
            Some(app) => Arc::make_mut(app),
            None => absent("app", client_id),
        }
    }

    /// A user, to change settings.
    ///
    /// # Panics
    /// When there is none with this username.
    #[track_caller]
    pub fn user(&mut self, username: &str) -> &mut User {
        match self.users.get_mut(&username.to_lowercase()) {
            Some(user) => Arc::make_mut(user),
            None => absent("user", username),
        }
    }

    pub fn orgs(&self) -> &[Org] {
        &self.orgs
    }

    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.apps.values().map(Arc::as_ref)
    }

    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values().map(Arc::as_ref)
    }

    pub fn has_app(&self, client_id: &str) -> bool {
        self.apps.contains_key(client_id)
    }

    pub fn has_user(&self, username: &str) -> bool {
        self.users.contains_key(&username.to_lowercase())
    }

    pub fn has_org(&self, host: &str) -> bool {
        self.hosts.contains_key(&host.to_lowercase())
    }

    pub(crate) fn find_app(&self, client_id: &str) -> Option<Arc<App>> {
        self.apps.get(client_id).cloned()
    }

    /// The app that has this consumer key at present.
    pub(crate) fn app_of_key(&self, client_id: &str) -> Option<Arc<App>> {
        let now = self.now();
        let mut apps = self.apps.values();
        let rotated = || apps.find(|app| app.rotations.secret(client_id, now).is_some());
        let first = self.apps.get(client_id);
        let good = first.filter(|app| app.rotations.first_are_good(now));
        good.or_else(rotated).cloned()
    }

    pub(crate) fn find_user(&self, username: &str) -> Option<Arc<User>> {
        self.users.get(&username.to_lowercase()).cloned()
    }

    pub(crate) fn org_index(&self, host: &str) -> Option<usize> {
        self.hosts.get(host).copied()
    }

    pub(crate) fn org_by_host(&self, host: &str) -> Option<&Org> {
        self.orgs.get(self.org_index(host)?)
    }

    pub(crate) fn org_at(&mut self, index: usize) -> &mut Org {
        match self.orgs.get_mut(index) {
            Some(org) => org,
            None => absent("org", "by its index"),
        }
    }

    /// The former name redirects to the new one; names from before that do not any more.
    pub(crate) fn rename_host(&mut self, from: &str, to: &str) {
        self.redirections.retain(|old, new| new != from && old != to);
        self.redirections.insert(from.to_owned(), to.to_owned());
        if let Some(index) = self.hosts.remove(from) {
            self.hosts.insert(to.to_owned(), index);
        }
        for user in self.users.values_mut().filter(|user| user.org_host == from) {
            to.clone_into(&mut Arc::make_mut(user).org_host);
        }
        for app in self.apps.values_mut() {
            let app = Arc::make_mut(app);
            if app.org_host == from {
                to.clone_into(&mut app.org_host);
            }
            if app.installed_in.remove(from) {
                app.installed_in.insert(to.to_owned());
            }
        }
    }

    /// Since when the objects of an org are what they are, as far as somebody has asked.
    pub(crate) fn described_since(&mut self, org: &Org) -> Timestamp {
        let now = self.now();
        let known = self.described.get(&org.id);
        if let Some((_, since)) = known.filter(|(objects, _)| *objects == org.custom_objects) {
            return *since;
        }
        self.described
            .insert(org.id.clone(), (org.custom_objects.clone(), now));
        now
    }

    pub(crate) fn next_id(&mut self, prefix: &str) -> String {
        self.ids_given += 1;
        ids::record_id(prefix, 1_000_000_000 + self.ids_given)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn place(&self, host: &str) -> Place {
        if let Some(shared) = SHARED.iter().find(|shared| **shared == host) {
            return Place::Shared(shared);
        }
        if is_loopback(host) && !self.orgs.is_empty() {
            return Place::MyDomain(0);
        }
        match self.hosts.get(host) {
            Some(index) => Place::MyDomain(*index),
            None => self.site(host).map_or(Place::Unknown, Place::Site),
        }
    }

    /// The org of a site, a custom domain or a Setup host.
    fn site(&self, host: &str) -> Option<usize> {
        let setup = host.strip_suffix(".my.salesforce-setup.com");
        let of_setup = setup.and_then(|name| self.org_index(&format!("{name}.my.salesforce.com")));
        let is_its = |org: &Org| org.sites.iter().any(|site| site.eq_ignore_ascii_case(host));
        of_setup.or_else(|| self.orgs.iter().position(is_its))
    }

    /// Where a former My Domain redirects to. docs/salesforce.md#my-domain-change
    pub(crate) fn redirection(&self, host: &str) -> Option<&str> {
        self.redirections.get(host).map(String::as_str)
    }

    /// `instance_url` of an org's token responses. docs/salesforce.md#instance-url
    pub(crate) fn instance_url(&self, org: &Org, request: &Request) -> String {
        if self.answers_by_address(request) {
            request.address_called()
        } else {
            format!("https://{}", org.host)
        }
    }

    /// The identity URL names the shared login host of the org. docs/salesforce.md#identity-url
    pub(crate) fn identity_url(&self, org: &Org, user: &User, request: &Request) -> String {
        let base = if self.answers_by_address(request) {
            request.address_called()
        } else {
            format!("https://{}", org.login_host())
        };
        format!("{base}/id/{}/{}", org.id, user.id)
    }

    fn answers_by_address(&self, request: &Request) -> bool {
        match self.switches.instance_url {
            InstanceUrl::ByHostCalled => is_loopback(&request.host),
            InstanceUrl::MyDomain => false,
            InstanceUrl::AddressCalled => true,
        }
    }

    #[track_caller]
    fn must_have_org(&self, host: &str) {
        if !self.hosts.contains_key(host) {
            absent("org", host);
        }
    }
}

/// docs/salesforce.md#shared-login-hosts
const SHARED: [&str; 5] = [
    "login.salesforce.com",
    "test.salesforce.com",
    "welcome.salesforce.com",
    "login.sfcrmproducts.cn",
    "test.sfcrmproducts.cn",
];

fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[track_caller]
#[expect(
    clippy::panic,
    reason = "a test that names what does not exist is wrong, and should say where"
)]
fn absent(what: &str, name: &str) -> ! {
    panic!("the simulated Salesforce has no {what} {name:?}")
}
