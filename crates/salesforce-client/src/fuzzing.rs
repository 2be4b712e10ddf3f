//! What does a fuzzer put in the place of the network? One answer, for the next request of its thread.

use std::cell::RefCell;

use oauth2::http;

thread_local! {
    static NEXT: RefCell<Option<reqwest::Response>> = const { RefCell::new(None) };
}

/// Gives the next request of this thread this answer. Nothing is sent. Headers that HTTP does not allow are left out.
pub fn answer_next<'a>(status: u16, headers: impl IntoIterator<Item = (&'a str, &'a str)>, body: Vec<u8>) {
    let mut answer = http::Response::builder().status(status);
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(value)) {
            answer = answer.header(name, value);
        }
    }
    NEXT.set(answer.body(body).ok().map(Into::into));
}

pub(crate) fn take() -> Option<reqwest::Response> {
    NEXT.take()
}
