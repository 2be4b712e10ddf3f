//! Ids of orgs and users, and the identity URL that carries both.

use std::fmt;
use std::str::FromStr;

use url::Url;

macro_rules! id {
    ($(#[$doc:meta])+ $name:ident, $prefix:literal) => {
        $(#[$doc])+
        ///
        /// Kept in the form of 18 characters.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The 18 characters.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Reads the form of 15 or of 18 characters.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if !text.starts_with($prefix) {
                    return Err(InvalidId { expected: $prefix });
                }
                long_form(text).map(Self).ok_or(InvalidId { expected: $prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of an org (`00D…`).
    OrganizationId, "00D"
}
id! {
    /// The id of a user (`005…`).
    UserId, "005"
}

/// The id of any record, as Salesforce wrote it. It is letters and digits alone, so that it leads to no other path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(String);

impl RecordId {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RecordId {
    type Err = InvalidRecordId;

    fn from_str(text: &str) -> Result<Self, InvalidRecordId> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if plain && (15..=18).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRecordId)
        }
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not the id of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Salesforce id: expected 15 or 18 letters and digits")]
pub struct InvalidRecordId;

/// A text that is not an id of the kind wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Salesforce id: expected 15 or 18 letters and digits that begin with {expected}")]
pub struct InvalidId {
    /// The first three characters of such ids.
    pub expected: &'static str,
}

/// Appends the three check characters: each encodes which of five characters are capitals.
fn long_form(text: &str) -> Option<String> {
    let short = match text.len() {
        15 => text,
        18 => text.get(..15)?,
        _ => return None,
    };
    if !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let checks = short.as_bytes().chunks(5).map(|five| {
        let bits = five
            .iter()
            .enumerate()
            .map(|(place, b)| u8::from(b.is_ascii_uppercase()) << place)
            .sum::<u8>();
        char::from(if bits < 26 {
            b'A' + bits
        } else {
            b'0' + (bits - 26)
        })
    });
    Some(short.chars().chain(checks).collect())
}

/// The `id` field of a token response: `https://login.salesforce.com/id/<org>/<user>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdentityUrl {
    /// The org that the user belongs to.
    pub organization_id: OrganizationId,
    /// The user that the token acts as.
    pub user_id: UserId,
}

/// A text that is not an identity URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identity URL of the form https://login.salesforce.com/id/<org>/<user>")]
pub struct InvalidIdentityUrl;

impl FromStr for IdentityUrl {
    type Err = InvalidIdentityUrl;

    fn from_str(text: &str) -> Result<Self, InvalidIdentityUrl> {
        let url = Url::parse(text).map_err(|_| InvalidIdentityUrl)?;
        let mut segments = url.path().rsplit('/');
        let mut next = || segments.next().ok_or(InvalidIdentityUrl);
        let (user, organization) = (next()?, next()?);
        Ok(Self {
            organization_id: organization.parse().map_err(|_| InvalidIdentityUrl)?,
            user_id: user.parse().map_err(|_| InvalidIdentityUrl)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_15_characters_gets_the_check_characters_that_salesforce_gives_it() {
        // Both forms are printed in Salesforce's own samples.
        let cases = [
            ("00D30000000XOJl", "00D30000000XOJlEAO"),
            ("00Dx0000000BV7z", "00Dx0000000BV7zEAG"),
        ];
        for (short, long) in cases {
            assert_eq!(short.parse::<OrganizationId>().unwrap().as_str(), long);
            assert_eq!(long.parse::<OrganizationId>().unwrap().as_str(), long);
        }
    }

    #[test]
    fn texts_that_are_no_ids_are_refused() {
        for text in [
            "",
            "00D",
            "005x0000001S2b9",
            "00Dx0000000BV7!",
            "00Dx0000000BV7zEA",
            "00Dx0000000BV7é",
        ] {
            assert_eq!(
                text.parse::<OrganizationId>(),
                Err(InvalidId { expected: "00D" }),
                "{text}"
            );
        }
    }

    #[test]
    fn an_identity_url_gives_org_and_user_whatever_its_host() {
        let url: IdentityUrl = "https://login.salesforce.com/id/00Dx0000000BV7z/005x00000012Q9P"
            .parse()
            .unwrap();
        assert_eq!(url.organization_id.as_str(), "00Dx0000000BV7zEAG");
        assert_eq!(url.user_id.as_str(), "005x00000012Q9PAAU");
        assert_eq!(
            "https://login.salesforce.com/id/00Dx0000000BV7z".parse::<IdentityUrl>(),
            Err(InvalidIdentityUrl)
        );
    }
}
