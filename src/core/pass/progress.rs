//! Where does a part of a pass stand?

use crate::core::pass::effect::PassEffect;

/// A part of a pass either needs something, or has come to its end.
pub(super) enum PartProgress<Part, End> {
    /// It needs this, and takes the reply.
    Asks(Part, PassEffect),
    Ended(End),
}
