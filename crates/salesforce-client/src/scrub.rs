//! Words of the other side made fit to be shown: nothing we sent, no control characters, at most 200 characters.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

const LONGEST: usize = 200;
const REDACTED: &str = "[redacted]";

/// Remembers what was sent, in the forms it may come back in.
#[derive(Default)]
pub(crate) struct Scrubber {
    forms: Vec<Zeroizing<String>>,
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
        if value.is_empty() {
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

    /// The words without anything that was sent, without control characters, cut to 200 characters.
    pub(crate) fn clean(&self, words: &str) -> String {
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
        let visible = words.chars().map(|c| if c.is_control() { ' ' } else { c });
        let mut cut: String = visible.take(LONGEST + 1).collect();
        if cut.chars().count() > LONGEST {
            cut = cut.chars().take(LONGEST - 1).chain(['…']).collect();
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
