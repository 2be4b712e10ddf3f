//! What does a function declare: which types, which names?

use std::collections::{HashMap, HashSet};

use syn::visit::{self, Visit};
use syn::{FnArg, GenericArgument, Pat, PathArguments, Type};

/// Pointers that a method is called through.
const POINTERS: [&str; 3] = ["Arc", "Box", "Rc"];

/// The path of a type, behind references and pointers.
pub(super) fn type_path(of: &Type) -> Option<Vec<String>> {
    match of {
        Type::Reference(inner) => type_path(&inner.elem),
        Type::Paren(inner) => type_path(&inner.elem),
        Type::Group(inner) => type_path(&inner.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            match &last.arguments {
                PathArguments::AngleBracketed(inner) if POINTERS.iter().any(|name| last.ident == name) => {
                    inner.args.iter().find_map(|argument| match argument {
                        GenericArgument::Type(inner) => type_path(inner),
                        _ => None,
                    })
                }
                _ => Some(segments(&path.path)),
            }
        }
        _ => None,
    }
}

/// The names of a path, without generic arguments.
pub(super) fn segments(path: &syn::Path) -> Vec<String> {
    path.segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect()
}

/// The type of each parameter whose type has a path.
pub(super) fn parameters(
    signature: &syn::Signature,
    owner: Option<&[String]>,
) -> HashMap<String, Vec<String>> {
    let named = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Receiver(_) => Some(("self".to_owned(), owner?.to_vec())),
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) => Some((name.ident.to_string(), type_path(&typed.ty)?)),
            _ => None,
        },
    });
    named.collect()
}

/// The names that a function binds, which are then no paths.
pub(super) fn bound(signature: &syn::Signature, block: &syn::Block) -> HashSet<String> {
    struct Bound(HashSet<String>);
    impl<'ast> Visit<'ast> for Bound {
        fn visit_pat_ident(&mut self, name: &'ast syn::PatIdent) {
            self.0.insert(name.ident.to_string());
            visit::visit_pat_ident(self, name);
        }
    }
    let mut bound = Bound(HashSet::new());
    bound.visit_signature(signature);
    bound.visit_block(block);
    bound.0
}
