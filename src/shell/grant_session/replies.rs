//! What becomes of the calls of the API server that a session makes, and what is told of those that fail.

use std::time::Duration;

use redeem::{Read, Reply, ResourceVersion, WriteReply};

use crate::core::conclude::merge::truncate;
use crate::error_chain::chain;
use crate::shell::grant_session::driver::SessionDriver;

/// Bound of one call of the API server; what takes longer has an unknown outcome and is looked at again.
pub(crate) const KUBERNETES_LIMIT: Duration = Duration::from_secs(10);

/// How much of a refusal is told.
const REFUSAL_BYTES: usize = 300;

/// What came of a call, or that nothing came within its limit.
pub(crate) type Called<T> = Result<Result<T, kube::Error>, tokio::time::error::Elapsed>;

impl SessionDriver {
    pub(crate) fn read<T>(&mut self, result: Called<T>) -> Read<T> {
        self.unavailable = failure(&result).or(self.unavailable.take());
        read(result)
    }

    pub(crate) fn written<T>(
        &mut self,
        result: Called<T>,
        version: impl FnOnce(T) -> Option<String>,
    ) -> Reply {
        self.unavailable = failure(&result).or(self.unavailable.take());
        Reply::Write(written(result, version))
    }
}

/// What the API server had against a call. That somebody else has written meanwhile is none of it.
fn failure<T>(result: &Called<T>) -> Option<String> {
    match result {
        Ok(Ok(_)) => None,
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => None,
        Ok(Err(kube::Error::Api(status))) => Some(truncate(&status.message, REFUSAL_BYTES).to_owned()),
        Ok(Err(error)) => Some(truncate(&chain(error), REFUSAL_BYTES).to_owned()),
        Err(_) => Some(format!(
            "no answer of the API server within {} s",
            KUBERNETES_LIMIT.as_secs()
        )),
    }
}

/// What became of a write. Only an answer of the API server says that it did not land.
fn written<T>(result: Called<T>, version: impl FnOnce(T) -> Option<String>) -> WriteReply {
    match result {
        Ok(Ok(object)) => WriteReply::Written(ResourceVersion::new(version(object).unwrap_or_default())),
        Ok(Err(kube::Error::Api(status))) => match status.code {
            404 | 409 => WriteReply::Conflict,
            400 | 401 | 403 | 405 | 413 | 415 | 422 | 429 => WriteReply::Refused,
            _ => WriteReply::Unknown,
        },
        Ok(Err(_)) | Err(_) => WriteReply::Unknown,
    }
}

fn read<T>(result: Called<T>) -> Read<T> {
    match result {
        Ok(Ok(found)) => Read::Is(found),
        Ok(Err(_)) | Err(_) => Read::Failed,
    }
}

pub(crate) fn mapped<T, U>(read: Read<T>, with: impl FnOnce(T) -> U) -> Read<U> {
    match read {
        Read::Is(found) => Read::Is(with(found)),
        Read::Failed => Read::Failed,
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_call_reports_what_the_api_server_rejects_but_no_conflict() {
        let refused = |code| {
            let status = Status::failure("exceeded quota: secrets", "Forbidden").with_code(code);
            Ok(Err(kube::Error::Api(status.boxed())))
        };
        let quota = Some("exceeded quota: secrets".to_owned());
        let no_tls = kube::Error::TlsRequired;
        let other = Some(no_tls.to_string());
        assert_eq!(failure::<()>(&Ok(Ok(()))), None);
        for (result, told) in [
            (refused(403), quota.clone()),
            (refused(500), quota),
            (refused(404), None),
            (refused(409), None),
            (Ok(Err(no_tls)), other),
        ] {
            assert_eq!(failure::<()>(&result), told);
        }
    }
}
