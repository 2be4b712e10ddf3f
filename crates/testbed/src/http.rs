//! What does a server of this machine answer to a plain GET? Asked without a client, so that nothing tries again.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Such as `200 OK`.
    pub status: String,
    pub body: String,
}

/// Asks once, on a connection of its own, with a bearer token or without; the error says why there is no answer.
pub async fn get(address: SocketAddr, path: &str, bearer: Option<&str>) -> Result<Answer, String> {
    let answer = exchange(address, path, bearer)
        .await
        .map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no end of headers")?;
    let line = head.lines().next().unwrap_or_default();
    let (_version, status) = line
        .split_once(' ')
        .ok_or_else(|| format!("no status in {line:?}"))?;
    Ok(Answer {
        status: status.to_owned(),
        body: body.to_owned(),
    })
}

async fn exchange(address: SocketAddr, path: &str, bearer: Option<&str>) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let authorization = bearer.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{authorization}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
