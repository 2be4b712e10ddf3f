//! Which rules do several fields share? Each is one rule with one message, in words that name the field and the remedy:
//! a pattern in the schema would answer with a regular expression.

use kube::core::{Message, Reason, Rule};

/// Durations as Go writes them, bounded so that CEL and the operator can compute with whatever fits.
const DURATION: &str = "^([0-9]{1,5}([.][0-9]{1,3})?(ms|s|m|h)){1,4}$";
/// One or more labels of a DNS name.
const DNS_LABEL: &str = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";

/// `field` is a duration from `shortest` to `longest`.
pub(super) fn duration_between(field: &str, shortest: &str, longest: &str) -> Rule {
    let rule = format!(
        "self.matches('{DURATION}') && duration(self) >= duration('{shortest}') && duration(self) <= duration('{longest}')"
    );
    Rule::new(rule).message(Message::Message(format!(
        "{field} must be a duration from {shortest} to {longest}, written like 90s, 15m or 1h30m"
    )))
}

/// `renewBefore` fits into `lifetime`. Silent where one of them is no duration: that is said by its own rule.
pub(super) fn renewal_within_lifetime() -> Rule {
    let broken = |field: &str| format!("!has(self.{field}) || !self.{field}.matches('{DURATION}')");
    let rule = format!(
        "{} || {} || duration(self.renewBefore) < duration(self.lifetime)",
        broken("lifetime"),
        broken("renewBefore")
    );
    Rule::new(rule)
        .message("renewBefore must be shorter than lifetime")
        .field_path(".renewBefore")
}

/// The name of a Kubernetes object. It becomes part of a URL, so nothing else may pass.
pub(in crate::api) fn object_name(field: &str) -> Rule {
    Rule::new(format!("self.matches('^{DNS_LABEL}([.]{DNS_LABEL})*$')")).message(Message::Message(format!(
        "{field} must be a valid object name: lower-case letters, digits, - and ."
    )))
}

/// A path of names, such as team-a/transit. It becomes part of a URL, so nothing else may pass.
pub(super) fn path_segments(field: &str) -> Rule {
    Rule::new("self.matches('^[a-zA-Z0-9_][-._a-zA-Z0-9]*(/[a-zA-Z0-9_][-._a-zA-Z0-9]*)*$')").message(Message::Message(format!(
        "{field} must be a path without a leading or trailing slash, such as team-a/transit: letters, digits, -, _ and ."
    )))
}

/// A DNS name of at least two labels.
pub(super) fn host_name() -> Rule {
    let rule =
        format!("self.contains('/') || self.contains(':') || self.matches('^{DNS_LABEL}([.]{DNS_LABEL})+$')");
    Rule::new(rule).message("host must be a DNS name in lower case, such as acme.my.salesforce.com")
}

/// A literal in which white space is a mistake, also white space that nobody sees.
pub(super) fn no_white_space(field: &str) -> Rule {
    Rule::new(r"self.matches(r'^[^\s\x{00a0}\x{200b}\x{feff}]*$')").message(Message::Message(format!(
        "{field} must not contain white space: remove blanks and line breaks, such as the one that a YAML block scalar (|) adds"
    )))
}

/// A key of a Secret's data.
pub(super) fn secret_key(field: &str) -> Rule {
    Rule::new("self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')").message(
        Message::Message(format!(
            "{field} must be a valid key of a Secret: letters, digits, -, _ and ., not beginning with .."
        )),
    )
}

/// `field` is missing although `condition`, which names why, asks for it.
pub(super) fn required(condition: &str, field: &str, message: &str) -> Rule {
    Rule::new(format!("!({condition}) || has(self.{field})"))
        .message(message)
        .field_path(format!(".{field}"))
        .reason(Reason::FieldValueRequired)
}

/// Keys of labels or annotations: none of the reserved ones, and each one that Kubernetes accepts.
pub(super) fn metadata_keys(field: &str) -> [Rule; 2] {
    let reserved = crate::api::names::RESERVED_KEY_DOMAINS;
    let domains = reserved.map(|domain| domain.replace('.', "[.]")).join("|");
    let [others @ .., last] = &reserved;
    [
        Rule::new(format!("self.all(k, !k.matches('^([^/]*[.])?({domains})/'))")).message(Message::Message(format!(
            "{field} must not use keys of {} and {last}: they are reserved for Kubernetes, the operator or other controllers",
            others.join(", ")
        ))),
        Rule::new("self.all(k, !format.qualifiedName().validate(k).hasValue())").message(Message::Message(format!(
            "{field} must have keys of the form name or example.com/name: letters, digits, -, _ and ., at most 63 of them after the /"
        ))),
    ]
}

/// Values of labels.
pub(super) fn label_values() -> Rule {
    Rule::new("self.all(k, !format.labelValue().validate(self[k]).hasValue())").message(
        "secret.labels must have valid label values: at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit",
    )
}

/// Each connector is kept in memory, annotations and all.
pub(super) fn annotations_in_all() -> Rule {
    Rule::new("self.map(k, size(k) + size(self[k])).sum() <= 8192")
        .message("secret.annotations must have at most 8192 characters in all, keys included")
}
