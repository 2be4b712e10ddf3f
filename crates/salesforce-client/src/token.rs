//! stub
use crate::failure::Failure;
use crate::grant::{App, Grant, TokenResponse};
use crate::host::Host;
use crate::refusal::Refusal;
use crate::transport::Transport;
pub(crate) async fn request(
    t: &Transport,
    host: &Host,
    app: &App,
    grant: &Grant,
) -> Result<TokenResponse, Failure> {
    let _ = (t, host, app, grant);
    std::future::ready(Err(Failure::not_sent(Refusal::SalesforceUnavailable, ""))).await
}
