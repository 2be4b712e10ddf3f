//! What does `POST /services/oauth2/token` answer?

mod authorization_code;
mod call;
mod client_credentials;
mod issue;
mod jwt_bearer;
mod password;
mod refresh_token;
mod response;

use hyper::Method;

pub(crate) use call::{check_secret, client_credentials_of};

use crate::http::{Reply, Request};
use crate::network;
use crate::refusal::{self, OAuthRefusal};
use crate::world::World;

use call::Call;
use issue::Issued;

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(crate) fn answer(world: &mut World, request: &Request) -> Reply {
    if request.method != Method::POST {
        return refusal::MUST_POST.reply();
    }
    let call = Call {
        request,
        form: request.form(),
        place: world.place(&request.host),
        now: world.now(),
        address: network::address_of(request, world.caller),
    };
    match grant(world, &call) {
        Ok(issued) => response::success(world, &call, &issued),
        Err(refused) => refused.reply(),
    }
}

fn grant(world: &mut World, call: &Call<'_>) -> Result<Issued, OAuthRefusal> {
    let grant_type = call.form.get("grant_type").ok_or(refusal::UNSUPPORTED_GRANT)?;
    // `scope` belongs to the authorize step. docs/salesforce.md#no-scope-parameter
    if grant_type != "password" && call.form.get("scope").is_some() {
        return Err(refusal::SCOPE_NOT_SUPPORTED);
    }
    match grant_type {
        "client_credentials" => client_credentials::grant(world, call),
        JWT_BEARER => jwt_bearer::grant(world, call),
        "refresh_token" => refresh_token::grant(world, call),
        "password" => password::grant(world, call),
        "authorization_code" => authorization_code::grant(world, call),
        _ => Err(refusal::UNSUPPORTED_GRANT),
    }
}
