//! What do the files of a crate define and name? From its root file along `mod` declarations; tests are passed over.

mod body;
mod signature;
mod tokens;

use std::collections::{HashMap, HashSet};

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, ImplItem, Item as Syntax, UseTree, Visibility};

use crate::tree::{Error, File, Function, Import, Item, Kind, Mention, Module, Place, Sources, Tree};

/// Reads the crate whose root file is at `path`, and answers with its root module.
pub(crate) fn read_crate(
    tree: &mut Tree,
    sources: &Sources,
    package: usize,
    path: &str,
) -> Result<usize, Error> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    read_file(tree, sources, package, path, (None, folder))
}

fn read_file(
    tree: &mut Tree,
    sources: &Sources,
    package: usize,
    path: &str,
    (parent, folder): (Option<usize>, String),
) -> Result<usize, Error> {
    let text = sources.get(path).map_or("", String::as_str);
    let parsed = syn::parse_file(text).map_err(|source| Error::Parse {
        path: path.to_owned(),
        source,
    })?;
    let file = tree.files.len();
    let lines = text.lines().count();
    tree.files.push(File {
        path: path.to_owned(),
        package,
        lines,
        test_lines: 0,
    });
    let module = add_module(tree, file, parent, folder);
    let mut reader = Reader {
        tree,
        sources,
        package,
        file,
        module,
        owner: None,
        function: None,
        known: HashMap::new(),
        bound: HashSet::new(),
        macros: HashMap::new(),
        error: None,
    };
    reader.visit_file(&parsed);
    reader.error.map_or(Ok(module), Err)
}

fn add_module(tree: &mut Tree, file: usize, parent: Option<usize>, folder: String) -> usize {
    let module = tree.modules.len();
    let root = parent
        .and_then(|parent| tree.modules.get(parent))
        .map_or(module, |parent| parent.root);
    tree.modules.push(Module {
        file,
        root,
        parent,
        folder,
        children: HashMap::new(),
        items: HashMap::new(),
        imports: Vec::new(),
    });
    module
}

/// Reads one file. What is said of the function at hand is replaced while a function inside it is read.
struct Reader<'a> {
    tree: &'a mut Tree,
    sources: &'a Sources,
    package: usize,
    file: usize,
    module: usize,
    /// The type or trait whose `impl` or body is read.
    owner: Option<Vec<String>>,
    function: Option<usize>,
    /// What the variables of the function are.
    known: HashMap<String, Place>,
    /// The names that the function binds.
    bound: HashSet<String>,
    /// The rules of the macros of this file.
    macros: HashMap<String, TokenStream>,
    error: Option<Error>,
}

