//! How does a flag say for which namespace something is allowed? `namespace=what`, or `*=what` for all namespaces.

/// The namespace, or none for all, and what is allowed there; nothing where the text is of another form.
pub(super) fn of_namespace(text: &str) -> Option<(Option<String>, &str)> {
    let (namespace, what) = text.split_once('=')?;
    let is_name = |text: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&text.len()) && text.bytes().all(allowed)
    };
    match namespace {
        "*" => Some((None, what)),
        name if is_name(name) => Some((Some(name.to_owned()), what)),
        _ => None,
    }
}
