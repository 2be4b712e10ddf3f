//! Does everything exist that a file of the repository cites: facts about Salesforce, pages, links between pages?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[path = "support/pages.rs"]
mod pages;

use pages::{is_page, lines, links, resolved};

/// The page that citations of facts lead to.
const FACTS: &str = "docs/salesforce.md";
/// This file plants citations that lead nowhere.
const THIS: &str = "tests/citations.rs";

#[test]
fn every_citation_leads_somewhere() {
    let files = files();
    let repository = Repository::of(&files);
    let findings: Vec<_> = files
        .iter()
        .filter(|(path, _)| *path != THIS)
        .flat_map(|(path, text)| repository.findings(path, text))
        .collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn every_source_that_a_fact_names_is_listed() {
    let files = files();
    let facts = files.get(FACTS).map(String::as_str).unwrap_or_default();
    let listed: BTreeSet<_> = facts.lines().filter_map(listed_source).collect();
    let unlisted: Vec<_> = named_sources(facts)
        .into_iter()
        .filter(|label| !listed.contains(label))
        .collect();
    assert!(
        !listed.is_empty() && unlisted.is_empty(),
        "not under Sources: {unlisted:?}"
    );
}

#[test]
fn every_test_that_a_table_names_exists() {
    let files = files();
    for (page, heading, at_least) in [
        ("docs/security.md", "## Attacks", 60),
        ("docs/security.md", "## Rights", 5),
        ("docs/operations.md", "## Events", 20),
    ] {
        let named = last_cells(&files, page, heading);
        assert!(named.len() >= at_least, "{page}, {heading}: {named:?}");
        assert_are_tests(&files, &named);
    }
}

/// What the last column of the table says below a heading of a page.
fn last_cells<'a>(files: &'a BTreeMap<String, String>, page: &str, heading: &str) -> Vec<&'a str> {
    let page = files.get(page).map(String::as_str).unwrap_or_default();
    let below = page.split(heading).nth(1).unwrap_or_default();
    let below = below.split("\n## ").next().unwrap_or_default();
    let rows = below.lines().filter(|line| line.starts_with("| ")).skip(2);
    rows.filter_map(|row| row.trim_end_matches(" |").rsplit("| ").next())
        .map(|cell| cell.trim_matches('`'))
        .collect()
}

fn assert_are_tests(files: &BTreeMap<String, String>, named: &[&str]) {
    let exists = |name: &str| {
        let test = format!("fn {name}(");
        let mut sources = files
            .iter()
            .filter(|(path, _)| std::path::Path::new(path).extension() == Some("rs".as_ref()));
        sources.any(|(_, text)| text.contains(&test))
    };
    let missing: Vec<_> = named.iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "no such test: {missing:?}");
}