impl Reader<'_> {
    fn define(&mut self, name: &Ident, kind: Kind, variants: Vec<String>) {
        self.define_at(name.to_string(), kind, name.span().start().line, variants);
    }

    fn define_at(&mut self, name: String, kind: Kind, line: usize, variants: Vec<String>) {
        let item = self.tree.items.len();
        self.tree.items.push(Item {
            name: name.clone(),
            kind,
            file: self.file,
            line,
            module: self.module,
            variants,
            fields: HashMap::new(),
        });
        if let Some(module) = self.tree.modules.get_mut(self.module) {
            module.items.entry(name).or_default().push(item);
        }
    }

    fn mention(&mut self, path: Vec<String>, line: usize) {
        self.tree.mentions.push(Mention {
            module: self.module,
            path,
            line,
        });
    }

    fn import(&mut self, tree: &UseTree, mut path: Vec<String>, facade: bool) {
        match tree {
            UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.import(&inner.tree, path, facade);
            }
            UseTree::Name(name) => self.import_name(&name.ident, &name.ident, path, facade),
            UseTree::Rename(rename) => self.import_name(&rename.ident, &rename.rename, path, facade),
            UseTree::Glob(_) => self.add_import(None, path),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, path.clone(), facade);
                }
            }
        }
    }

    fn import_name(&mut self, ident: &Ident, alias: &Ident, mut path: Vec<String>, facade: bool) {
        let mut name = alias.to_string();
        if ident != "self" {
            path.push(ident.to_string());
        } else if name == "self" {
            name = path.last().cloned().unwrap_or_default();
        }
        if !facade {
            self.mention(path.clone(), ident.span().start().line);
        }
        self.add_import(Some(name), path);
    }

    fn add_import(&mut self, name: Option<String>, path: Vec<String>) {
        if let Some(module) = self.tree.modules.get_mut(self.module) {
            module.imports.push(Import { name, path });
        }
    }

    fn skip(&mut self, item: &impl Spanned) {
        let span = item.span();
        if let Some(file) = self.tree.files.get_mut(self.file) {
            file.test_lines += span.end().line + 1 - span.start().line;
        }
    }

    /// A module in a file of its own.
    fn child(&mut self, name: &str) -> Result<usize, Error> {
        let folder = self
            .tree
            .modules
            .get(self.module)
            .map_or("", |module| &module.folder);
        let folder = format!("{folder}/{name}");
        let candidates = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
        let found = candidates.iter().find(|path| self.sources.contains_key(*path));
        let path = found.ok_or_else(|| Error::NoFile {
            path: self.tree.path(self.file).to_owned(),
            name: name.to_owned(),
        })?;
        read_file(
            self.tree,
            self.sources,
            self.package,
            path,
            (Some(self.module), folder),
        )
    }

    fn inline(&mut self, name: &str, items: &[Syntax]) -> usize {
        let folder = self
            .tree
            .modules
            .get(self.module)
            .map_or("", |module| &module.folder);
        let module = add_module(
            self.tree,
            self.file,
            Some(self.module),
            format!("{folder}/{name}"),
        );
        let outer = std::mem::replace(&mut self.module, module);
        for item in items {
            self.visit_item(item);
        }
        self.module = outer;
        module
    }

    fn module(&mut self, item: &syn::ItemMod) {
        let name = item.ident.to_string();
        let child = match &item.content {
            Some((_, items)) => Ok(self.inline(&name, items)),
            None => self.child(&name),
        };
        match child {
            Ok(child) => {
                if let Some(module) = self.tree.modules.get_mut(self.module) {
                    module.children.insert(name, child);
                }
            }
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }

    fn macro_item(&mut self, item: &syn::ItemMacro) {
        if let Some(name) = &item.ident {
            self.define(name, Kind::Other, Vec::new());
            self.macros.insert(name.to_string(), item.mac.tokens.clone());
        }
        let rules = item
            .mac
            .path
            .get_ident()
            .and_then(|name| self.macros.get(&name.to_string()));
        if let Some(rules) = rules {
            for name in tokens::types(rules, &item.mac.tokens) {
                self.define_at(name.0, Kind::Type, name.1, Vec::new());
            }
        }
        self.visit_macro(&item.mac);
    }

    fn in_owner(&mut self, owner: Option<Vec<String>>, read: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.owner, owner);
        read(self);
        self.owner = outer;
    }

    fn item(&mut self, item: &Syntax) {
        match item {
            Syntax::Struct(of) => {
                self.define(&of.ident, Kind::Type, Vec::new());
                if let Some(item) = self.tree.items.last_mut() {
                    item.fields = signature::fields(&of.fields);
                }
                for name in of.attrs.iter().filter_map(tokens::kube_kind) {
                    self.define_at(name, Kind::Type, of.ident.span().start().line, Vec::new());
                }
            }
            Syntax::Enum(of) => {
                let variants = of.variants.iter().map(|variant| variant.ident.to_string());
                self.define(&of.ident, Kind::Type, variants.collect());
            }
            Syntax::Union(of) => self.define(&of.ident, Kind::Type, Vec::new()),
            Syntax::Type(of) => self.define(&of.ident, Kind::Type, Vec::new()),
            Syntax::Trait(of) => self.define(&of.ident, Kind::Type, Vec::new()),
            Syntax::Const(of) => self.define(&of.ident, Kind::Other, Vec::new()),
            Syntax::Static(of) => self.define(&of.ident, Kind::Other, Vec::new()),
            _ => {}
        }
        match item {
            Syntax::Use(of) => self.import(&of.tree, Vec::new(), !matches!(of.vis, Visibility::Inherited)),
            Syntax::Mod(of) => self.module(of),
            Syntax::Macro(of) => self.macro_item(of),
            Syntax::Trait(of) => {
                self.in_owner(Some(vec![of.ident.to_string()]), |reader| {
                    visit::visit_item(reader, item);
                });
            }
            Syntax::Impl(of) => {
                let owner = signature::type_path(&of.self_ty);
                self.in_owner(owner, |reader| visit::visit_item(reader, item));
            }
            Syntax::Fn(of) => self.in_owner(None, |reader| {
                let function = reader.function(&of.attrs, &of.sig, &of.block);
                if let Some(function) = function {
                    reader.define(&of.sig.ident, Kind::Function(function), Vec::new());
                }
            }),
            _ => visit::visit_item(self, item),
        }
    }

    /// Reads a function with a body.
    fn function(&mut self, attrs: &[Attribute], sig: &syn::Signature, block: &syn::Block) -> Option<usize> {
        if attrs.iter().any(tokens::is_test) {
            return None;
        }
        let function = self.tree.functions.len();
        self.tree.functions.push(Function {
            name: sig.ident.to_string(),
            module: self.module,
            owner: self.owner.clone(),
            method: sig.receiver().is_some(),
            line: sig.fn_token.span.start().line,
            end: block.brace_token.span.close().end().line,
            returns: signature::returned(sig, self.owner.as_deref()),
            calls: Vec::new(),
        });
        let outer = (
            self.function.replace(function),
            std::mem::replace(&mut self.known, signature::parameters(sig, self.owner.as_deref())),
            std::mem::replace(&mut self.bound, signature::bound(sig, block)),
        );
        self.visit_signature(sig);
        self.visit_block(block);
        (self.function, self.known, self.bound) = outer;
        Some(function)
    }
}

impl Reader<'_> {
    fn read_item(&mut self, item: &Syntax) {
        if tokens::attributes(item).iter().any(tokens::is_test) {
            self.skip(item);
        } else {
            self.item(item);
        }
    }

    fn read_impl_item(&mut self, item: &ImplItem) {
        match item {
            ImplItem::Fn(of) if of.attrs.iter().any(tokens::is_test) => self.skip(of),
            ImplItem::Fn(of) => {
                self.function(&of.attrs, &of.sig, &of.block);
            }
            _ => visit::visit_impl_item(self, item),
        }
    }
}
