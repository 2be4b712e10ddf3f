//! How is the body of an answer read: up to a cap, kept or handed on?

use reqwest::Response;
use zeroize::Zeroizing;

/// What is kept of the beginning of a body that is handed on, to judge it by if it is not what it should be.
const BEGINNING: usize = 1024;

pub(super) enum BodyError {
    TooLarge,
    Broken(reqwest::Error),
}

/// Takes a body piece by piece.
pub(super) type Taker<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// Reads a body up to a cap. An error comes with what had arrived.
pub(super) async fn read(
    mut response: Response,
    cap: usize,
    mut taker: Option<Taker<'_>>,
) -> Result<Zeroizing<Vec<u8>>, (BodyError, Zeroizing<Vec<u8>>)> {
    let (mut body, mut length) = (Zeroizing::new(Vec::new()), 0);
    loop {
        let chunk = match response.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(chunk)) => chunk,
            Err(error) => return Err((BodyError::Broken(error), body)),
        };
        length += chunk.len();
        match &mut taker {
            _ if length > cap => return Err((BodyError::TooLarge, body)),
            None => grow(&mut body, &chunk),
            Some(taker) => {
                let left = BEGINNING.saturating_sub(body.len());
                grow(&mut body, chunk.get(..left).unwrap_or(&chunk));
                taker(&chunk);
            }
        }
    }
}

/// Appends, wiping the old buffer where the vector has to move.
fn grow(body: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    if body.capacity() - body.len() < chunk.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + chunk.len()) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(chunk);
}
