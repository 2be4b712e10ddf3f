//! How is a token request sent, and what is kept of an answer that breaks off?

use super::response::salvage_refresh_token;
use crate::failure::Failure;
use crate::grant::GrantKind;
use crate::received::Received;
use crate::scrub::Scrubber;
use crate::transport::{Connection, OAUTH_CAP, Transport};

/// Sends the one request of a grant, and returns the answer if its status is a success.
pub(super) async fn send(
    transport: &Transport,
    request: reqwest::Request,
    grant: GrantKind,
    scrubber: &Scrubber,
) -> Result<Received, Failure> {
    match transport
        .send(connection_of(grant), request, OAUTH_CAP, scrubber)
        .await
    {
        Ok(received) => received.success(Some(grant), scrubber),
        Err(interrupted) => Err(Failure {
            salvaged_refresh_token: salvage_refresh_token(&interrupted.partial),
            ..interrupted.failure
        }),
    }
}

/// What can be presented again loses nothing when a connection breaks; a refresh token or a code may be spent by it, and a
/// password is not to be tried more often than was asked for.
fn connection_of(grant: GrantKind) -> Connection {
    match grant {
        GrantKind::ClientCredentials | GrantKind::JwtBearer => Connection::Pooled,
        GrantKind::RefreshToken | GrantKind::Password | GrantKind::AuthorizationCode => Connection::Fresh,
    }
}
