//! How is an error with its sources told in one line?

use std::fmt::Write as _;

/// An error with its sources, as one line: some texts are those of a server, and a line break in one would begin a line of the
/// log that nobody has written.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text.chars().map(salesforce_client::visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_server_begin_no_line_of_the_log() {
        let error = std::io::Error::other("refused\n2026-11-27 INFO \u{1b}[32mall is well\u{202e}");
        assert_eq!(chain(&error), "refused 2026-11-27 INFO  [32mall is well ");
    }
}