#[test]
fn a_citation_that_leads_nowhere_is_found() {
    let repository = Repository::of(&BTreeMap::from([
        (
            FACTS.to_owned(),
            "# Facts\n\n- <a id=\"replay\"></a>Replay.\n".to_owned(),
        ),
        (
            "docs/redeem.md".to_owned(),
            "## What it needs\n```\n# no heading\n```\n".to_owned(),
        ),
        ("crates/a/src/lib.rs".to_owned(), String::new()),
    ]));
    let code = "\
/// docs/salesforce.md#replay and docs/salesforce.md#facts, docs/redeem.md
/// docs/salesforce.md#replays, docs/gone.md, docs/redeem.md#no-heading
/// docs/salesforce facts, section 3
/// salesforce.md section 5; docs/salesforce.md
// Sections 4 and 5 (C3).
/// Only so. (S10, S22b)
/// RFC 5280, section 4.1 (see https://example.com/docs/none.md)
";
    assert_eq!(
        repository.findings("crates/salesforce-sim/src/a.rs", code),
        [
            "crates/salesforce-sim/src/a.rs:2: docs/salesforce.md#replays leads nowhere",
            "crates/salesforce-sim/src/a.rs:2: docs/gone.md leads nowhere",
            "crates/salesforce-sim/src/a.rs:2: docs/redeem.md#no-heading leads nowhere",
            "crates/salesforce-sim/src/a.rs:3: cite a fact as docs/salesforce.md#anchor",
            "crates/salesforce-sim/src/a.rs:4: cite a fact as docs/salesforce.md#anchor",
            "crates/salesforce-sim/src/a.rs:5: cite a fact as docs/salesforce.md#anchor",
            "crates/salesforce-sim/src/a.rs:6: cite a fact as docs/salesforce.md#anchor",
        ]
    );
    let page = "\
[a](../redeem.md#what-it-needs) [b](#here) [c](../../crates/) [d](https://example.com/x.md) [e](../../crates/a/src/lib.rs)
# Here
[f](../redeem.md#what) [g](gone.md) [h](#there) [i](../../crates/b)
```
[j](gone.md)
```
";
    let repository = repository.with("docs/decisions/1.md", page);
    assert_eq!(
        repository.findings("docs/decisions/1.md", page),
        [
            "docs/decisions/1.md:3: docs/redeem.md#what leads nowhere",
            "docs/decisions/1.md:3: docs/decisions/gone.md leads nowhere",
            "docs/decisions/1.md:3: docs/decisions/1.md#there leads nowhere",
            "docs/decisions/1.md:3: crates/b leads nowhere",
        ]
    );
}

#[test]
fn anchors_are_those_that_a_reader_of_the_page_can_go_to() {
    let page = "# What `it` needs: §3, A_b\n## Same\n## Same\ntext <a id=\"mark\"></a>\n";
    let wanted = ["what-it-needs-3-a_b", "same", "same-1", "mark"].map(str::to_owned);
    assert_eq!(anchors(page), BTreeSet::from(wanted));
}

/// What can be cited.
struct Repository {
    /// Paths of files, with the anchors of those that are pages.
    anchors: BTreeMap<String, BTreeSet<String>>,
}

impl Repository {
    fn of(files: &BTreeMap<String, String>) -> Self {
        let repository = Self {
            anchors: BTreeMap::new(),
        };
        files
            .iter()
            .fold(repository, |repository, (path, text)| repository.with(path, text))
    }

    fn with(mut self, path: &str, text: &str) -> Self {
        let anchors = if is_page(path) {
            anchors(text)
        } else {
            BTreeSet::new()
        };
        self.anchors.insert(path.to_owned(), anchors);
        self
    }

    /// One line for each target that a file cites and that does not exist.
    fn findings(&self, path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        for (number, line) in lines(path, text) {
            let mut cited = pages_named(line);
            if is_page(path) {
                cited.extend(links(line).map(|link| resolved(path, link)));
            }
            let lost = cited.iter().filter(|target| !self.has(target));
            findings.extend(lost.map(|target| format!("{path}:{number}: {target} leads nowhere")));
            if !is_page(path) && is_in_another_form(path, line) {
                findings.push(format!("{path}:{number}: cite a fact as {FACTS}#anchor"));
            }
        }
        findings
    }

    fn has(&self, target: &str) -> bool {
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        if let Some(anchors) = self.anchors.get(path) {
            return anchor.is_empty() || anchors.contains(anchor);
        }
        let folder = format!("{}/", path.trim_end_matches('/'));
        anchor.is_empty() && self.anchors.keys().any(|path| path.starts_with(&folder))
    }
}

/// The pages under docs/ that a line names by their path from the root, with their anchors.
fn pages_named(line: &str) -> Vec<String> {
    let part_of_path = |c: char| c.is_ascii_alphanumeric() || "-_./#:".contains(c);
    line.split(|c| !part_of_path(c))
        .filter(|word| word.starts_with("docs/"))
        .filter_map(|word| {
            let (path, rest) = word.split_once(".md")?;
            let anchor = rest
                .strip_prefix('#')
                .map(|anchor| anchor.trim_end_matches(['.', ':', '/']));
            Some(match anchor {
                Some(anchor) => format!("{path}.md#{anchor}"),
                None => format!("{path}.md"),
            })
        })
        .collect()
}

/// Does a line of a source file cite a fact otherwise than by its anchor?
fn is_in_another_form(path: &str, line: &str) -> bool {
    let names_the_page = line.contains("salesforce facts")
        || line
            .replace("kubectl-salesforce.md", "")
            .split("salesforce.md")
            .skip(1)
            .any(|rest| !rest.starts_with('#'));
    let numbers_a_section = path.starts_with("crates/salesforce-sim/")
        && !line.contains("RFC")
        && ["ection ", "ections "].iter().any(|word| {
            line.split(word)
                .skip(1)
                .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
    let names_a_source = is_rust(path) && parenthesized(line).any(|list| list.split(", ").all(is_source));
    names_the_page || numbers_a_section || names_a_source
}

fn is_rust(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

fn parenthesized(line: &str) -> impl Iterator<Item = &str> {
    line.split('(')
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(list, _)| list)
}

/// Is it the label of a source, such as `O38` or `S22b`?
fn is_source(label: &str) -> bool {
    let Some(number) = label.strip_prefix(['O', 'M', 'C', 'T', 'S', 'P']) else {
        return false;
    };
    let digits = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    number.len() - digits.len() < 2
        && (1..3).contains(&digits.len())
        && digits.chars().all(|c| c.is_ascii_digit())
}

/// The label that a line of the lists of sources and reports is about.
fn listed_source(line: &str) -> Option<&str> {
    let label = match line.strip_prefix("- **") {
        Some(rest) => rest.split("**").next()?,
        None => line.strip_prefix("| ")?.split(" |").next()?,
    };
    is_source(label).then_some(label)
}

/// The labels that stand in brackets.
fn named_sources(facts: &str) -> BTreeSet<&str> {
    facts
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split(']').next())
        .filter(|list| list.split(", ").all(is_source))
        .flat_map(|list| list.split(", "))
        .collect()
}

/// What `#…` can lead to in a page: its headings, as they are named on GitHub, and its marks.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in lines("x.md", page) {
        if let Some(heading) = line
            .strip_prefix('#')
            .map(|rest| rest.trim_start_matches('#'))
            .and_then(|rest| rest.strip_prefix(' '))
        {
            let slug = slug(heading);
            let again = (1..).map(|count| format!("{slug}-{count}"));
            let free = std::iter::once(slug.clone())
                .chain(again)
                .find(|name| !anchors.contains(name));
            anchors.extend(free);
        }
        let marks = line
            .split("<a id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        anchors.extend(marks.map(str::to_owned));
    }
    anchors
}

fn slug(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The text files of the repository by their paths from its root, without what `.gitignore` names.
fn files() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = std::fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let skipped: BTreeSet<&str> = ignored
        .lines()
        .map(|line| line.trim_matches('/'))
        .chain([".git"])
        .collect();
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
        {
            let path = entry.path();
            if entry
                .file_name()
                .to_str()
                .is_none_or(|name| skipped.contains(name))
            {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let (Ok(text), Ok(path)) = (std::fs::read_to_string(&path), path.strip_prefix(root)) {
                files.insert(path.to_string_lossy().into_owned(), text);
            }
        }
    }
    files
}
