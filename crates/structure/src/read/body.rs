//! Which paths does code name, and what does it call, in the order of the text?

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Expr, ImplItem, Pat};

use super::signature::{place, segments, with_owner};
use super::{Reader, signature, tokens};
use crate::tree::{Call, Place};

impl Reader<'_> {
    /// Notes a path; as a call, if it may name a function.
    fn path(&mut self, path: Vec<String>, at: Span, call: bool, value: bool) {
        let local = matches!(path.as_slice(), [name] if self.bound.contains(name));
        if local && value && !call {
            return;
        }
        let path = with_owner(path, self.owner.as_deref());
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

    /// Notes that a pattern binds a variable to a value.
    fn bind(&mut self, pattern: &Pat, value: &Expr) {
        let owner = self.owner.as_deref();
        if let Some((name, declared)) = signature::variable(pattern, owner) {
            let place = declared.unwrap_or_else(|| place(value, &self.known, owner));
            self.known.insert(name, place);
        }
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
        let receiver = place(&call.receiver, &self.known, self.owner.as_deref());
        self.call(Call::Method(receiver, call.method.to_string()));
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
                tokens::Name::Method { receiver, name } => {
                    let known = receiver.and_then(|name| self.known.get(&name).cloned());
                    self.call(Call::Method(known.unwrap_or(Place::Unknown), name));
                }
            }
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        if let Some(init) = &local.init {
            self.bind(&local.pat, &init.expr);
        }
    }

    fn visit_expr_let(&mut self, of: &'ast syn::ExprLet) {
        visit::visit_expr_let(self, of);
        self.bind(&of.pat, &of.expr);
    }

    fn visit_expr_match(&mut self, of: &'ast syn::ExprMatch) {
        self.visit_expr(&of.expr);
        for arm in &of.arms {
            self.bind(&arm.pat, &of.expr);
            self.visit_arm(arm);
        }
    }
}
