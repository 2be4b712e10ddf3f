//! stub
use crate::failure::Failure;
use crate::grant::{App, Introspection, TokenToInspect, TokenToRevoke};
use crate::host::Host;
use crate::refusal::Refusal;
use crate::transport::Transport;
pub(crate) async fn introspect(
    t: &Transport,
    host: &Host,
    app: &App,
    token: TokenToInspect<'_>,
) -> Result<Introspection, Failure> {
    let _ = (t, host, app, token);
    std::future::ready(Err(Failure::not_sent(Refusal::SalesforceUnavailable, ""))).await
}
pub(crate) async fn revoke(t: &Transport, host: &Host, token: TokenToRevoke<'_>) -> Result<(), Failure> {
    let _ = (t, host, token);
    std::future::ready(Err(Failure::not_sent(Refusal::SalesforceUnavailable, ""))).await
}
