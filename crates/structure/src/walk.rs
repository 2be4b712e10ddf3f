//! How far does a connector travel? From a function along its calls, in the order of the text, depth first.
//!
//! A function is entered at each call, but its own calls are followed the first time only. A *stay* is a run of entered
//! functions in one file; a *return* is a stay in a file that was left before, so stays are files plus returns.
//!
//! What a call enters:
//!
//! - a free function or `Type::function` by the imports of the file, also where it is named as a value, and also in
//!   another package of the workspace;
//! - a method by the type of what it is called on, as far as declarations say it: of parameters, fields, variables and
//!   what functions return;
//! - a method on something whose type they don't say if the package, or else the product, defines exactly one of that
//!   name, and the standard library and kube none (`FOREIGN`).
//!
//! Other calls are passed over.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;

use serde::Serialize;

use crate::tree::{Call, Function, Kind, Place, Tree};

/// Where the work on a connector starts.
pub const RECONCILE: &str = "src/controller.rs:reconcile";

/// Names of methods that types of the standard library and kube have, too.
const FOREIGN: &str = "\
    add and_then annotations apply as_bytes as_mut as_ref as_slice as_str chain clone cloned contains \
    contains_key create delete encode end entry expect extend filter find finish flush get get_mut \
    host insert is_empty is_some iter join labels last len list lock map matches max min name next \
    open parse patch poll pop push read recv remove replace retain send set split start status step \
    store sub swap take text trim try_from uid unwrap_or update value values wait watch with write \
    zip";

/// Methods that answer with what they are called on, or with what it holds.
const TRANSPARENT: &str = "\
    as_deref as_deref_mut as_mut as_ref borrow clone cloned copied expect iter lock map_err ok ok_or \
    ok_or_else or take to_owned unwrap unwrap_or_default unwrap_or_else";

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

/// There is no function of this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no function {0}")]
pub struct NoFunction(String);

/// Walks from `start`, leaving out the functions in `skip`.
pub fn walk(tree: &Tree, start: &Named, skip: &[Named]) -> Result<Walk, NoFunction> {
    let first = find(tree, start)?;
    for skipped in skip {
        find(tree, skipped)?;
    }
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
    Ok(Walk {
        stays: path.len(),
        files,
        returns: path.len() - files,
        functions: walker.seen.len(),
        path,
    })
}

fn find(tree: &Tree, named: &Named) -> Result<usize, NoFunction> {
    let found = tree
        .functions
        .iter()
        .position(|function| named.is(tree, function));
    found.ok_or_else(|| NoFunction(named.function.clone()))
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
            Call::Method(place, name) => match self.type_of(from, place) {
                Known::Type(item) => self.method_of(item, name),
                Known::Foreign => None,
                Known::Nothing => self.only_method(from, name),
            },
        }
    }

    fn type_of(&self, from: &Function, place: &Place) -> Known {
        match place {
            Place::Unknown => Known::Nothing,
            Place::Of(path) => self.named(from.module, path),
            Place::Field(of, name) => match self.type_of(from, of) {
                Known::Type(item) => self.field(item, name),
                other => other,
            },
            Place::Call(path) => match self.called(from, &Call::Path(path.clone())) {
                Some(function) => self.returned(function),
                None => self.constructed(from, path),
            },
            Place::Method(of, name) => match self.type_of(from, of) {
                Known::Type(item) => match self.method_of(item, name) {
                    Some(function) => self.returned(function),
                    None if is_among(TRANSPARENT, name) => Known::Type(item),
                    None => Known::Nothing,
                },
                _ => Known::Nothing,
            },
        }
    }

    fn named(&self, module: usize, path: &[String]) -> Known {
        let mut found = self.tree.definitions(module, path).into_iter();
        let of_type = found.find(|item| {
            self.tree
                .items
                .get(*item)
                .is_some_and(|item| item.kind == Kind::Type)
        });
        of_type.map_or(Known::Foreign, Known::Type)
    }

    fn field(&self, item: usize, name: &str) -> Known {
        let item = self.tree.items.get(item);
        let field = item.and_then(|item| Some((item.module, item.fields.get(name)?)));
        field.map_or(Known::Nothing, |(module, path)| self.named(module, path))
    }

    fn returned(&self, function: usize) -> Known {
        let function = self.tree.functions.get(function);
        let returned = function.and_then(|function| Some((function.module, function.returns.as_ref()?)));
        returned.map_or(Known::Nothing, |(module, path)| self.named(module, path))
    }

    /// The type of a tuple struct or a variant, or of a function that was not found.
    fn constructed(&self, from: &Function, path: &[String]) -> Known {
        match self.named(from.module, path) {
            Known::Type(item) => Known::Type(item),
            _ => Known::Nothing,
        }
    }

    fn method_of(&self, item: usize, name: &str) -> Option<usize> {
        only(self.associated.get(&(item, name))?.iter().copied())
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
        if is_among(FOREIGN, name) {
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

/// What is known of the type of a value.
enum Known {
    Type(usize),
    Foreign,
    Nothing,
}

fn is_among(names: &str, name: &str) -> bool {
    names.split(' ').any(|of| of == name)
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
