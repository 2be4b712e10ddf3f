//! Where do the links of a Markdown page lead?

use std::path::Path;

pub(crate) fn is_page(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "md")
}

/// The numbered lines that can cite: all of a source file, and those of a page that are no example.
pub(crate) fn lines<'a>(path: &str, text: &'a str) -> Vec<(usize, &'a str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fence = is_page(path) && line.trim_start().starts_with("```");
        fenced ^= fence;
        if !fence && !fenced {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// Targets of the Markdown links in a line that stay in the repository.
pub(crate) fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains(':') && !target.is_empty())
}

/// The target of a link, as a path from the root.
pub(crate) fn resolved(page: &str, link: &str) -> String {
    if let Some(anchor) = link.strip_prefix('#') {
        return format!("{page}#{anchor}");
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
