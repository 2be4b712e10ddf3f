//! Which part of the simulator answers which endpoint?

use hyper::StatusCode;

use crate::http::{Reply, Request};
use crate::world::{Place, World};
use crate::{Endpoint, access_jwt, authorize, data, identity, introspect, pages, token};

impl World {
    pub(crate) fn answer(&mut self, request: &Request) -> Reply {
        if self.place(&request.host) == Place::Unknown {
            return self.answer_elsewhere(request);
        }
        match Endpoint::of_request(request) {
            Endpoint::Token => token::answer(self, request),
            Endpoint::Authorize => authorize::start(self, request),
            Endpoint::Login => authorize::login(self, request),
            Endpoint::Consent => authorize::decide(self, request),
            Endpoint::Introspect => introspect::introspect(self, request),
            Endpoint::Revoke => introspect::revoke(self, request),
            Endpoint::Userinfo => identity::userinfo(self, request),
            Endpoint::Identity => identity::identity(self, request),
            Endpoint::Keys => Reply::json(StatusCode::OK, &access_jwt::key_set()),
            Endpoint::Discovery => identity::discovery(request),
            Endpoint::Versions => data::versions(),
            endpoint @ (Endpoint::Resources
            | Endpoint::Query
            | Endpoint::Sobjects
            | Endpoint::Limits
            | Endpoint::RecordCount
            | Endpoint::AppCredentials
            | Endpoint::StageCredentials
            | Endpoint::RotateCredentials) => data::answer(self, request, endpoint),
            Endpoint::Other => other(self, request),
        }
    }

    /// At a host that is no org's: a former name redirects.
    fn answer_elsewhere(&self, request: &Request) -> Reply {
        match self.redirection(&request.host) {
            Some(new) => moved(self.switches.redirection_status, new, request),
            None => no_route(),
        }
    }
}

fn other(world: &mut World, request: &Request) -> Reply {
    if request.path == authorize::ERROR_PAGE_PATH {
        return authorize::error_page_for(request);
    }
    if request.path.starts_with("/services/data/") {
        return data::answer(world, request, Endpoint::Other);
    }
    Reply::html(
        StatusCode::NOT_FOUND,
        pages::error("URL No Longer Exists", &request.path),
    )
}

/// The former name of an org, until its administrator ends the redirection. docs/salesforce.md#my-domain-change
fn moved(status: u16, new: &str, request: &Request) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::MOVED_PERMANENTLY);
    Reply::empty(status).with("location", &format!("https://{new}{}", request.target))
}

/// What an unknown `*.my.salesforce.com` answers is not known (docs/salesforce.md#open-unknown-host). Salesforce Edge
/// answers 420 for hosts it has no route for (docs/salesforce.md#edge-no-route).
fn no_route() -> Reply {
    let status = StatusCode::from_u16(420).unwrap_or(StatusCode::NOT_FOUND);
    Reply::html(status, "<html><body>No routing for this host</body></html>")
}
