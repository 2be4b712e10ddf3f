//! Connectors as the operator leaves them, from the world in which the tests of kstatus live.

#[path = "../kstatus/grant.rs"]
mod grant;
#[path = "../kstatus/judge.rs"]
mod judge;
#[path = "../kstatus/world.rs"]
mod life;

pub(crate) use judge::{Judgement, kstatus};
pub(crate) use life::World;
