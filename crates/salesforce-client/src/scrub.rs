//! Words of the other side made fit to be shown: nothing we sent, no control characters, at most 200 characters.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

const LONGEST: usize = 200;
/// The most that a scrubber remembers, in bytes of the values themselves: each is kept in up to nine forms.
pub(crate) const LONGEST_IN_ALL: usize = 32 * 1024;
const REDACTED: &str = "[redacted]";

/// Remembers what was sent, in the forms it may come back in.
#[derive(Default)]
pub(crate) struct Scrubber {
    forms: Vec<Zeroizing<String>>,
    bytes: usize,
}

impl Scrubber {
    /// A scrubber for these values. Empty ones are left out.
    pub(crate) fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scrubber = Self::default();
        for value in values {
            scrubber.add(value);
        }
        scrubber
    }

    /// Adds a value that must not be shown: raw, URL-encoded, base64 and HTML-escaped.
    pub(crate) fn add(&mut self, value: &str) {
        self.bytes = self.bytes.saturating_add(value.len());
        if value.is_empty() || self.is_over_full() {
            return;
        }
        let mut forms = vec![
            value.to_owned(),
            value.trim().to_owned(),
            url::form_urlencoded::byte_serialize(value.as_bytes()).collect(),
            url::form_urlencoded::byte_serialize(value.as_bytes())
                .collect::<String>()
                .replace('+', "%20"),
            STANDARD.encode(value),
            STANDARD_NO_PAD.encode(value),
            URL_SAFE_NO_PAD.encode(value),
            value
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;"),
            value
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;"),
        ];
        forms.retain(|form| !form.is_empty());
        self.forms.extend(forms.into_iter().map(Zeroizing::new));
        // A value that contains another must go first, or a part of it stays.
        self.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        self.forms.dedup();
    }

    /// Whether it was given more than it may remember. Nothing is to be sent then, and no words are shown.
    pub(crate) fn is_over_full(&self) -> bool {
        self.bytes > LONGEST_IN_ALL
    }

    /// The words without anything that was sent, without control characters, cut to 200 characters.
    pub(crate) fn clean(&self, words: &str) -> String {
        if self.is_over_full() {
            return REDACTED.to_owned();
        }
        let mut words = Cow::Borrowed(words);
        for form in &self.forms {
            if !words.contains(form.as_str()) {
                continue;
            }
            if form.chars().count() < 4 {
                // Cutting out so short a value would tell it by the gaps it leaves.
                return REDACTED.to_owned();
            }
            words = Cow::Owned(words.replace(form.as_str(), REDACTED));
        }
        let shown = words.chars().map(visible);
        let mut cut: String = shown.take(LONGEST + 1).collect();
        if cut.chars().count() > LONGEST {
            cut = cut.chars().take(LONGEST - 1).chain(['…']).collect();
        }
        cut
    }
}

/// The character itself, or a space for one that only changes how others are shown: control characters, and those that
/// turn the direction of writing or have no width.
#[must_use]
pub fn visible(c: char) -> char {
    match c {
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrubber_of_more_than_32_kib_keeps_nothing_and_shows_nothing() {
        let scrubber = Scrubber::of(["&".repeat(1024 * 1024).as_str()]);
        assert!(scrubber.is_over_full() && scrubber.forms.is_empty());
        assert_eq!(scrubber.clean("any words"), "[redacted]");
        assert!(!Scrubber::of(["&".repeat(LONGEST_IN_ALL).as_str()]).is_over_full());
    }

    #[test]
    fn characters_that_turn_the_direction_of_writing_are_not_shown() {
        assert_eq!(
            Scrubber::default().clean("a\u{202e}b\u{2066}c\u{200f}d"),
            "a b c d"
        );
    }

    #[test]
    fn what_was_sent_is_cut_out_in_every_form() {
        let secret = "c&n<ary+3e 1f=";
        let scrubber = Scrubber::of([secret]);
        for echo in [
            secret.to_owned(),
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            "c%26n%3Cary%2B3e%201f%3D".to_owned(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            "c&amp;n&lt;ary+3e 1f=".to_owned(),
        ] {
            assert_eq!(
                scrubber.clean(&format!("got {echo}, sorry")),
                "got [redacted], sorry"
            );
        }
    }

    #[test]
    fn the_longer_of_two_nested_values_goes_first() {
        let scrubber = Scrubber::of(["hunter22", "hunter22TOKEN"]);
        assert_eq!(scrubber.clean("hunter22TOKEN hunter22"), "[redacted] [redacted]");
    }

    #[test]
    fn a_very_short_secret_takes_the_whole_text_along() {
        assert_eq!(Scrubber::of(["ab"]).clean("cab"), "[redacted]");
        assert_eq!(Scrubber::of(["ab", ""]).clean("a b"), "a b");
    }

    #[test]
    fn control_characters_go_and_long_texts_are_cut_after_scrubbing() {
        let scrubber = Scrubber::of(["secret-at-the-edge"]);
        assert_eq!(scrubber.clean("a\nb\u{1b}[31mc"), "a b [31mc");
        let long = format!("{}secret-at-the-edge", "x".repeat(190));
        let cleaned = scrubber.clean(&long);
        assert_eq!(cleaned, format!("{}[redacted]", "x".repeat(190)));
        assert_eq!(scrubber.clean(&"é".repeat(300)).chars().count(), 200);
    }
}
