//! What does a reason mean? In the words from which docs/reasons.md is generated.

use std::fmt::Write as _;

use salesforce_connector_operator::api::names::DOCS_URL;
use salesforce_connector_operator::api::reasons::Reason;
use salesforce_connector_operator::core::schedule::retry_text::retry;

use crate::command_error::CommandError;
use crate::show::Paint;

/// Names at least this similar are suggested for a name that nobody knows.
const SIMILAR: f64 = 0.9;
const SUGGESTIONS: usize = 3;

/// The explanation of a reason, or the list of all.
pub fn explain(name: Option<&str>, paint: Paint) -> Result<String, CommandError> {
    let Some(name) = name else { return Ok(list()) };
    let found = Reason::all().find(|reason| reason.as_str().eq_ignore_ascii_case(name));
    found
        .map(|reason| page(reason, paint))
        .ok_or_else(|| unknown(name))
}

/// One reason.
pub fn page(reason: Reason, paint: Paint) -> String {
    let anchor = reason.as_str().to_ascii_lowercase();
    format!(
        "{}\n{}\n\nWho must act: {}\nRemedy: {}\nRetry: {}\n\n{DOCS_URL}/reasons#{anchor}\n",
        paint.strong(reason.as_str()),
        reason.meaning(),
        reason.actor().who(),
        reason.remedy(),
        retry(reason),
    )
}

fn list() -> String {
    let mut reasons: Vec<Reason> = Reason::all().collect();
    reasons.sort_by_key(|reason| reason.as_str());
    let width = reasons
        .iter()
        .map(|reason| reason.as_str().len())
        .max()
        .unwrap_or_default();
    let mut list = String::new();
    for reason in reasons {
        let _ = writeln!(list, "{:width$}  {}", reason.as_str(), reason.meaning());
    }
    list
}

fn unknown(name: &str) -> CommandError {
    let distance = |reason: &Reason| {
        let (known, asked) = (reason.as_str().to_ascii_lowercase(), name.to_ascii_lowercase());
        strsim::jaro_winkler(&known, &asked)
    };
    let mut close: Vec<(f64, &str)> = Reason::all()
        .map(|reason| (distance(&reason), reason.as_str()))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names: Vec<&str> = close
        .into_iter()
        .take(SUGGESTIONS)
        .map(|(_, name)| name)
        .collect();
    let hint = match names.as_slice() {
        [] => "Run `kubectl salesforce explain` to list all reasons.".to_owned(),
        names => format!("Did you mean {}?", names.join(", ")),
    };
    CommandError::Usage(format!("no reason has the name {name}. {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_explained_in_the_words_of_the_docs() {
        let text = explain(Some("inputkeymissing"), Paint::PLAIN).expect("a reason");
        assert_eq!(
            text,
            "InputKeyMissing\nA Secret that the connector refers to lacks the key, or its value is empty.\n\n\
             Who must act: the owner of the connector and its Secrets\n\
             Remedy: Put the value under that key of the Secret, or correct the reference.\n\
             Retry: Immediately in Watch mode; otherwise within 15 seconds for 15 minutes, then at the next resync.\n\n\
             https://salesforce-connector.dev/docs/reasons#inputkeymissing\n"
        );
    }

    #[test]
    fn every_reason_is_in_the_list_and_in_docs_reasons_md() {
        let (list, docs) = (list(), include_str!("../../../docs/reasons.md"));
        assert_eq!(list.lines().count(), Reason::all().count());
        for reason in Reason::all() {
            assert!(
                docs.contains(&format!("\n### {}\n\n{}\n", reason.as_str(), reason.meaning())),
                "{reason:?}"
            );
            assert!(
                docs.contains(&format!("- Retry: {}\n", retry(reason))),
                "{reason:?}"
            );
        }
    }

    #[test]
    fn a_misspelt_reason_gets_the_closest_names() {
        let said = |name| {
            explain(Some(name), Paint::PLAIN)
                .expect_err("no such reason")
                .to_string()
        };
        assert_eq!(
            said("WrongPasword"),
            "no reason has the name WrongPasword. Did you mean WrongPassword?"
        );
        assert_eq!(
            said("xyz"),
            "no reason has the name xyz. Run `kubectl salesforce explain` to list all reasons."
        );
    }
}
