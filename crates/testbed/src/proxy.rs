//! A TCP connection that can be cut and healed, to test partitions without privileges.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Listens on a port of 127.0.0.1 and carries what comes there to a server, while the link is up.
///
/// Belongs to the runtime that made it; ends, with its connections, by drop.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    link: watch::Sender<Link>,
    accepted: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Cut,
    Blackhole,
}

/// The state, and how often the link was cut: a connection from before a cut ends even when the link is up
/// again before anyone looks.
#[derive(Debug, Clone, Copy)]
struct Link {
    state: State,
    cuts: u64,
}

impl TcpProxy {
    /// Starts to carry connections to `server`.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.unwrap_or_else(|error| panic!("failed to listen on 127.0.0.1: {error}"));
        let address = listener.local_addr().expect("a listener has an address");
        let (link, up) = watch::channel(Link {
            state: State::Up,
            cuts: 0,
        });
        let accepted = Arc::new(AtomicUsize::new(0));
        let listening = tokio::spawn(listen(listener, server, up, Arc::clone(&accepted)));
        Self {
            address,
            link,
            accepted,
            listening,
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted so far, those that were closed at once included.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Closes every connection, and new ones at once.
    pub fn cut(&self) {
        self.link.send_modify(|link| {
            *link = Link {
                state: State::Cut,
                cuts: link.cuts + 1,
            }
        });
    }

    /// Keeps connections open and accepts new ones, but carries nothing: as a network that loses every packet.
    pub fn blackhole(&self) {
        self.link.send_modify(|link| link.state = State::Blackhole);
    }

    /// Carries again. What was sent into a blackhole arrives now.
    pub fn heal(&self) {
        self.link.send_modify(|link| link.state = State::Up);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(
    listener: TcpListener,
    server: SocketAddr,
    link: watch::Receiver<Link>,
    accepted: Arc<AtomicUsize>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        accepted.fetch_add(1, Ordering::SeqCst);
        let Link { state, cuts } = *link.borrow();
        match state {
            State::Cut => {}
            State::Up | State::Blackhole => {
                tokio::spawn(carry(client, server, link.clone(), cuts));
            }
        }
    }
}

/// Carries one connection until either side closes it, the link is cut, or the proxy is gone.
async fn carry(client: TcpStream, server: SocketAddr, link: watch::Receiver<Link>, cuts: u64) {
    let mut cut = link.clone();
    tokio::select! {
        _ = cut.wait_for(|link| link.cuts != cuts) => {}
        () = relay(client, server, link) => {}
    }
}

async fn relay(client: TcpStream, server: SocketAddr, mut link: watch::Receiver<Link>) {
    up(&mut link).await;
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        pump(from_client, to_server, link.clone()),
        pump(from_server, to_client, link)
    );
}

/// Carries one direction. Dropping `to` at the end tells the other side that no more will come.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut link: watch::Receiver<Link>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        up(&mut link).await;
        let Some(bytes) = buffer.get(..count) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Waits while the link is a blackhole.
async fn up(link: &mut watch::Receiver<Link>) {
    // An error says that the proxy is gone; `carry` sees it as well and ends the connection.
    let _ = link.wait_for(|link| link.state == State::Up).await;
}
