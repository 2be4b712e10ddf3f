//! What does a signer answer?

/// A signature, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The bytes of the signature.
    pub bytes: Vec<u8>,
    /// The version of the key that signed.
    pub key_version: u32,
}
