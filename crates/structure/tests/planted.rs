//! Is a fault that was planted found, and nothing where there is none?

use structure::circles::circles;
use structure::homonyms::{Homonym, homonyms};
use structure::lengths::lengths;
use structure::walk::{Stay, walk};
use structure::{Sources, Tree};

const ROOT: &str = "[package]\nname = \"planted\"\n\n[dependencies]\nshipped.workspace = true\n";

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut sources: Sources = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    sources.insert("Cargo.toml".to_owned(), ROOT.to_owned());
    Tree::of(&sources).expect("planted sources are valid")
}

/// The edges of all circles, as `file:line name -> file`, without `src/` and `.rs`.
fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let circles = circles(&tree(files));
    let edges = circles.iter().flat_map(|circle| &circle.edges);
    let short = |path: &str| path.trim_start_matches("src/").trim_end_matches(".rs").to_owned();
    edges
        .map(|edge| {
            format!(
                "{}:{} {} -> {}",
                short(&edge.from),
                edge.line,
                edge.name,
                short(&edge.to)
            )
        })
        .collect()
}

#[test]
fn a_circle_through_a_re_export_is_found() {
    let found = edges(&[
        (
            "src/lib.rs",
            "mod a;\nmod b;\npub use a::A;\npub(crate) use b::B as Renamed;\n",
        ),
        ("src/a.rs", "use super::Renamed;\npub struct A(Renamed);\n"),
        ("src/b.rs", "use crate::{A};\npub struct B(Option<Box<A>>);\n"),
    ]);
    assert_eq!(found, ["a:1 B -> b", "b:1 A -> a"]);
}

#[test]
fn a_circle_through_super_is_found() {
    let found = edges(&[
        ("src/lib.rs", "mod outer;\n"),
        (
            "src/outer.rs",
            "mod inner;\npub struct Outer;\npub fn f() { inner::g() }\n",
        ),
        ("src/outer/inner.rs", "pub fn g(_: Option<super::Outer>) {}\n"),
    ]);
    assert_eq!(
        found,
        ["outer:3 g -> outer/inner", "outer/inner:1 Outer -> outer"]
    );
}

#[test]
fn a_circle_through_a_glob_is_found_at_the_line_that_uses_it() {
    let found = edges(&[
        ("src/lib.rs", "mod a;\nmod b;\n"),
        (
            "src/a.rs",
            "use crate::b::*;\npub struct A;\npub fn f() -> B { B }\n",
        ),
        ("src/b.rs", "use crate::a::A;\npub struct B;\npub fn g(_: A) {}\n"),
    ]);
    assert_eq!(found, ["a:3 B -> b", "b:1 A -> a"]);
}

#[test]
fn a_circle_through_paths_in_expressions_types_macros_and_attributes_is_found() {
    let a = ("src/a.rs", "pub enum A { One }\npub fn f() { crate::b::g() }\n");
    let root = ("src/lib.rs", "mod a;\nmod b;\n");
    for text in [
        "pub fn g() { let _ = crate::a::A::One; }",
        "pub fn g() { let _: Option<crate::a::A> = None; }",
        "pub fn g() { if let Some(super::a::A::One) = None {} }",
        "pub fn g() { assert!(matches!(h(), crate::a::A::One)); }",
        "pub fn g() { use crate::a::A::One; let _ = One; }",
        "pub fn g() {}\nimpl crate::a::A {}",
        "pub fn g() {}\n#[serde(with = \"crate::a::A\")] struct B;",
    ] {
        let circles = circles(&tree(&[root, a, ("src/b.rs", text)]));
        let files: Vec<&str> = circles
            .iter()
            .flat_map(|circle| &circle.files)
            .map(String::as_str)
            .collect();
        assert_eq!(files, ["src/a.rs", "src/b.rs"], "{text}");
    }
}

