//! Simulator of Salesforce as it is documented to behave; knows no client of this project.
//!
//! Comments cite facts of docs/salesforce.md#what-salesforce-does by their anchors; that page names the public sources. What
//! the sources leave open is a [`Switches`] field, or the comment says so.
#![allow(
    missing_docs,
    reason = "a part of the tests: comments say what a name does not"
)]

mod access;
mod access_jwt;
mod app;
mod app_credentials;
mod arrival;
mod authorizations;
mod authorize;
mod clock;
mod control;
mod credentials;
mod data;
pub mod default_world;
mod durations;
mod endpoint;
mod fault;
mod http;
mod identity;
mod ids;
mod introspect;
mod log;
mod network;
mod objects;
mod operations;
mod org;
mod pages;
mod public_key;
mod query;
mod refusal;
mod route;
mod secret;
mod server;
mod shared;
mod simulator;
mod start_error;
mod switches;
mod tls;
mod token;
mod user;
mod vault;
mod world;
mod world_file;

pub use app::{App, AppKind, AppStanding, Flow, PermittedUsers, RefreshTokenPolicy, TokenFormat};
pub use clock::Clock;
pub use endpoint::Endpoint;
pub use fault::{Fault, FaultRule, RetryAfter};
pub use log::{LogEntry, Outcome, RefreshTokenLabel};
pub use network::{AddressRange, DEFAULT_CALLER, IpRelaxation};
pub use operations::GrantState;
pub use org::{IpRestriction, Org, OrgKind, OrgStatus};
pub use refusal::{OAuthRefusal, REST_CATALOGUE, RestRefusal, TOKEN_ENDPOINT_CATALOGUE};
pub use secret::Secret;
pub use simulator::{Addresses, Simulator, WaitError};
pub use start_error::StartError;
pub use switches::{ApiDisabledWording, Audience, InstanceUrl, Switches};
pub use user::{Standing, User};
pub use vault::GrantEnd;
pub use world::World;
pub use world_file::{WorldFile, WorldFileError};
