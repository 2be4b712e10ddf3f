//! Whose connector is it: does this installation of the operator manage it, another one, or one that can't come back?

use redeem::InstallationUid;

use crate::api::SalesforceConnectorStatus;

/// Who manages a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// This installation, or nobody yet.
    Open,
    /// Another installation, for all that is known.
    Elsewhere(Claimant),
    /// An installation whose connectors this one takes over.
    Inherited(InstallationUid),
}

/// The installation that has claimed a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    pub uid: String,
    /// Name of its namespace, if the claim says it.
    pub namespace: Option<String>,
}

/// What a live read of a namespace has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceSeen {
    /// The uid of the namespace of that name now; nothing if there is none.
    Now(Option<String>),
    /// The operator may not read it.
    Hidden,
}

impl Claimant {
    /// Who has claimed a connector, if not this installation.
    pub fn of(status: Option<&SalesforceConnectorStatus>, own: &InstallationUid) -> Option<Self> {
        let status = status?;
        let uid = status
            .installation_uid
            .clone()
            .filter(|uid| uid != own.as_str())?;
        let namespace = status.installation_namespace.clone();
        Some(Self { uid, namespace })
    }

    /// Whether it may be taken over from: an administrator has handed its connectors over, or its namespace is gone. The API
    /// server gives no uid twice, so that an installation whose namespace is gone can write nothing any more.
    pub fn judge(self, handed_over: &[String], namespace: &NamespaceSeen) -> Claim {
        let gone = match namespace {
            NamespaceSeen::Now(uid) => uid.as_deref() != Some(&*self.uid),
            NamespaceSeen::Hidden => false,
        };
        if gone || handed_over.contains(&self.uid) {
            Claim::Inherited(InstallationUid::new(&self.uid))
        } else {
            Claim::Elsewhere(self)
        }
    }

    /// In words, for the status.
    pub fn subject(&self) -> String {
        let Self { uid, namespace } = self;
        match namespace {
            Some(namespace) => format!("installation {uid} in namespace {namespace}"),
            None => format!("installation {uid}"),
        }
    }
}

impl Claim {
    pub fn elsewhere(&self) -> Option<&Claimant> {
        match self {
            Self::Elsewhere(claimant) => Some(claimant),
            Self::Open | Self::Inherited(_) => None,
        }
    }

    pub fn inherited(&self) -> Option<&InstallationUid> {
        match self {
            Self::Inherited(from) => Some(from),
            Self::Open | Self::Elsewhere(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(uid: &str) -> SalesforceConnectorStatus {
        SalesforceConnectorStatus {
            installation_uid: Some(uid.to_owned()),
            installation_namespace: Some("system".to_owned()),
            ..SalesforceConnectorStatus::default()
        }
    }

    #[test]
    fn a_claim_is_inherited_from_an_installation_whose_namespace_is_gone_or_that_was_handed_over() {
        let own = InstallationUid::new("own");
        assert_eq!(Claimant::of(Some(&status("own")), &own), None);
        assert_eq!(Claimant::of(None, &own), None);
        let other = Claimant::of(Some(&status("other")), &own).unwrap();
        assert_eq!(other.subject(), "installation other in namespace system");
        let now = |uid: &str| NamespaceSeen::Now(Some(uid.to_owned()));
        let inherited = Claim::Inherited(InstallationUid::new("other"));
        let elsewhere = Claim::Elsewhere(other.clone());
        for (handed_over, namespace, claim) in [
            (&[][..], now("other"), &elsewhere),
            (&[], NamespaceSeen::Hidden, &elsewhere),
            (&["another".to_owned()], NamespaceSeen::Hidden, &elsewhere),
            (&[], NamespaceSeen::Now(None), &inherited),
            (&[], now("own"), &inherited),
            (&["other".to_owned()], now("other"), &inherited),
            (&["other".to_owned()], NamespaceSeen::Hidden, &inherited),
        ] {
            assert_eq!(
                other.clone().judge(handed_over, &namespace),
                *claim,
                "{namespace:?}"
            );
        }
    }
}
