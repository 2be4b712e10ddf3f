//! Which paths does code name, and what does it call, in the order of the text?

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Expr, ImplItem};

use super::signature::segments;
use super::{Reader, tokens};
use crate::tree::Call;

impl Reader<'_> {
    /// Notes a path; as a call, if it may name a function.
    fn path(&mut self, path: Vec<String>, at: Span, call: bool, value: bool) {
        let local = matches!(path.as_slice(), [name] if self.bound.contains(name));
        if local && value && !call {
            return;
        }
        let path = match (path.split_first(), &self.owner) {
            (Some((first, rest)), Some(owner)) if first == "Self" => [owner, rest].concat(),
            _ => path,
        };
        if value {
            self.call(Call::Path(path.clone()));
        }
        self.mention(path, at.start().line);
    }

    fn call(&mut self, call: Call) {
        if let Some(function) = self
            .function
            .and_then(|function| self.tree.functions.get_mut(function))
        {
            function.calls.push(call);
        }
    }

    fn method(&mut self, receiver: Option<String>, name: String) {
        let receiver = receiver.and_then(|name| self.parameters.get(&name).cloned());
        self.call(Call::Method { name, receiver });
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.read_item(item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        self.read_impl_item(item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        match &item.default {
            Some(block) => {
                self.function(&item.attrs, &item.sig, block);
            }
            None => visit::visit_trait_item_fn(self, item),
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        for (path, line) in tokens::attribute_paths(attribute) {
            self.mention(path, line);
        }
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            self.path(segments(path), first.ident.span(), false, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if let Some(first) = path.path.segments.first() {
            self.path(segments(&path.path), first.ident.span(), false, true);
        }
        if let Some(of) = &path.qself {
            self.visit_qself(of);
        }
        visit::visit_path(self, &path.path);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        match &*call.func {
            Expr::Path(path) if path.qself.is_none() => {
                if let Some(first) = path.path.segments.first() {
                    self.path(segments(&path.path), first.ident.span(), true, true);
                }
                visit::visit_path(self, &path.path);
            }
            function => self.visit_expr(function),
        }
        for argument in &call.args {
            self.visit_expr(argument);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.visit_expr(&call.receiver);
        let receiver = match &*call.receiver {
            Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
            _ => None,
        };
        self.method(receiver, call.method.to_string());
        if let Some(turbofish) = &call.turbofish {
            self.visit_angle_bracketed_generic_arguments(turbofish);
        }
        for argument in &call.args {
            self.visit_expr(argument);
        }
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        self.visit_path(&invoked.path);
        for name in tokens::names(&invoked.tokens) {
            match name {
                tokens::Name::Path { path, at, call } => self.path(path, at, call, true),
                tokens::Name::Method { receiver, name } => self.method(receiver, name),
            }
        }
    }
}
