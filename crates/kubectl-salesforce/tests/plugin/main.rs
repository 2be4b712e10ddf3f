//! The plugin's own binary on a real API server, with the operator and a simulated Salesforce behind it: what a person sees,
//! and the exit code that a script gets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "this is a test")]

mod asking;
#[path = "../../../../tests/support/browser.rs"]
mod browser;
mod browsing;
mod bundling;
mod chromium;
mod completing;
#[path = "../../../../tests/support/context.rs"]
mod context;
mod krew;
#[path = "../../../../tests/support/leak.rs"]
mod leak;
mod linting;
mod logging_in;
mod making;
mod moving;
mod readme;
mod recreating;
mod refused;
#[path = "../../../../tests/support/scene.rs"]
mod scene;
mod showing;
mod stage;
#[expect(dead_code, reason = "shared with the tests of the operator")]
#[path = "../../../../tests/support/tenant.rs"]
mod tenant;
