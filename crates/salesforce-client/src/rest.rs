//! The REST calls of a connection test.

mod model;
mod wire;

pub use model::{
    Answer, ApiUsage, ApiVersion, AvailableVersion, Discovery, Identity, InvalidApiVersion, Limit, Limits,
    ObjectCounts, Organization, Resources, UserInfo,
};

use crate::failure::Failure;
use crate::host::InstanceUrl;
use crate::ids::IdentityUrl;
use crate::refusal::Refusal;
use crate::secrets::AccessToken;
use crate::transport::Transport;

macro_rules! stub {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)+) => {$(
        pub(crate) async fn $name(transport: &Transport, $($arg: $ty),*) -> Result<$ret, Failure> {
            let _ = (transport, $($arg),*);
            std::future::ready(Err(Failure::not_sent(Refusal::SalesforceUnavailable, ""))).await
        }
    )+};
}
stub! {
    versions(i: &InstanceUrl) -> Vec<AvailableVersion>;
    discovery(i: &InstanceUrl) -> Discovery;
    userinfo(i: &InstanceUrl, t: &AccessToken) -> Answer<UserInfo>;
    identity(i: &InstanceUrl, id: &IdentityUrl, t: &AccessToken) -> Answer<Identity>;
    resources(i: &InstanceUrl, v: ApiVersion, t: &AccessToken) -> Answer<Resources>;
    organization(i: &InstanceUrl, v: ApiVersion, t: &AccessToken) -> Answer<Organization>;
    describe_global(i: &InstanceUrl, v: ApiVersion, t: &AccessToken) -> Answer<ObjectCounts>;
    limits(i: &InstanceUrl, v: ApiVersion, t: &AccessToken) -> Answer<Limits>;
}
