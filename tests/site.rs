//! Is every page in the table of contents of the site, and does every link of a page lead to something that the site has?
//! `make docs` checks the site itself; that takes a program that tests don't install.
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
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let lines = lines(page, &text);
    let links = lines.iter().flat_map(|(_, line)| links(line));
    let elsewhere = links.filter(|link| !link.starts_with('#'));
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
