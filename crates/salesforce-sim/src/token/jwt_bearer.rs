//! When does the JWT bearer flow get a token?
//!
//! docs/salesforce.md#jwt-bearer,
//! <https://help.salesforce.com/apex/HTViewHelpDoc?id=xcloud.remoteaccess_oauth_jwt_flow.htm>

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::call::Call;
use super::issue::{Issued, issue};
use crate::app::{App, Flow, PermittedUsers};
use crate::org::Org;
use crate::public_key;
use crate::refusal::{self, OAuthRefusal};
use crate::switches::Audience;
use crate::world::World;

pub(super) fn grant(world: &mut World, call: &Call<'_>) -> Result<Issued, OAuthRefusal> {
    let assertion = call.form.get("assertion").ok_or(refusal::MISSING_ASSERTION)?;
    let jwt = Jwt::parse(assertion).ok_or(refusal::INVALID_ASSERTION)?;
    let issuer = jwt.text("iss").ok_or(refusal::UNKNOWN_CLIENT)?;
    let app = world.identify_app(issuer, call.place)?;
    World::app_is_usable(&app)?;
    if !app.flows.contains(&Flow::JwtBearer) {
        return Err(refusal::UNSUPPORTED_GRANT);
    }
    if !jwt.is_signed_for(&app) {
        return Err(refusal::INVALID_ASSERTION);
    }
    let expiry = jwt.expiry().ok_or(refusal::INVALID_ASSERTION)?;
    in_time(world, expiry.duration_since(call.now))?;
    // `prn` is accepted and wins over `sub`.
    let subject = jwt
        .text("prn")
        .or_else(|| jwt.text("sub"))
        .ok_or(refusal::INVALID_ASSERTION)?;
    let user = world.find_user(subject).ok_or(refusal::NOT_APPROVED)?;
    let org = world.org_of(&user, call.place).ok_or(refusal::NOT_APPROVED)?;
    if !fits_audience(world, org, jwt.text("aud")) {
        return Err(refusal::WRONG_AUDIENCE);
    }
    if !app.may_refresh() {
        return Err(refusal::REFRESH_SCOPE_REQUIRED);
    }
    World::may_log_in(org, &user)?;
    World::may_log_in_from(call.address, &app, &user, Flow::JwtBearer)?;
    World::app_is_installed_for(&app, &user)?;
    World::user_is_permitted(&app, &user)?;
    let approved = app.permitted_users == PermittedUsers::AdminApproved
        || world.vault.has_live_grant(&app.client_id, &user.username);
    if !approved {
        return Err(refusal::NOT_APPROVED);
    }
    let scopes = app.scopes.clone();
    issue(world, call, app, user, Flow::JwtBearer, scopes)
}

/// How far the `exp` of an assertion may lie in the past and in the future: by switch.
fn in_time(world: &World, ahead: SignedDuration) -> Result<(), OAuthRefusal> {
    let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    if ahead < -signed(world.switches.jwt_exp_tolerance) {
        return Err(refusal::EXPIRED_CODE);
    }
    match world.switches.jwt_exp_at_most {
        Some(most) if ahead > signed(most) => Err(refusal::INVALID_ASSERTION),
        Some(_) | None => Ok(()),
    }
}

/// The audience is the shared login host of the org, also where the My Domain host is called; by switch, the org's own hosts
/// are too. docs/salesforce.md#jwt-audience
fn fits_audience(world: &World, org: &Org, audience: Option<&str>) -> bool {
    let Some(host) = audience.and_then(|audience| audience.trim_end_matches('/').strip_prefix("https://"))
    else {
        return false;
    };
    let (shared, own) = (
        host == org.login_host(),
        host == org.host || org.sites.iter().any(|site| site == host),
    );
    match world.switches.my_domain_as_audience {
        Audience::Refused => shared,
        Audience::Accepted => shared || own,
        Audience::Demanded => own,
    }
}

struct Jwt<'a> {
    signed: &'a str,
    algorithm: String,
    claims: Value,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        Some(Self {
            signed,
            algorithm: header.get("alg")?.as_str()?.to_owned(),
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
            signature: decode(signature)?,
        })
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str().filter(|value| !value.is_empty())
    }

    fn is_signed_for(&self, app: &App) -> bool {
        let Some(key) = app
            .certificate_pem
            .as_deref()
            .and_then(public_key::rsa_public_key)
        else {
            return false;
        };
        self.algorithm == "RS256"
            && UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                .verify(self.signed.as_bytes(), &self.signature)
                .is_ok()
    }

    /// Seconds, as a number or (simple-salesforce) as a string, or (Salesforce CLI) milliseconds.
    /// docs/salesforce.md#jwt-exp
    fn expiry(&self) -> Option<Timestamp> {
        let claim = self.claims.get("exp")?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "fractions of a second do not matter"
        )]
        let number = claim
            .as_i64()
            .or_else(|| claim.as_f64().map(|float| float as i64))
            .or_else(|| claim.as_str()?.parse().ok())?;
        // A year beyond 5000 in seconds is a plain date in milliseconds.
        if number > 100_000_000_000 {
            Timestamp::from_millisecond(number).ok()
        } else {
            Timestamp::from_second(number).ok()
        }
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()
}
