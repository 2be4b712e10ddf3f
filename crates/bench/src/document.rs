//! How does a report get into docs/benchmarks.md, without what other runs have measured being lost?

use std::path::Path;

use crate::Failed;

const TITLE: &str = "# Benchmarks\n\n<!-- Each part is written by the command that it names. -->\n";

/// Writes the part, in the place of the one of that name if the file has it, at its end otherwise.
pub(crate) fn write(path: &Path, part: &str, text: &str) -> Result<(), Failed> {
    let document = match std::fs::read_to_string(path) {
        Ok(document) => document,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => TITLE.to_owned(),
        Err(error) => return Err(format!("failed to read {}: {error}", path.display()).into()),
    };
    std::fs::write(path, with_part(&document, part, text))
        .map_err(|error| format!("failed to write {}: {error}", path.display()).into())
}

fn with_part(document: &str, part: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- begin {part} -->"), format!("<!-- end {part} -->"));
    let (before, after) = document
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)))
        .unwrap_or((document, "\n"));
    format!(
        "{}\n\n{begin}\n\n{}\n\n{end}{after}",
        before.trim_end(),
        text.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_the_place_of_the_one_before_and_leaves_the_others() {
        let first = with_part(TITLE, "fleet", "## Fleet\n\nOld.\n");
        let both = with_part(&first, "fair", "## Fair\n");
        let third = with_part(&both, "fleet", "## Fleet\n\nNew.\n");
        assert_eq!(
            third,
            format!(
                "{TITLE}\n<!-- begin fleet -->\n\n## Fleet\n\nNew.\n\n<!-- end fleet -->\n\n\
                 <!-- begin fair -->\n\n## Fair\n\n<!-- end fair -->\n"
            )
        );
    }
}
