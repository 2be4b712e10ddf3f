//! Do the sources keep their shape? No circles, one name for one type, short functions.
//!
//! `cargo run -p structure -- circles` prints the lines that make a circle; see also `homonyms` and `lengths`.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::sync::LazyLock;

use structure::circles::circles;
use structure::homonyms::homonyms;
use structure::lengths::lengths;
use structure::{Error, Tree};

/// Circles that are still to be cut. A circle that is gone must go from this list too.
const KNOWN_CIRCLES: &[&[&str]] = &[];

/// Names of several types that are still to be told apart.
const KNOWN_HOMONYMS: &[&str] = &[];

/// Functions that are still to be cut, as `file name`.
const KNOWN_LONG_FUNCTIONS: &[&str] = &[];

const LONGEST_FUNCTION: usize = 60;

static TREE: LazyLock<Result<Tree, Error>> =
    LazyLock::new(|| Tree::load(Path::new(env!("CARGO_MANIFEST_DIR"))));

fn tree() -> &'static Tree {
    TREE.as_ref().expect("the sources can be read")
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let found = circles(tree()).into_iter().map(|circle| circle.files);
    let known = KNOWN_CIRCLES
        .iter()
        .map(|files| files.iter().map(ToString::to_string).collect());
    assert_known(found, known);
}

#[test]
fn no_two_types_of_the_product_have_one_name() {
    let found = homonyms(tree()).into_iter().map(|homonym| homonym.name);
    assert_known(found, KNOWN_HOMONYMS.iter().map(ToString::to_string));
}

#[test]
fn functions_are_short() {
    let lengths = lengths(tree());
    assert!(lengths.p50 <= 8, "the median is {} lines", lengths.p50);
    assert!(lengths.p90 <= 24, "the 90th percentile is {} lines", lengths.p90);
    let long = lengths
        .longest
        .into_iter()
        .filter(|function| function.lines > LONGEST_FUNCTION);
    let found = long.map(|function| format!("{} {}", function.file, function.name));
    assert_known(found, KNOWN_LONG_FUNCTIONS.iter().map(ToString::to_string));
}

/// Compares what was found with what is known, which may neither lack something nor be stale.
fn assert_known<T: Ord + Debug>(found: impl Iterator<Item = T>, known: impl Iterator<Item = T>) {
    let (found, known): (BTreeSet<T>, BTreeSet<T>) = (found.collect(), known.collect());
    let new: Vec<&T> = found.difference(&known).collect();
    let gone: Vec<&T> = known.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "new: {new:#?}\nno longer there, remove from the list: {gone:#?}"
    );
}

#[test]
fn each_mutation_of_the_redeem_protocol_changes_one_place_of_its_code() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/redeem");
    let list = std::fs::read_to_string(format!("{folder}/mutants/list.txt")).unwrap();
    let mutations = list.split("\n= ").skip(1).map(|mutation| {
        let (rule, rest) = mutation.split_once('\n').unwrap();
        let with = |mark: &str| -> Vec<&str> {
            let lines = rest.lines().filter_map(|line| line.strip_prefix(mark));
            lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect()
        };
        (
            rule,
            with("@").concat(),
            with("-").join("\n"),
            with("+").join("\n"),
        )
    });
    let mut rules = BTreeSet::new();
    for (rule, file, old, new) in mutations {
        let source = std::fs::read_to_string(format!("{folder}/src/{file}")).unwrap();
        assert_eq!(source.matches(&old).count(), 1, "{rule}: {file} has\n{old}");
        assert!(old != new && rules.insert(rule), "{rule}");
    }
    assert!(rules.len() >= 70, "{} rules", rules.len());
}
