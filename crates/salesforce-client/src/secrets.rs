//! Secret values as types: redacted `Debug`, no `Display`, no `Serialize`, wiped from memory on drop.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

macro_rules! secret {
    ($(#[$doc:meta])+ $name:ident) => {
        $(#[$doc])+
        ///
        /// Compared in constant time; `Debug` prints no part of it.
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Wraps a value; the string's own buffer is taken over.
            pub fn new(value: String) -> Self {
                Self(SecretString::from(value))
            }

            /// The value itself. Where this is called, the secret leaves its guard.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl From<SecretString> for $name {
            fn from(value: SecretString) -> Self {
                Self(value)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([REDACTED])"))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
            }
        }

        impl Eq for $name {}
    };
}

secret! {
    /// An access token: a Salesforce session id, or a JWT.
    AccessToken
}
secret! {
    /// A refresh token. Under rotation it can be redeemed once.
    RefreshToken
}
secret! {
    /// The consumer secret of an app.
    ClientSecret
}
secret! {
    /// The password of a Salesforce user.
    Password
}
secret! {
    /// The security token that Salesforce mails to a user, appended to the password.
    SecurityToken
}
secret! {
    /// A private key as PEM text.
    PrivateKeyPem
}
secret! {
    /// A signed JWT of the JWT bearer flow: for 3 minutes whoever has it can log in.
    SignedAssertion
}

secret! {
    /// An authorization code, good once for 15 minutes.
    AuthorizationCode
}
secret! {
    /// The verifier of a PKCE challenge.
    CodeVerifier
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_every_secret_is_redacted_and_equality_is_by_value() {
        macro_rules! check {
            ($($name:ident),+) => {$(
                let secret = $name::new("canary-3e1f".into());
                assert_eq!(format!("{secret:?}"), concat!(stringify!($name), "([REDACTED])"));
                assert_eq!(secret.expose(), "canary-3e1f");
                assert_eq!(secret, $name::from(SecretString::from("canary-3e1f")));
                assert_ne!(secret, $name::new("canary-3e1e".into()));
            )+};
        }
        check!(
            AccessToken,
            RefreshToken,
            ClientSecret,
            Password,
            SecurityToken,
            PrivateKeyPem,
            SignedAssertion,
            AuthorizationCode,
            CodeVerifier
        );
    }
}
