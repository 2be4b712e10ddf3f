//! How far does a connector travel? From a function along its calls, in the order of the text, depth first.
//!
//! A function is entered at each call, but its own calls are followed the first time only. A *stay* is a run of entered
//! functions in one file; a *return* is a stay in a file that was left before, so stays are files plus returns.
//!
//! What a call enters:
//!
//! - a free function or `Type::function` by the imports of the file, also where it is named as a value, and also in
//!   another package of the workspace;
//! - a method by the type of the parameter (or `self`) that it is called on;
//! - any other method if the package, or else the product, defines exactly one of that name, and no type of the standard
//!   library, kube or another common crate has one of that name ([`FOREIGN`]).
//!
//! Other calls are passed over.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;

use serde::Serialize;

use crate::tree::{Call, Function, Kind, Tree};

/// Where the work on a connector starts.
pub const RECONCILE: &str = "src/controller.rs:reconcile";

/// Methods of foreign types, which say nothing about where a call leads.
pub const FOREIGN: [&str; 0] = [];

/// A function, as `FUNCTION` or `FILE:FUNCTION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    file: Option<String>,
    function: String,
}

impl FromStr for Named {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.rsplit_once(':') {
            Some((file, function)) => Self {
                file: Some(file.to_owned()),
                function: function.to_owned(),
            },
            None => Self {
                file: None,
                function: text.to_owned(),
            },
        })
    }
}

impl Named {
    fn is(&self, tree: &Tree, function: &Function) -> bool {
        self.function == function.name
            && self
                .file
                .as_ref()
                .is_none_or(|file| Some(file.as_str()) == file_of(tree, function))
    }
}

/// What a walk comes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Walk {
    /// Runs in one file.
    pub stays: usize,
    /// Different files.
    pub files: usize,
    /// Stays in a file that was left before.
    pub returns: usize,
    /// Different functions.
    pub functions: usize,
    /// Each stay.
    pub path: Vec<Stay>,
}

/// A run in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stay {
    /// The file.
    pub file: String,
    /// The functions that are entered.
    pub functions: Vec<String>,
}

/// Walks from `start`, leaving out the functions in `skip`; `None` if there is no such function.
#[must_use]
pub fn walk(tree: &Tree, start: &Named, skip: &[Named]) -> Option<Walk> {
    let first = tree
        .functions
        .iter()
        .position(|function| start.is(tree, function))?;
    let mut walker = Walker {
        tree,
        skip,
        associated: associated(tree),
        methods: methods(tree),
        entered: Vec::new(),
        seen: HashSet::new(),
    };
    walker.enter(first);
    let mut path: Vec<Stay> = Vec::new();
    for function in walker
        .entered
        .iter()
        .filter_map(|function| tree.functions.get(*function))
    {
        let file = file_of(tree, function).unwrap_or_default();
        match path.last_mut() {
            Some(stay) if stay.file == file => stay.functions.push(function.name.clone()),
            _ => path.push(Stay {
                file: file.to_owned(),
                functions: vec![function.name.clone()],
            }),
        }
    }
    let files = path
        .iter()
        .map(|stay| stay.file.as_str())
        .collect::<BTreeSet<_>>()
        .len();
    Some(Walk {
        stays: path.len(),
        files,
        returns: path.len() - files,
        functions: walker.seen.len(),
        path,
    })
}

struct Walker<'a> {
    tree: &'a Tree,
    skip: &'a [Named],
    associated: HashMap<(usize, &'a str), Vec<usize>>,
    methods: HashMap<&'a str, Vec<usize>>,
    entered: Vec<usize>,
    seen: HashSet<usize>,
}

impl Walker<'_> {
    fn enter(&mut self, function: usize) {
        let Some(of) = self.tree.functions.get(function) else {
            return;
        };
        if self.skip.iter().any(|skipped| skipped.is(self.tree, of)) {
            return;
        }
        self.entered.push(function);
        if self.seen.insert(function) {
            for call in &of.calls {
                if let Some(called) = self.called(of, call) {
                    self.enter(called);
                }
            }
        }
    }

    fn called(&self, from: &Function, call: &Call) -> Option<usize> {
        match call {
            Call::Path(path) => self.free(from, path).or_else(|| {
                let (name, owner) = path.split_last()?;
                self.of_type(from, owner, name)
            }),
            Call::Method { name, receiver } => receiver
                .as_ref()
                .and_then(|receiver| self.of_type(from, receiver, name))
                .or_else(|| self.only_method(from, name)),
        }
    }

    fn free(&self, from: &Function, path: &[String]) -> Option<usize> {
        let found = self.tree.definitions(from.module, path);
        found
            .iter()
            .find_map(|item| match self.tree.items.get(*item)?.kind {
                Kind::Function(function) => Some(function),
                _ => None,
            })
    }

    fn of_type(&self, from: &Function, owner: &[String], name: &str) -> Option<usize> {
        let found = self.tree.definitions(from.module, owner);
        let functions = found
            .iter()
            .find_map(|item| self.associated.get(&(*item, name)))?;
        only(functions.iter().copied())
    }

    fn only_method(&self, from: &Function, name: &str) -> Option<usize> {
        if FOREIGN.contains(&name) {
            return None;
        }
        let package = package_of(self.tree, from);
        let all = self.methods.get(name)?;
        let near = all.iter().filter(|method| {
            self.tree
                .functions
                .get(**method)
                .is_some_and(|method| package_of(self.tree, method) == package)
        });
        if near.clone().next().is_some() {
            only(near.copied())
        } else {
            only(all.iter().copied())
        }
    }
}

fn only(mut functions: impl Iterator<Item = usize>) -> Option<usize> {
    let first = functions.next();
    if functions.next().is_some() { None } else { first }
}

/// The functions of each type and trait.
fn associated(tree: &Tree) -> HashMap<(usize, &str), Vec<usize>> {
    let mut associated: HashMap<(usize, &str), Vec<usize>> = HashMap::new();
    for (index, function) in tree.functions.iter().enumerate() {
        let owner = function
            .owner
            .iter()
            .flat_map(|owner| tree.definitions(function.module, owner));
        for item in owner {
            associated.entry((item, &function.name)).or_default().push(index);
        }
    }
    associated
}

/// The methods of the product.
fn methods(tree: &Tree) -> HashMap<&str, Vec<usize>> {
    let mut methods: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, function) in tree
        .functions
        .iter()
        .enumerate()
        .filter(|(_, function)| function.method)
    {
        let module = tree.modules.get(function.module);
        if module.is_some_and(|module| tree.is_product(module.file)) {
            methods.entry(&function.name).or_default().push(index);
        }
    }
    methods
}

fn file_of<'a>(tree: &'a Tree, function: &Function) -> Option<&'a str> {
    tree.modules
        .get(function.module)
        .map(|module| tree.path(module.file))
}

fn package_of(tree: &Tree, function: &Function) -> Option<usize> {
    tree.package_of(tree.modules.get(function.module)?.file)
}
