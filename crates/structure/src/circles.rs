//! Which files import each other in a circle? An edge leads to the file that defines what is named.
//!
//! Re-exports are looked through and are no edges themselves; nor are declarations of modules.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::tree::Tree;

/// Files each of which reaches each other by imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Circle {
    /// Their paths, sorted.
    pub files: Vec<String>,
    /// What makes it a circle.
    pub edges: Vec<Edge>,
}

/// A file names what another defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The file that names it.
    pub from: String,
    /// The first line that does.
    pub line: usize,
    /// The name.
    pub name: String,
    /// The file that defines it.
    pub to: String,
}

type Graph = BTreeMap<usize, BTreeMap<usize, (usize, String)>>;

/// The circles of all packages.
#[must_use]
pub fn circles(tree: &Tree) -> Vec<Circle> {
    let graph = graph(tree);
    let reached: BTreeMap<usize, BTreeSet<usize>> =
        graph.keys().map(|file| (*file, reached(&graph, *file))).collect();
    let leads = |from: &usize, to: &usize| reached.get(from).is_some_and(|files| files.contains(to));
    let mut found: BTreeSet<Vec<usize>> = BTreeSet::new();
    for file in graph.keys().filter(|file| leads(file, file)) {
        let circle = graph
            .keys()
            .filter(|other| leads(file, other) && leads(other, file));
        found.insert(circle.copied().collect());
    }
    let mut circles: Vec<Circle> = found.iter().map(|files| circle(tree, &graph, files)).collect();
    circles.sort_by(|a, b| a.files.cmp(&b.files));
    circles
}

fn graph(tree: &Tree) -> Graph {
    let mut graph = Graph::new();
    for mention in &tree.mentions {
        let Some(from) = tree.modules.get(mention.module).map(|module| module.file) else {
            continue;
        };
        let defined = tree.definitions(mention.module, &mention.path);
        for item in defined.into_iter().filter_map(|item| tree.items.get(item)) {
            if item.file != from && tree.package_of(item.file) == tree.package_of(from) {
                let edge = (mention.line, item.name.clone());
                let first = graph
                    .entry(from)
                    .or_default()
                    .entry(item.file)
                    .or_insert_with(|| edge.clone());
                if edge < *first {
                    *first = edge;
                }
            }
        }
    }
    graph
}

fn reached(graph: &Graph, from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in graph.get(&file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(*next) {
                open.push(*next);
            }
        }
    }
    reached
}

fn circle(tree: &Tree, graph: &Graph, members: &[usize]) -> Circle {
    let path = |file: usize| tree.path(file).to_owned();
    let mut edges = Vec::new();
    for (from, targets) in graph.iter().filter(|(from, _)| members.contains(from)) {
        for (to, (line, name)) in targets.iter().filter(|(to, _)| members.contains(to)) {
            edges.push(Edge {
                from: path(*from),
                line: *line,
                name: name.clone(),
                to: path(*to),
            });
        }
    }
    let mut files: Vec<String> = members.iter().map(|file| path(*file)).collect();
    files.sort();
    edges.sort_by(|a, b| (&a.from, a.line, &a.to).cmp(&(&b.from, b.line, &b.to)));
    Circle { files, edges }
}
