//! How is a world written in a file?

use serde::Deserialize;

use crate::{App, Org, Switches, User, World};

/// A world as JSON: `{"switches": {…}, "orgs": […], "apps": […], "users": […]}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldFile {
    /// Behaviours that differ from the defaults.
    #[serde(default)]
    pub switches: Switches,
    /// Orgs; the first is what `localhost` reaches.
    pub orgs: Vec<Org>,
    #[serde(default)]
    pub users: Vec<User>,
    #[serde(default)]
    pub apps: Vec<App>,
}

/// What is wrong with a world file.
#[derive(Debug, thiserror::Error)]
pub enum WorldFileError {
    #[error("failed to read the world file")]
    Parse(#[from] serde_json::Error),
    #[error("{what} {name:?} has org_host {org_host:?}, but no org has that host; add it under \"orgs\"")]
    UnknownOrg {
        /// `app` or `user`.
        what: &'static str,
        name: String,
        org_host: String,
    },
}

impl WorldFile {
    pub fn parse(json: &str) -> Result<Self, WorldFileError> {
        Ok(serde_json::from_str(json)?)
    }

    pub fn into_world(self) -> Result<World, WorldFileError> {
        let mut world = World::empty();
        world.switches = self.switches;
        for org in self.orgs {
            world.add_org(org);
        }
        for user in self.users {
            check(&world, "user", &user.username, &user.org_host)?;
            world.add_user(user);
        }
        for app in self.apps {
            check(&world, "app", &app.client_id, &app.org_host)?;
            world.add_app(app);
        }
        Ok(world)
    }
}

fn check(world: &World, what: &'static str, name: &str, org_host: &str) -> Result<(), WorldFileError> {
    if world.has_org(org_host) {
        return Ok(());
    }
    Err(WorldFileError::UnknownOrg {
        what,
        name: name.to_owned(),
        org_host: org_host.to_owned(),
    })
}
