//! What goes on in browsers: who logs in where, and which codes did they get?

use std::collections::HashMap;

use jiff::Timestamp;

#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Timestamp,
    pub(crate) used: bool,
}

/// An authorize request on its way through login and consent.
#[derive(Debug, Clone)]
pub(crate) struct Ongoing {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) username: Option<String>,
}

/// What goes on in browsers.
#[derive(Debug, Default)]
pub(crate) struct Authorizations {
    pub(crate) ongoing: HashMap<String, Ongoing>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) browsers: HashMap<String, String>,
    /// How often a code was presented that had been exchanged already.
    pub(crate) presented_again: u32,
}

impl Authorizations {
    pub(crate) fn code(&self, code: &str) -> Option<&Code> {
        self.codes.get(code)
    }

    pub(crate) fn use_code(&mut self, code: &str) {
        if let Some(code) = self.codes.get_mut(code) {
            code.used = true;
        }
    }
}
