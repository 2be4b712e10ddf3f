//! Which names does the product give to more than one type?

use std::collections::BTreeMap;

use serde::Serialize;

use crate::tree::{Kind, Tree};

/// Names that two crates define on purpose. The redeem protocol knows no client, so each of the two has its own type for
/// the tokens that cross the border between them.
pub const PAIRS: [&str; 2] = ["AccessToken", "RefreshToken"];

/// A name that is defined more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Homonym {
    /// The name.
    pub name: String,
    /// Where it is defined, as `file:line`.
    pub places: Vec<String>,
}

/// The names that the shipped packages define more than once, apart from [`PAIRS`].
#[must_use]
pub fn homonyms(tree: &Tree) -> Vec<Homonym> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for item in &tree.items {
        if item.kind == Kind::Type && tree.is_product(item.file) && !PAIRS.contains(&item.name.as_str()) {
            let place = format!("{}:{}", tree.path(item.file), item.line);
            places.entry(&item.name).or_default().push(place);
        }
    }
    let found = places.into_iter().filter(|(_, places)| places.len() > 1);
    found
        .map(|(name, places)| Homonym {
            name: name.to_owned(),
            places,
        })
        .collect()
}
