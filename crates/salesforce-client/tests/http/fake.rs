//! A server that does what it is told on each connection, and remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What to do with a request, once it has been read.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Send these bytes, then close.
    Bytes(Vec<u8>),
    /// Send these bytes, keep the connection, and never read from it again.
    BytesThenDeaf(Vec<u8>),
    /// Send these bytes to each request on the connection.
    BytesAgain(Vec<u8>),
    /// Close without a word.
    Close,
    /// Keep the connection and say nothing.
    Hang,
}

/// A running server.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Plain HTTP; the first connection gets the first reply, and every one after the last gets the last.
    pub(crate) async fn plain(replies: Vec<Reply>) -> Self {
        Self::start(replies, None).await
    }

    /// TLS under a self-signed certificate for `name`, which is returned as PEM.
    pub(crate) async fn tls(name: &str, replies: Vec<Reply>) -> (Self, String) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        (Self::start(replies, Some(acceptor)).await, made.cert.pem())
    }

    async fn start(replies: Vec<Reply>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            for place in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let reply = replies[place.min(replies.len() - 1)].clone();
                let (seen, tls) = (Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, reply, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, reply, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    /// Every request so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The form fields of the only request there was, in the order they were sent.
    pub(crate) fn only_form(&self) -> Vec<(String, String)> {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        let (_, body) = requests[0].split_once("\r\n\r\n").unwrap();
        url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect()
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: Reply, seen: &Mutex<Vec<String>>) {
    let Some(request) = read_request(&mut stream).await else {
        return;
    };
    seen.lock().unwrap().push(request);
    match reply {
        Reply::Bytes(bytes) => {
            // The client may have gone already, having read enough.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::BytesThenDeaf(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
        Reply::BytesAgain(bytes) => {
            let _ = stream.write_all(&bytes).await;
            while let Some(request) = read_request(&mut stream).await {
                seen.lock().unwrap().push(request);
                let _ = stream.write_all(&bytes).await;
            }
        }
        Reply::Close => {}
        Reply::Hang => std::future::pending().await,
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .map(str::to_owned)
                })
                .map_or(0, |value| value.trim().parse::<usize>().unwrap());
            if body.len() >= length {
                return Some(text.into_owned());
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// An HTTP/1.1 response with these header lines.
pub(crate) fn response(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    Reply::Bytes([head.as_bytes(), b"\r\n", body].concat())
}

/// A JSON response.
pub(crate) fn json(status: &str, body: &str) -> Reply {
    response(status, &["Content-Type: application/json;charset=UTF-8"], body)
}
