//! By how much is a wait changed, so that connectors don't act all at once?

use std::time::Duration;

/// `wait`, lengthened by up to a tenth, by an amount that depends on the connector and `salt` only. A herd that was
/// struck at one moment comes back spread out, and the same run can be repeated.
pub fn jittered(wait: Duration, uid: &str, salt: i32) -> Duration {
    wait.saturating_add(jitter(wait, uid, salt))
}

/// `wait`, shortened likewise: for what was promised to come within it.
pub fn shortened(wait: Duration, uid: &str, salt: i32) -> Duration {
    wait.saturating_sub(jitter(wait, uid, salt))
}

fn jitter(wait: Duration, uid: &str, salt: i32) -> Duration {
    Duration::try_from_secs_f64(wait.as_secs_f64() * 0.1 * fraction(uid, salt)).unwrap_or_default()
}

/// A number in 0..1 from the uid (FNV-1a, spread by a final mix).
fn fraction(uid: &str, salt: i32) -> f64 {
    let [a, b, c, d, ..] = mixed(uid, salt);
    f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}

/// The same as a number of 0 to 255.
pub fn jitter_byte(uid: &str, salt: i32) -> u8 {
    let [first, ..] = mixed(uid, salt);
    first
}

fn mixed(uid: &str, salt: i32) -> [u8; 8] {
    let seed = uid.bytes().chain(salt.to_be_bytes());
    let hash = seed.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32))
        .wrapping_mul(0xd6e8_feb8_6659_fd93)
        .to_be_bytes()
}
