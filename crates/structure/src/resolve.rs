//! Where is defined what a path names? Imports and re-exports are looked through.

use std::collections::HashSet;

use crate::tree::{Kind, Tree};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Module(usize),
    Item(usize),
}

type Seen = HashSet<(usize, String)>;

impl Tree {
    /// The definitions that a path names in a module; several, where a name is a type and a function.
    pub(crate) fn definitions(&self, module: usize, path: &[String]) -> Vec<usize> {
        let targets = self.resolve(module, path, &mut Seen::new());
        targets
            .into_iter()
            .filter_map(|target| match target {
                Target::Item(item) => Some(item),
                Target::Module(_) => None,
            })
            .collect()
    }

    fn resolve(&self, module: usize, path: &[String], seen: &mut Seen) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        let Some(scope) = self.modules.get(module) else {
            return Vec::new();
        };
        let mut targets = match first.as_str() {
            "crate" => vec![Target::Module(scope.root)],
            "self" => vec![Target::Module(module)],
            "super" => scope.parent.map(Target::Module).into_iter().collect(),
            name => self.lookup(module, name, seen),
        };
        if targets.is_empty() {
            targets.extend(self.libraries.get(first).copied().map(Target::Module));
        }
        for name in rest {
            targets = targets
                .into_iter()
                .flat_map(|target| self.step(target, name, seen))
                .collect();
        }
        targets
    }

    /// What `target::name` names. A variant or an associated item is defined where its type is.
    fn step(&self, target: Target, name: &str, seen: &mut Seen) -> Vec<Target> {
        match target {
            Target::Module(module) if name == "super" => self
                .modules
                .get(module)
                .and_then(|module| module.parent)
                .map(Target::Module)
                .into_iter()
                .collect(),
            Target::Module(module) if name == "self" => vec![Target::Module(module)],
            Target::Module(module) => self.lookup(module, name, seen),
            Target::Item(item) if self.items.get(item).is_some_and(|item| item.kind == Kind::Type) => {
                vec![target]
            }
            Target::Item(_) => Vec::new(),
        }
    }

    fn lookup(&self, module: usize, name: &str, seen: &mut Seen) -> Vec<Target> {
        let Some(scope) = self.modules.get(module) else {
            return Vec::new();
        };
        let items = scope.items.get(name).into_iter().flatten().copied();
        let mut found: Vec<Target> = items.map(Target::Item).collect();
        found.extend(scope.children.get(name).copied().map(Target::Module));
        if !seen.insert((module, name.to_owned())) {
            return found;
        }
        for import in scope
            .imports
            .iter()
            .filter(|import| import.name.as_deref() == Some(name))
        {
            found.extend(self.resolve(module, &import.path, seen));
        }
        if found.is_empty() {
            for import in scope.imports.iter().filter(|import| import.name.is_none()) {
                for target in self.resolve(module, &import.path, seen) {
                    found.extend(self.through_glob(target, name, seen));
                }
            }
        }
        seen.remove(&(module, name.to_owned()));
        found.sort_by_key(|target| format!("{target:?}"));
        found.dedup();
        found
    }

    fn through_glob(&self, target: Target, name: &str, seen: &mut Seen) -> Vec<Target> {
        match target {
            Target::Module(module) => self.lookup(module, name, seen),
            Target::Item(item) => {
                let variants = self.items.get(item).map(|item| item.variants.as_slice());
                let known = variants.is_some_and(|variants| variants.iter().any(|variant| variant == name));
                if known { vec![target] } else { Vec::new() }
            }
        }
    }
}
