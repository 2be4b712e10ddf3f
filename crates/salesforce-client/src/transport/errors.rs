//! Errors of the HTTP stack as failures: above all, whether the request had left.

use std::error::Error;
use std::io;

use super::resolver::DnsFailure;
use crate::failure::Failure;
use crate::received::Answerer;
use crate::refusal::Refusal;
use crate::scrub::Scrubber;

/// What an error of the HTTP stack means. Only an error before or during connecting proves that nothing was sent.
pub(super) fn failure(error: &reqwest::Error, answerer: Answerer, scrubber: &Scrubber) -> Failure {
    // A certificate, too, has words of the other side.
    let detail = match answerer {
        Answerer::Salesforce => scrubber.clean(&innermost(error)),
        Answerer::FurtherHost => String::new(),
    };
    if error.is_builder() {
        Failure::not_sent(Refusal::RequestNotBuilt, detail)
    } else if error.is_connect() {
        Failure::not_sent(connect_refusal(error), detail)
    } else if error.is_timeout() {
        Failure::unknown(Refusal::TimedOut, detail)
    } else {
        Failure::unknown(Refusal::ConnectionLost, detail)
    }
}

fn connect_refusal(error: &reqwest::Error) -> Refusal {
    if let Some(dns) = find::<DnsFailure>(error) {
        return match dns {
            DnsFailure::NoSuchHost => Refusal::HostNotFound,
            DnsFailure::Unavailable => Refusal::DnsUnavailable,
        };
    }
    if find::<rustls::Error>(error).is_some() {
        return Refusal::TlsFailed;
    }
    if error.is_timeout() {
        return Refusal::ConnectTimedOut;
    }
    // The tunnel's error type is private to the HTTP stack; its text is not.
    let through_proxy = chain(error).any(|it| it.to_string().contains("tunnel error"));
    if through_proxy {
        Refusal::ProxyRefused
    } else {
        Refusal::ConnectionFailed
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |it| inner(*it))
}

/// The next error of a chain. `io::Error` skips the error it wraps when asked for its source.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|it| it.downcast_ref())
}

/// The text at the end of the chain: the cause, without addresses that the outer ones repeat.
fn innermost(error: &reqwest::Error) -> String {
    let source = error.source().unwrap_or(error);
    chain(source).last().map_or_else(String::new, ToString::to_string)
}
