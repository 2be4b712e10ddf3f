//! What do the sources consist of? Packages, files, modules, what they define, and what they name.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// The text of each source file and each manifest, by its path from the root, with slashes.
pub type Sources = BTreeMap<String, String>;

/// Why the sources could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file is not valid Rust.
    #[error("{path}:{}: {source}", source.span().start().line)]
    Parse {
        /// The file.
        path: String,
        /// The cause.
        source: syn::Error,
    },
    /// A module is declared, but has no file.
    #[error("{path}: no file for `mod {name};`")]
    NoFile {
        /// The file with the declaration.
        path: String,
        /// The module.
        name: String,
    },
}

/// A package of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name in the manifest.
    pub name: String,
    /// Whether it is the root package or one that the root package ships: a dependency, not only of tests.
    pub product: bool,
}

/// A source file that is not itself a test.
#[derive(Debug)]
pub struct File {
    /// Its path from the root.
    pub path: String,
    /// Index of its package.
    pub package: usize,
    /// All of its lines.
    pub lines: usize,
    /// Those of its lines that belong to tests.
    pub test_lines: usize,
}

#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) file: usize,
    pub(crate) root: usize,
    pub(crate) parent: Option<usize>,
    /// The folder of the files of its child modules.
    pub(crate) folder: String,
    pub(crate) children: HashMap<String, usize>,
    pub(crate) items: HashMap<String, Vec<usize>>,
    pub(crate) imports: Vec<Import>,
}

#[derive(Debug)]
pub(crate) struct Import {
    /// The name that it has here; `None` for a glob.
    pub(crate) name: Option<String>,
    pub(crate) path: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Type,
    Function(usize),
    Other,
}

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) file: usize,
    pub(crate) line: usize,
    pub(crate) module: usize,
    pub(crate) variants: Vec<String>,
    /// The types of the fields of a struct.
    pub(crate) fields: HashMap<String, Vec<String>>,
}

/// A path that code or a private `use` names.
#[derive(Debug)]
pub(crate) struct Mention {
    pub(crate) module: usize,
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) module: usize,
    /// The type or trait whose `impl` or body it is in.
    pub(crate) owner: Option<Vec<String>>,
    pub(crate) method: bool,
    pub(crate) line: usize,
    pub(crate) end: usize,
    pub(crate) returns: Option<Vec<String>>,
    pub(crate) calls: Vec<Call>,
}

#[derive(Debug, Clone)]
pub(crate) enum Call {
    Path(Vec<String>),
    Method(Place, String),
}

/// What a method is called on, or a variable is set to.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Unknown,
    Of(Vec<String>),
    Field(Box<Place>, String),
    Call(Vec<String>),
    Method(Box<Place>, String),
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Tree {
    /// The packages, the root package first.
    pub packages: Vec<Package>,
    /// The files, each below its package.
    pub files: Vec<File>,
    pub(crate) modules: Vec<Module>,
    pub(crate) items: Vec<Item>,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) functions: Vec<Function>,
    /// The root modules of the libraries.
    pub(crate) libraries: HashMap<String, usize>,
}

impl Tree {
    pub(crate) fn path(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |file| &file.path)
    }

    pub(crate) fn package_of(&self, file: usize) -> Option<usize> {
        self.files.get(file).map(|file| file.package)
    }

    pub(crate) fn is_product(&self, file: usize) -> bool {
        self.package_of(file)
            .and_then(|package| self.packages.get(package))
            .is_some_and(|package| package.product)
    }
}
