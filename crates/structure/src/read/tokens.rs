//! What do attributes and the arguments of macros say, which are not parsed?

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{Attribute, Item, Meta};

use super::signature::segments;

/// Whether an attribute makes its item a part of tests.
pub(super) fn is_test(attribute: &Attribute) -> bool {
    let path = attribute.path();
    if !path.is_ident("cfg") {
        return path.segments.last().is_some_and(|last| last.ident == "test");
    }
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    match list.tokens.clone().into_iter().collect::<Vec<_>>().as_slice() {
        [TokenTree::Ident(name)] => name == "test",
        [TokenTree::Ident(all), TokenTree::Group(of)] if all == "all" => of
            .stream()
            .into_iter()
            .any(|token| matches!(token, TokenTree::Ident(name) if name == "test")),
        _ => false,
    }
}

/// The type that kube derives, from `#[kube(kind = "…")]`.
pub(super) fn kube_kind(attribute: &Attribute) -> Option<String> {
    let Meta::List(list) = &attribute.meta else {
        return None;
    };
    let mut tokens = list.tokens.clone().into_iter();
    tokens.by_ref().find(|token| is_ident(token, "kind"))?;
    let name = tokens.nth(1)?;
    attribute
        .path()
        .is_ident("kube")
        .then(|| name.to_string().trim_matches('"').to_owned())
}

/// The attributes of an item.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(of) => &of.attrs,
        Item::Enum(of) => &of.attrs,
        Item::Fn(of) => &of.attrs,
        Item::Impl(of) => &of.attrs,
        Item::Macro(of) => &of.attrs,
        Item::Mod(of) => &of.attrs,
        Item::Static(of) => &of.attrs,
        Item::Struct(of) => &of.attrs,
        Item::Trait(of) => &of.attrs,
        Item::Type(of) => &of.attrs,
        Item::Union(of) => &of.attrs,
        Item::Use(of) => &of.attrs,
        _ => &[],
    }
}

/// The paths in the arguments of an attribute, also those in strings: `with = "super::seconds"`.
pub(super) fn attribute_paths(attribute: &Attribute) -> Vec<(Vec<String>, usize)> {
    let Meta::List(list) = &attribute.meta else {
        return Vec::new();
    };
    let line = attribute.pound_token.span.start().line;
    let named = names(&list.tokens).into_iter().filter_map(|name| match name {
        Name::Path { path, .. } => Some(path),
        Name::Method { .. } => None,
    });
    let quoted = list.tokens.clone().into_iter().filter_map(|token| {
        let text = token.to_string();
        let path: syn::Path = syn::parse_str(text.strip_prefix('"')?.strip_suffix('"')?).ok()?;
        Some(segments(&path))
    });
    named.chain(quoted).map(|path| (path, line)).collect()
}

/// Which types an invocation of a macro defines, by its rules: those that the rules name, and, for a `$name`, the
/// first identifier of the invocation.
pub(super) fn types(rules: &TokenStream, invocation: &TokenStream) -> Vec<(String, usize)> {
    let first = invocation.clone().into_iter().find_map(|token| ident(&token));
    let mut found = Vec::new();
    for rule in rules.clone() {
        let TokenTree::Group(rule) = rule else {
            continue;
        };
        let tokens: Vec<TokenTree> = rule.stream().into_iter().collect();
        for two in tokens.windows(2) {
            match two {
                [keyword, dollar] if defines(keyword) && is_punct(dollar, '$') => found.extend(first.clone()),
                [keyword, name] if defines(keyword) => found.extend(ident(name)),
                _ => {}
            }
        }
    }
    found
}

fn ident(token: &TokenTree) -> Option<(String, usize)> {
    match token {
        TokenTree::Ident(name) => Some((name.to_string(), name.span().start().line)),
        _ => None,
    }
}

fn defines(token: &TokenTree) -> bool {
    ["struct", "enum", "trait", "type", "union"]
        .iter()
        .any(|keyword| is_ident(token, keyword))
}

/// What the arguments of a macro name.
pub(super) enum Name {
    /// A path with more than one part, a type, or a function that is called.
    Path { path: Vec<String>, at: Span, call: bool },
    /// A method that is called, and the variable that it is called on.
    Method { receiver: Option<String>, name: String },
}

/// The names in the arguments of a macro, in the order of the text.
pub(super) fn names(tokens: &TokenStream) -> Vec<Name> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = Vec::new();
    let mut rest = tokens.as_slice();
    let mut before: [Option<&TokenTree>; 2] = [None, None];
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        let follows = |sign: char| before[1].is_some_and(|token| is_punct(token, sign));
        match token {
            TokenTree::Group(group) => found.extend(names(&group.stream())),
            TokenTree::Ident(name) if follows('.') => {
                let receiver = before[0].map(ToString::to_string);
                let method = Name::Method {
                    receiver,
                    name: name.to_string(),
                };
                found.extend(is_call(rest.first()).then_some(method));
            }
            TokenTree::Ident(name) if !follows('$') => {
                let path = path(name.to_string(), &mut rest);
                let call = is_call(rest.first());
                if call || path.len() > 1 || name.to_string().starts_with(char::is_uppercase) {
                    found.push(Name::Path {
                        path,
                        at: name.span(),
                        call,
                    });
                }
            }
            _ => {}
        }
        before = [before[1], Some(token)];
    }
    found
}

/// The path that begins with `first`; what belongs to it is taken from `rest`.
fn path(first: String, rest: &mut &[TokenTree]) -> Vec<String> {
    let mut path = vec![first];
    while let [colon, second, TokenTree::Ident(next), after @ ..] = *rest
        && is_punct(colon, ':')
        && is_punct(second, ':')
    {
        path.push(next.to_string());
        *rest = after;
    }
    path
}

fn is_call(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}
