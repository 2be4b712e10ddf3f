//! The client over real sockets: what it sends, and what it makes of what comes back.

use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

const TEXT: &[u8] = b"header.claims";
const CANARY: &str = "hvs.canary-71d0";

/// A server with one reply for every request; it keeps the connection and says nothing where there is none.
struct Server {
    port: u16,
    /// Its certificate, which nobody else has issued.
    pem: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(reply: String) -> Self {
        Self::named("localhost", Some(reply)).await
    }

    async fn silent() -> Self {
        Self::named("localhost", None).await
    }

    /// With a certificate for this name.
    async fn named(name: &str, reply: Option<String>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(acceptor.clone(), stream, reply.clone(), Arc::clone(&seen)));
            }
        });
        Self {
            port,
            pem: made.cert.pem(),
            requests,
            task,
        }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn key(&self) -> TransitKey {
        TransitKey {
            address: format!("https://localhost:{}", self.port).parse().unwrap(),
            mount: "team-a/transit".to_owned(),
            name: "crm".to_owned(),
            version: None,
            namespace: None,
        }
    }

    /// What a client that trusts this server makes of its reply. It asks once.
    async fn sign(&self) -> Result<Signature, SignerFailure> {
        let signed = trusting(&self.pem).sign(&self.key(), &token(CANARY), TEXT).await;
        assert_eq!(self.requests().len(), 1, "a request must never be repeated");
        signed
    }
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    reply: Option<String>,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut bytes = Vec::new();
    while !is_whole(&bytes) {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    seen.lock().unwrap().push(String::from_utf8(bytes).unwrap());
    match reply {
        // The client may have gone already, having read enough.
        Some(reply) => {
            let _ = stream.write_all(reply.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether a request is there with its body.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
}

fn success(body: &str) -> String {
    response("200 OK", "", body)
}

fn signature_of(bytes: &[u8]) -> String {
    json!({ "data": { "signature": format!("vault:v3:{}", STANDARD.encode(bytes)) } }).to_string()
}

fn trusting(pem: &str) -> TransitClient {
    TransitClient::new(&SignerTrust::Only(pem.as_bytes().to_vec()), "tests/1").unwrap()
}

fn token(value: &str) -> SignerToken {
    SignerToken::from(SecretString::from(value.to_owned()))
}

fn failure(refusal: SignerRefusal, detail: &str) -> Result<Signature, SignerFailure> {
    Err(SignerFailure::new(refusal, detail))
}

/// Head and body of a request.
fn parts(request: &str) -> (Vec<String>, Value) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<String> = head.lines().map(str::to_owned).collect();
    lines[1..].sort();
    (lines, serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn one_request_carries_the_text_and_the_token_and_brings_the_signature() {
    let server = Server::start(success(&signature_of(&[7; 256]))).await;
    let expected = Signature {
        bytes: vec![7; 256],
        key_version: 3,
    };
    assert_eq!(server.sign().await, Ok(expected));
    let (head, body) = parts(&server.requests()[0]);
    let input = STANDARD.encode(TEXT);
    assert_eq!(body, json!({ "input": input, "signature_algorithm": "pkcs1v15" }));
    let length = body.to_string().len();
    let host = format!("host: localhost:{}", server.port);
    let wanted = [
        "POST /v1/team-a/transit/sign/crm/sha2-256 HTTP/1.1".to_owned(),
        "accept: */*".to_owned(),
        format!("content-length: {length}"),
        "content-type: application/json".to_owned(),
        host,
        "user-agent: tests/1".to_owned(),
        "x-vault-request: true".to_owned(),
        format!("x-vault-token: {CANARY}"),
    ];
    assert_eq!(head, wanted);
}

#[tokio::test]
async fn version_and_namespace_are_sent_where_they_are_declared() {
    let server = Server::start(success(&signature_of(&[7; 256]))).await;
    let key = TransitKey {
        version: Some(3),
        namespace: Some("admin/team-a".to_owned()),
        ..server.key()
    };
    let signed = trusting(&server.pem).sign(&key, &token(CANARY), TEXT).await;
    assert_eq!(signed.map(|signature| signature.key_version), Ok(3));
    let (head, body) = parts(&server.requests()[0]);
    assert_eq!(body["key_version"], 3);
    assert!(
        head.contains(&"x-vault-namespace: admin/team-a".to_owned()),
        "{head:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_that_cannot_be_used_and_is_not_followed() {
    let target = Server::start(success(&signature_of(&[7; 256]))).await;
    for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
        let location = format!("Location: https://localhost:{}/v1/x\r\n", target.port);
        let server = Server::start(response(status, &location, "")).await;
        let detail = format!("HTTP {}", &status[..3]);
        assert_eq!(
            server.sign().await,
            failure(SignerRefusal::SignerAnswerInvalid, &detail),
            "{status}"
        );
    }
    assert_eq!(target.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_used_and_a_large_refusal_keeps_its_reason() {
    let page = "x".repeat(CAP + 1);
    let server = Server::start(success(&page)).await;
    let detail = "the answer has more than 16384 bytes";
    assert_eq!(
        server.sign().await,
        failure(SignerRefusal::SignerAnswerInvalid, detail)
    );
    let server = Server::start(response("403 Forbidden", "", &page)).await;
    assert_eq!(
        server.sign().await,
        failure(SignerRefusal::SignerForbidden, "HTTP 403")
    );
}

#[tokio::test]
async fn a_signer_whose_certificate_is_not_trusted_gets_no_request() {
    let server = Server::start(success(&signature_of(&[7; 256]))).await;
    let stranger = Server::silent().await;
    let misnamed = Server::named("vault.example.com", Some(success(&signature_of(&[7; 256])))).await;
    let refused = failure(SignerRefusal::SignerTlsFailed, "its certificate was not accepted");
    for (server, pem) in [(&server, &stranger.pem), (&misnamed, &misnamed.pem)] {
        let signed = trusting(pem).sign(&server.key(), &token(CANARY), TEXT).await;
        assert_eq!(signed, refused);
        assert_eq!(server.requests(), Vec::<String>::new());
    }
    for trust in [SignerTrust::System, SignerTrust::Nobody] {
        let client = TransitClient::new(&trust, "tests/1").unwrap();
        let signed = client.sign(&server.key(), &token(CANARY), TEXT).await;
        assert_eq!(signed, refused, "{trust:?}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_signer_that_says_nothing_or_is_not_there_is_unreachable() {
    let server = Server::silent().await;
    let trust = SignerTrust::Only(server.pem.as_bytes().to_vec());
    let client = TransitClient::with_limit(&trust, "tests/1", Duration::from_millis(300)).unwrap();
    assert_eq!(
        client.sign(&server.key(), &token(CANARY), TEXT).await,
        failure(SignerRefusal::SignerUnreachable, "no answer in time")
    );
    let broken = Server::start(String::new()).await;
    assert_eq!(
        broken.sign().await,
        failure(SignerRefusal::SignerUnreachable, "the connection broke")
    );
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let nowhere = TransitKey {
        address: format!("https://localhost:{port}").parse().unwrap(),
        ..server.key()
    };
    assert_eq!(
        trusting(&server.pem).sign(&nowhere, &token(CANARY), TEXT).await,
        failure(SignerRefusal::SignerUnreachable, "no connection")
    );
}

#[tokio::test]
async fn the_wait_that_a_signer_asks_for_is_kept_up_to_an_hour() {
    for (header, wanted) in [
        ("", None),
        ("Retry-After: 7\r\n", Some(7)),
        ("Retry-After: 999999\r\n", Some(3600)),
        ("Retry-After: Fri, 31 Dec 2049 23:59:59 GMT\r\n", None),
    ] {
        let server = Server::start(response("429 Too Many Requests", header, "")).await;
        let failure = server.sign().await.unwrap_err();
        let found = (failure.refusal, failure.retry_after);
        assert_eq!(
            found,
            (SignerRefusal::SignerBusy, wanted.map(Duration::from_secs)),
            "{header}"
        );
    }
}

#[tokio::test]
async fn a_token_that_can_not_stand_in_a_header_is_not_sent_and_not_shown() {
    let server = Server::silent().await;
    let bad = token(&format!("{CANARY}\r\nX-Other: 1"));
    let failure = trusting(&server.pem)
        .sign(&server.key(), &bad, TEXT)
        .await
        .unwrap_err();
    assert_eq!(failure.refusal, SignerRefusal::SignerForbidden);
    let shown = format!("{failure} {failure:?} {bad:?}");
    assert!(!shown.contains(CANARY), "{shown}");
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[test]
fn a_bundle_without_a_certificate_is_refused() {
    for bundle in ["", "no PEM"] {
        let trust = SignerTrust::Only(bundle.as_bytes().to_vec());
        let refused = TransitClient::new(&trust, "tests/1");
        assert!(
            matches!(refused, Err(SignerBuildError::Certificates)),
            "{bundle:?}: {refused:?}"
        );
    }
}
