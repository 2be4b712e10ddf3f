//! Is every page in the table of contents of the site, and does every link of a page lead to something that the site has?
//! Do the values and flags exist that pages name? `make docs` checks the site itself; that takes a program that tests don't install.
#![expect(clippy::unwrap_used, reason = "a test ends where its fixture is wrong")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[path = "support/pages.rs"]
mod pages;

use pages::{is_page, lines, links, resolved};

const CONTENTS: &str = "docs/SUMMARY.md";
const FIRST: &str = "README.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the links of a page lead in the repository, as paths from its root.
fn targets(page: &str) -> Vec<String> {
    let text = read(page);
    let lines = lines(page, &text);
    let found = lines.iter().flat_map(|(_, line)| links(line));
    let elsewhere = found.filter(|link| !link.starts_with('#'));
    elsewhere
        .map(|link| resolved(page, link.split('#').next().unwrap()))
        .collect()
}

#[test]
fn every_page_under_docs_is_in_the_table_of_contents_once() {
    let contents = targets(CONTENTS);
    let listed: BTreeSet<String> = contents.iter().cloned().collect();
    assert_eq!(listed.len(), contents.len(), "a page is listed twice");
    let mut pages = pages_under(&root().join("docs"));
    pages.remove(CONTENTS);
    let unlisted: Vec<_> = pages.difference(&listed).collect();
    assert!(
        pages.len() > 50 && unlisted.is_empty(),
        "add to {CONTENTS}: {unlisted:?}"
    );
    let gone: Vec<_> = listed
        .iter()
        .filter(|page| !root().join(page).is_file())
        .collect();
    assert!(gone.is_empty(), "{CONTENTS} lists what is not there: {gone:?}");
}

fn pages_under(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let of_root = |path: &Path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    let mut pages: BTreeSet<String> = files.iter().map(|file| of_root(file)).collect();
    pages.retain(|path| is_page(path));
    pages.extend(folders.iter().flat_map(|folder| pages_under(folder)));
    pages
}

#[test]
fn every_page_of_the_site_is_reached_by_links_from_the_readme() {
    let mut reached = BTreeSet::from([FIRST.to_owned()]);
    let mut open = vec![FIRST.to_owned()];
    while let Some(page) = open.pop() {
        // The table of contents leads everywhere: a page must also be where its subject comes up.
        let targets = targets(&page).into_iter();
        let further = targets.filter(|target| is_page(target) && target != CONTENTS);
        open.extend(further.filter(|target| reached.insert(target.clone())));
    }
    let orphans: Vec<_> = targets(CONTENTS)
        .into_iter()
        .filter(|page| !reached.contains(page))
        .collect();
    assert!(orphans.is_empty(), "no page links to {orphans:?}");
}

#[test]
fn a_link_of_a_page_leads_to_a_page_of_the_site_or_to_a_file() {
    let listed: BTreeSet<String> = targets(CONTENTS).into_iter().collect();
    let mut findings = Vec::new();
    for page in &listed {
        for target in targets(page) {
            let known = if is_page(&target) {
                target == CONTENTS || listed.contains(&target)
            } else {
                root().join(&target).is_file()
            };
            if !known {
                findings.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(findings.is_empty(), "the site does not have {findings:#?}");
}

#[test]
fn every_value_of_the_chart_that_a_page_names_exists() {
    let values = values_of_the_chart();
    let groups: BTreeSet<&str> = values
        .iter()
        .filter_map(|value| Some(value.split_once('.')?.0))
        .collect();
    let mut findings = Vec::new();
    for page in targets(CONTENTS) {
        let text = read(&page);
        let set = text
            .split("--set ")
            .skip(1)
            .filter_map(|rest| rest.split('=').next());
        let named = code_of(&text).filter(|code| {
            let (group, rest) = code.split_once('.').unwrap_or_default();
            groups.contains(group) && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        });
        let unknown = set.chain(named).filter(|name| {
            let within = format!("{name}.");
            !values
                .iter()
                .any(|value| value == name || value.starts_with(&within))
        });
        findings.extend(unknown.map(|name| format!("{page}: {name}")));
    }
    assert!(findings.is_empty(), "the chart has no {findings:#?}");
}

/// From the table in the README of the chart, which a test of the chart compares with `values.yaml`.
fn values_of_the_chart() -> BTreeSet<String> {
    let table = read("charts/salesforce-connector-operator/README.md");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let values: BTreeSet<String> = rows
        .filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect();
    assert!(values.len() > 60, "{values:?}");
    values
}

#[test]
fn every_flag_of_the_plugin_that_a_page_names_exists() {
    let help = read("docs/kubectl-salesforce.md");
    let mut findings = Vec::new();
    for page in targets(CONTENTS) {
        let text = read(&page);
        let commands = text.split("kubectl salesforce ").skip(1);
        for command in commands.filter_map(|rest| rest.split(['`', '\n', ';', '|', '#']).next()) {
            let words = command
                .split_whitespace()
                .map(|word| word.trim_end_matches([',', '.', ':']));
            let flags = words
                .filter(|word| word.starts_with("--"))
                .filter_map(|word| word.split('=').next());
            findings.extend(
                flags
                    .filter(|flag| {
                        !help.contains(&format!("{flag} ")) && !help.contains(&format!("{flag}\n"))
                    })
                    .map(|flag| format!("{page}: {flag}")),
            );
        }
    }
    assert!(findings.is_empty(), "kubectl salesforce has no {findings:#?}");
}

/// What stands between single backticks.
fn code_of(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}
