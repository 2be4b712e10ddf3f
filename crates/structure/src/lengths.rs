//! How long are functions, files, and all of the sources?
//!
//! *Production lines* are all lines, blank ones and comments too, of the sources of all packages, apart from tests and
//! apart from this tool. The length of a function is counted from its `fn` line to its closing brace.

use serde::Serialize;

use crate::tree::{File, Function, Tree};

/// The longest file without its tests that needs no remark.
pub const LONG_FILE: usize = 400;

/// How many of the longest functions are named.
const NAMED: usize = 10;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lengths {
    /// Lines that are not of tests.
    pub production_lines: usize,
    /// Functions with a body.
    pub functions: usize,
    /// The median of their lines.
    pub p50: usize,
    /// The 90th percentile of their lines.
    pub p90: usize,
    /// The longest of them.
    pub longest: Vec<Length>,
    /// Files with more than [`LONG_FILE`] lines that are not of tests.
    pub long_files: Vec<Length>,
}

/// The lines of a file, or of a function in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Length {
    /// How many lines it has.
    pub lines: usize,
    /// The file.
    pub file: String,
    /// The line on which it starts.
    pub line: usize,
    /// The name of the function; empty for a file.
    pub name: String,
}

/// Measures all packages.
#[must_use]
pub fn lengths(tree: &Tree) -> Lengths {
    let mut functions: Vec<Length> = tree
        .functions
        .iter()
        .map(|function| of_function(tree, function))
        .collect();
    sort(&mut functions);
    let percentile = |percent: usize| {
        let from_longest = functions.len() * (100 - percent) / 100;
        functions.get(from_longest).map_or(0, |function| function.lines)
    };
    let files = tree.files.iter().map(|file| (file, of_file(file)));
    let mut long_files: Vec<Length> = files.clone().map(|(_, length)| length).collect();
    long_files.retain(|file| file.lines > LONG_FILE);
    sort(&mut long_files);
    Lengths {
        production_lines: files
            .filter(|(file, _)| !is_own(tree, file))
            .map(|(_, length)| length.lines)
            .sum(),
        functions: functions.len(),
        p50: percentile(50),
        p90: percentile(90),
        longest: functions.into_iter().take(NAMED).collect(),
        long_files,
    }
}

fn is_own(tree: &Tree, file: &File) -> bool {
    tree.packages
        .get(file.package)
        .is_some_and(|package| package.name == env!("CARGO_PKG_NAME"))
}

fn sort(lengths: &mut [Length]) {
    lengths.sort_by(|a, b| (b.lines, &a.file, a.line).cmp(&(a.lines, &b.file, b.line)));
}

fn of_file(file: &File) -> Length {
    Length {
        lines: file.lines - file.test_lines,
        file: file.path.clone(),
        line: 1,
        name: String::new(),
    }
}

fn of_function(tree: &Tree, function: &Function) -> Length {
    let file = tree
        .modules
        .get(function.module)
        .map_or("", |module| tree.path(module.file));
    Length {
        lines: function.end + 1 - function.line,
        file: file.to_owned(),
        line: function.line,
        name: function.name.clone(),
    }
}
