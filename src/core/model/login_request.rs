//! Which login does a person ask the operator to carry out?

use jiff::Timestamp;
use salesforce_client::{AuthorizationCode, CodeVerifier, TokenRequest};

use crate::core::model::rejection::Rejection;

/// The login that the annotation of a connector names.
#[derive(Debug, Clone, Default)]
pub enum LoginSeen {
    #[default]
    None,
    /// Somebody has its link to the callback page, and no answer has come yet.
    Awaited,
    Requested(LoginRequest),
    /// The status says what came of it. Its Secret is still there, and of no use to anybody.
    Over(LoginSecret),
}

/// A login that is to be carried out.
#[derive(Debug, Clone)]
pub struct LoginRequest {
    /// Name of its Secret; the value of the annotation.
    pub secret_name: String,
    /// What the browser brought back, or why it can't be used.
    pub code: Result<LoginCode, Rejection>,
}

/// A Secret that holds a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSecret {
    pub name: String,
    pub uid: String,
}

/// What the browser of a person brought back, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginCode {
    pub code: AuthorizationCode,
    pub code_verifier: CodeVerifier,
    pub redirect_uri: String,
    /// When its Secret was created, by the clock of the API server: nobody has presented the code before.
    pub begun_at: Timestamp,
}

impl LoginSeen {
    pub fn requested(&self) -> Option<&LoginRequest> {
        match self {
            Self::Requested(request) => Some(request),
            Self::None | Self::Awaited | Self::Over(_) => None,
        }
    }

    /// The code of a login that can be carried out.
    pub fn code(&self) -> Option<&LoginCode> {
        self.requested()?.code.as_ref().ok()
    }
}

impl LoginCode {
    pub fn token_request(&self) -> TokenRequest {
        TokenRequest::AuthorizationCode {
            code: self.code.clone(),
            redirect_uri: self.redirect_uri.clone(),
            code_verifier: self.code_verifier.clone(),
        }
    }
}