#[test]
fn a_facade_alone_is_no_circle() {
    let found = edges(&[
        ("src/lib.rs", "mod outer;\n"),
        (
            "src/outer.rs",
            "mod inner;\npub use inner::Inner;\npub struct Outer;\nfn own(_: Outer) {}\n",
        ),
        (
            "src/outer/inner.rs",
            "use super::Outer;\npub struct Inner(Outer);\n",
        ),
    ]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn what_a_parent_only_imports_makes_no_edge_to_the_parent() {
    let found = edges(&[
        ("src/lib.rs", "mod other;\nmod outer;\n"),
        ("src/other.rs", "pub struct Other;\n"),
        (
            "src/outer.rs",
            "mod inner;\nuse crate::other::Other;\npub fn f(_: Other) { inner::g() }\n",
        ),
        (
            "src/outer/inner.rs",
            "use super::Other;\npub fn g() -> Option<Other> { None }\n",
        ),
    ]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn tests_make_no_circle() {
    let found = edges(&[
        ("src/lib.rs", "mod a;\nmod b;\n"),
        (
            "src/a.rs",
            "pub struct A;\n#[cfg(test)]\nuse crate::b::B;\n#[cfg(test)]\nmod tests { use crate::b::B; }\n",
        ),
        ("src/b.rs", "pub struct B(crate::a::A);\n"),
    ]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_name_of_two_types_is_found_also_where_a_macro_defines_it_and_a_pair_at_the_border_is_left() {
    let tree = tree(&[
        ("crates/shipped/Cargo.toml", "[package]\nname = \"shipped\"\n"),
        (
            "crates/shipped/src/lib.rs",
            "macro_rules! id {\n($(#[$doc:meta])* $name:ident) => { pub struct $name; impl T for $name { type Err = (); } }\n}\n\
             id! {\n/// An id.\nUid\n}\npub struct AccessToken;\n",
        ),
        ("crates/bench/Cargo.toml", "[package]\nname = \"bench\"\n"),
        ("crates/bench/src/lib.rs", "pub struct Alone;\n"),
        (
            "src/lib.rs",
            "mod a;\npub struct AccessToken;\npub enum Uid {}\npub trait Alone {}\n",
        ),
        (
            "src/a.rs",
            "impl T for X { type Uid = (); }\n#[cfg(test)]\nmod tests { struct Uid; }\n",
        ),
    ]);
    let places = vec![
        "src/lib.rs:3".to_owned(),
        "crates/shipped/src/lib.rs:6".to_owned(),
    ];
    assert_eq!(
        homonyms(&tree),
        [Homonym {
            name: "Uid".to_owned(),
            places
        }]
    );
}

/// The stays of a walk, as `file: function function`, without `src/` and `.rs`.
fn stays(files: &[(&str, &str)], skip: &[&str]) -> (Vec<String>, usize, usize) {
    let named = |name: &str| name.parse().expect("every text is a name");
    let skip: Vec<_> = skip.iter().map(|name| named(name)).collect();
    let walk = walk(&tree(files), &named("src/lib.rs:start"), &skip).expect("the functions are there");
    let short = |stay: &Stay| {
        let file = stay.file.trim_start_matches("src/").trim_end_matches(".rs");
        format!("{file}: {}", stay.functions.join(" "))
    };
    (walk.path.iter().map(short).collect(), walk.files, walk.returns)
}

const WAY: &[(&str, &str)] = &[
    (
        "src/lib.rs",
        "mod a;\nmod b;\nuse a::A;\nfn start(first: &A) { first.go(b::make(b::twice())); b::twice(); own(); }\nfn own() {}\n",
    ),
    (
        "src/a.rs",
        "use super::b::{self, B};\npub struct A { b: Option<B> }\nimpl A {\n\
         pub fn go(&self) { self.b.as_ref().unwrap().go(); let made = b::make(); format!(\"{}\", made.name()); }\n}\n",
    ),
    (
        "src/b.rs",
        "pub struct B;\npub fn make() -> Result<B, ()> { Ok(B) }\npub fn twice() { inside() }\nfn inside() {}\n\
         impl B { pub fn go(&self) {} pub fn name(&self) {} }\n",
    ),
];

#[test]
fn a_walk_enters_a_function_at_each_call_and_follows_its_calls_once() {
    let expected = [
        "lib: start",
        "a: go",
        "b: go make name make twice inside twice",
        "lib: own",
    ];
    assert_eq!(stays(WAY, &[]), (expected.map(str::to_owned).to_vec(), 3, 1));
}

#[test]
fn a_walk_leaves_out_what_is_to_be_skipped() {
    let expected = ["lib: start", "b: make twice inside twice", "lib: own"];
    assert_eq!(
        stays(WAY, &["src/a.rs:go"]),
        (expected.map(str::to_owned).to_vec(), 2, 1)
    );
}

#[test]
fn a_method_of_an_unknown_type_is_entered_if_its_name_leaves_no_doubt() {
    let root = "mod a;\nmod b;\nfn start() { each(|it| { it.alone(); it.both(); it.get(); }) }\n";
    let a = "struct A;\nimpl A { fn alone(&self) {} fn both(&self) {} fn get(&self) {} }\n";
    let b = "struct B;\nimpl B { fn both(&self) {} }\n";
    let found = stays(&[("src/lib.rs", root), ("src/a.rs", a), ("src/b.rs", b)], &[]);
    assert_eq!(
        found,
        (["lib: start", "a: alone"].map(str::to_owned).to_vec(), 2, 0)
    );
}

#[test]
fn lengths_leave_out_tests() {
    let text = "fn a() {\n\n}\n#[test]\nfn b() {\n\n}\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n/// D.\nfn d() {}\n";
    let lengths = lengths(&tree(&[("src/lib.rs", text)]));
    let functions = lengths
        .longest
        .iter()
        .map(|function| (function.name.as_str(), function.lines));
    assert_eq!(functions.collect::<Vec<_>>(), [("a", 3), ("d", 1)]);
    assert_eq!(lengths.production_lines, 5);
}
