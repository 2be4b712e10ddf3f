//! What does a function declare: which types, which names?

use std::collections::{HashMap, HashSet};

use syn::visit::{self, Visit};
use syn::{Expr, FnArg, GenericArgument, Member, Pat, PathArguments, ReturnType, Type};

use crate::tree::Place;

/// Generic types that are seen through to their first argument.
const SEEN_THROUGH: [&str; 6] = ["Arc", "Box", "Option", "Pin", "Rc", "Result"];

/// The path of a type, behind references and what is seen through.
pub(super) fn type_path(of: &Type) -> Option<Vec<String>> {
    match of {
        Type::Reference(inner) => type_path(&inner.elem),
        Type::Paren(inner) => type_path(&inner.elem),
        Type::Group(inner) => type_path(&inner.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            match &last.arguments {
                PathArguments::AngleBracketed(inner)
                    if SEEN_THROUGH.iter().any(|name| last.ident == name) =>
                {
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
pub(super) fn parameters(signature: &syn::Signature, owner: Option<&[String]>) -> HashMap<String, Place> {
    let named = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Receiver(_) => Some(("self".to_owned(), Place::Of(owner?.to_vec()))),
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) => Some((name.ident.to_string(), of_type(&typed.ty, owner))),
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

fn of_type(of: &Type, owner: Option<&[String]>) -> Place {
    type_path(of).map_or(Place::Unknown, |path| Place::Of(with_owner(path, owner)))
}

/// A path with the type that `Self` is.
pub(super) fn with_owner(path: Vec<String>, owner: Option<&[String]>) -> Vec<String> {
    match (path.split_first(), owner) {
        (Some((first, rest)), Some(owner)) if first == "Self" => [owner, rest].concat(),
        _ => path,
    }
}

/// What an expression is, by the variables known so far.
pub(super) fn place(of: &Expr, known: &HashMap<String, Place>, owner: Option<&[String]>) -> Place {
    match of {
        Expr::Path(path) => path
            .path
            .get_ident()
            .and_then(|name| known.get(&name.to_string()).cloned())
            .unwrap_or(Place::Unknown),
        Expr::Field(field) => match &field.member {
            Member::Named(name) => Place::Field(Box::new(place(&field.base, known, owner)), name.to_string()),
            Member::Unnamed(_) => Place::Unknown,
        },
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => Place::Call(with_owner(segments(&path.path), owner)),
            _ => Place::Unknown,
        },
        Expr::MethodCall(call) => Place::Method(
            Box::new(place(&call.receiver, known, owner)),
            call.method.to_string(),
        ),
        Expr::Struct(of) => Place::Of(with_owner(segments(&of.path), owner)),
        Expr::Await(inner) => place(&inner.base, known, owner),
        Expr::Try(inner) => place(&inner.expr, known, owner),
        Expr::Paren(inner) => place(&inner.expr, known, owner),
        Expr::Reference(inner) => place(&inner.expr, known, owner),
        Expr::Unary(inner) => place(&inner.expr, known, owner),
        _ => Place::Unknown,
    }
}

/// The variable that a pattern binds to what it matches, or to what `Some` or `Ok` of it holds; with its type, if declared.
pub(super) fn variable(of: &Pat, owner: Option<&[String]>) -> Option<(String, Option<Place>)> {
    match of {
        Pat::Ident(name) => Some((name.ident.to_string(), None)),
        Pat::Type(typed) => {
            let (name, _) = variable(&typed.pat, owner)?;
            Some((name, Some(of_type(&typed.ty, owner))))
        }
        Pat::TupleStruct(of) if of.path.is_ident("Some") || of.path.is_ident("Ok") => {
            variable(of.elems.first()?, owner)
        }
        _ => None,
    }
}

/// The path of what a function returns.
pub(super) fn returned(signature: &syn::Signature, owner: Option<&[String]>) -> Option<Vec<String>> {
    match &signature.output {
        ReturnType::Type(_, of) => Some(with_owner(type_path(of)?, owner)),
        ReturnType::Default => None,
    }
}

/// The type of each field that has a name.
pub(super) fn fields(fields: &syn::Fields) -> HashMap<String, Vec<String>> {
    let named = fields.iter();
    named
        .filter_map(|field| Some((field.ident.as_ref()?.to_string(), type_path(&field.ty)?)))
        .collect()
}
