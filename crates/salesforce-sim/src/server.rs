//! How do requests get in and answers out?

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::clock::http_date;
use crate::control;
use crate::fault::{Course, Ending};
use crate::http::{Params, Reply, Request};
use crate::log::Outcome;
use crate::shared::Shared;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the simulated fault closes the connection")]
pub(crate) struct Closed;

#[derive(Clone)]
pub(crate) enum Service {
    /// Plain HTTP; it also is a forward proxy whose tunnels all end at the simulated Salesforce's HTTPS.
    Http(TlsAcceptor),
    Https(TlsAcceptor),
    Control,
}

pub(crate) async fn listen(listener: TcpListener, shared: Arc<Shared>, service: Service) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (shared, service) = (Arc::clone(&shared), service.clone());
        tokio::spawn(async move {
            match service {
                Service::Http(tunnel) => serve(stream, shared, Scheme::Http(tunnel)).await,
                Service::Https(acceptor) => secure(stream, shared, acceptor).await,
                Service::Control => serve(stream, shared, Scheme::Control).await,
            }
        });
    }
}

async fn secure(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Arc<Shared>,
    acceptor: TlsAcceptor,
) {
    match acceptor.accept(stream).await {
        Ok(stream) => serve(stream, shared, Scheme::Https).await,
        Err(error) => tracing::debug!(%error, "TLS handshake failed"),
    }
}

#[derive(Clone)]
enum Scheme {
    Http(TlsAcceptor),
    Https,
    Control,
}

fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Arc<Shared>,
    scheme: Scheme,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let service = service_fn(move |incoming| handle(incoming, Arc::clone(&shared), scheme.clone()));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        if let Err(error) = connection.await {
            tracing::trace!(%error, "Connection ended");
        }
    })
}

type Answer = Result<Response<Full<Bytes>>, Closed>;

async fn handle(incoming: hyper::Request<Incoming>, shared: Arc<Shared>, scheme: Scheme) -> Answer {
    let name = match scheme {
        Scheme::Http(acceptor) if incoming.method() == Method::CONNECT => {
            tunnel(incoming, shared, acceptor);
            return Ok(Response::new(Full::default()));
        }
        Scheme::Http(_) => "http",
        Scheme::Https => "https",
        Scheme::Control => {
            let request = read(incoming, "http").await?;
            let reply = control::answer(&shared, &request);
            shared.note_change();
            let date = shared.lock().now();
            return Ok(response(reply, &http_date(date)));
        }
    };
    let request = read(incoming, name).await?;
    // On a task of its own: Salesforce does not stop working on a request because the caller went away.
    let worked = tokio::spawn(work(shared, request)).await.map_err(|_| Closed)?;
    match worked {
        Worked::Answer(response) => Ok(response),
        Worked::Close => Err(Closed),
        Worked::Hang => std::future::pending().await,
    }
}

/// `CONNECT host:443`: whatever the host, its TLS ends here.
fn tunnel(incoming: hyper::Request<Incoming>, shared: Arc<Shared>, acceptor: TlsAcceptor) {
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(incoming).await {
            secure(TokioIo::new(upgraded), shared, acceptor).await;
        }
    });
}

async fn read(incoming: hyper::Request<Incoming>, scheme: &'static str) -> Result<Request, Closed> {
    let (parts, body) = incoming.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes().to_vec();
    let host_header = parts.headers.get("host").and_then(|value| value.to_str().ok());
    let authority = parts.uri.authority().map(ToString::to_string);
    let authority = authority
        .or_else(|| host_header.map(str::to_owned))
        .unwrap_or_default()
        .to_lowercase();
    Ok(Request {
        method: parts.method,
        scheme,
        host: without_port(&authority).to_owned(),
        // Some clients join addresses with one slash too many.
        path: parts.uri.path().replace("//", "/"),
        query: Params::parse(parts.uri.query().unwrap_or_default().as_bytes()),
        target: target_of(&parts.uri),
        headers: parts.headers,
        authority,
        body,
    })
}

fn target_of(uri: &Uri) -> String {
    uri.path_and_query().map(ToString::to_string).unwrap_or_default()
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

enum Worked {
    Answer(Response<Full<Bytes>>),
    Close,
    Hang,
}

/// Works on a request to the end, fault included.
async fn work(shared: Arc<Shared>, request: Request) -> Worked {
    let (arrival, date) = {
        let mut world = shared.lock();
        let arrival = world.arrive(&request);
        (arrival, http_date(world.now()))
    };
    shared.note_change();
    let ending = match arrival.course {
        Course::Answer(reply) => {
            shared.end(arrival.number, arrival.refreshing, answered(&reply));
            return Worked::Answer(response(reply, &date));
        }
        Course::Drop => {
            shared.end(arrival.number, arrival.refreshing, Outcome::Dropped);
            return Worked::Close;
        }
        Course::Hang => {
            shared.end(arrival.number, arrival.refreshing, Outcome::NeverAnswered);
            return Worked::Hang;
        }
        Course::Process(ending) => ending,
    };
    if arrival.takes > Duration::ZERO {
        tokio::time::sleep(arrival.takes).await;
    }
    let reply = shared.lock().answer(&request);
    finish(
        &shared,
        (arrival.number, arrival.refreshing),
        reply,
        ending,
        &date,
    )
    .await
}

async fn finish(
    shared: &Shared,
    of: (u64, Option<usize>),
    reply: Reply,
    ending: Ending,
    date: &str,
) -> Worked {
    let (number, refreshing) = of;
    let lost = Outcome::ReplyLost {
        status: reply.status.as_u16(),
        error: reply.error.clone(),
    };
    match ending {
        Ending::Send => {}
        Ending::SendAfter(delay) => tokio::time::sleep(delay).await,
        Ending::Truncate => {
            shared.end(number, refreshing, lost);
            return Worked::Answer(response(truncated(reply), date));
        }
        Ending::Drop => {
            shared.end(number, refreshing, lost);
            return Worked::Close;
        }
        Ending::Hang => {
            shared.end(number, refreshing, lost);
            return Worked::Hang;
        }
    }
    shared.end(number, refreshing, answered(&reply));
    Worked::Answer(response(reply, date))
}

fn answered(reply: &Reply) -> Outcome {
    Outcome::Answered {
        status: reply.status.as_u16(),
        error: reply.error.clone(),
    }
}

fn truncated(mut reply: Reply) -> Reply {
    let half = reply.body.len() / 2;
    reply.body.truncate(half);
    reply
}

fn response(reply: Reply, date: &str) -> Response<Full<Bytes>> {
    // The simulated time: clients judge their clock by this header.
    let mut builder = Response::builder().status(reply.status).header("date", date);
    for (name, value) in &reply.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::from(reply.body)).unwrap_or_else(|error| {
        let mut response = Response::new(Full::from(format!(
            "the simulated answer cannot be sent: {error}"
        )));
        *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
