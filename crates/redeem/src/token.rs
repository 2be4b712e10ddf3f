//! The two secrets of a grant: types that can't be printed by accident and are wiped when the last holder drops them.
//!
//! The client has types of the same names for what it sends and receives. The pair is intended: the operator converts
//! between the two at this crate's border, so that neither crate depends on the other.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use zeroize::Zeroizing;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Arc<Zeroizing<String>>);

        impl $name {
            /// Takes the token over.
            pub fn new(token: impl Into<String>) -> Self {
                Self(Arc::new(Zeroizing::new(token.into())))
            }

            /// The token itself: for the request to Salesforce and for the Secret, nowhere else.
            #[must_use]
            pub fn expose_secret(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.as_bytes().hash(state);
            }
        }
    };
}

secret! {
    /// A refresh token; with rotation on, good for one use.
    RefreshToken
}
secret! {
    /// An access token: what the consumer works with.
    AccessToken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_token_hides_it() {
        let shown = format!(
            "{:?} {:?}",
            RefreshToken::new("5Aep-marker"),
            AccessToken::new("00D-marker")
        );
        assert_eq!(shown, "RefreshToken([redacted]) AccessToken([redacted])");
    }
}
