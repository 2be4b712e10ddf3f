//! Which credentials are the current ones, where rotations have brought some?

use salesforce_client::App;

use crate::core::rotation::state::RotationState;

/// What rotations have brought, as an input of the connector beside its Secret.
#[derive(Debug, Clone)]
pub struct StoredCredentials {
    current: Option<App>,
    superseded: Superseded,
    /// Credentials that may have been rotated in.
    announced: Option<App>,
}

#[derive(Clone)]
struct Superseded(Vec<String>);

/// They may have come through a reference.
impl std::fmt::Debug for Superseded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// Where the credentials are that the last rotation brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CredentialsPlace {
    /// In the Secret that the spec names, which is also so where there was no rotation.
    #[default]
    Input,
    /// With the operator alone: the Secret has those from before.
    OperatorOnly,
}

/// Which credentials a connector logs in with.
#[derive(Debug, Clone)]
pub struct EffectiveCredentials {
    pub app: App,
    /// Those to fall back to.
    pub previous: Option<App>,
    pub place: CredentialsPlace,
}

impl StoredCredentials {
    pub fn of(state: &RotationState) -> Self {
        Self {
            current: state.current.as_ref().map(|current| current.app.clone()),
            superseded: Superseded(state.superseded.clone()),
            announced: state.announced().cloned(),
        }
    }

    /// The credentials that count, where the Secret of the spec has these. Those of a rotation take the place of older ones; any
    /// others in the Secret were put there by a person since, and come first.
    pub fn effective(&self, input: App) -> EffectiveCredentials {
        let (app, previous, place) = match &self.current {
            Some(stored) if self.superseded.0.contains(&input.client_id) => {
                (stored.clone(), Some(input), CredentialsPlace::OperatorOnly)
            }
            Some(stored) if *stored != input => (input, Some(stored.clone()), CredentialsPlace::Input),
            Some(_) | None => (input, None, CredentialsPlace::Input),
        };
        EffectiveCredentials {
            app,
            // If nobody finds out in time that these are in use, the current ones end.
            previous: self.announced.clone().or(previous),
            place,
        }
    }
}
