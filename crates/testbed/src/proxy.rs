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
    AnswersOnly,
}

/// The state, and how often the link was cut: a connection from before a cut ends even when the link is up
/// again before anyone looks.
#[derive(Debug, Clone, Copy)]
struct Link {
    state: State,
    cuts: u64,
    /// How often the link came to carry answers only.
    silences: u64,
}

impl TcpProxy {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.unwrap_or_else(|error| panic!("failed to listen on 127.0.0.1: {error}"));
        let address = listener.local_addr().expect("a listener has an address");
        let (link, up) = watch::channel(Link {
            state: State::Up,
            cuts: 0,
            silences: 0,
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

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted so far, those that were closed at once included.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Closes every connection, and new ones at once.
    pub fn cut(&self) {
        self.link.send_modify(|link| {
            link.state = State::Cut;
            link.cuts += 1;
        });
    }

    /// Keeps connections open and accepts new ones, but carries nothing: as a network that loses every packet.
    pub fn blackhole(&self) {
        self.link.send_modify(|link| link.state = State::Blackhole);
    }

    /// Holds back what the server says unasked: a connection on which the client waits for no answer and asks nothing from
    /// now on, as on one that carries a watch, brings it no news. Questions are answered still.
    ///
    /// A watch has a connection of its own in HTTP/1.1, which is what [`kube::Client`] speaks.
    pub fn answers_only(&self) {
        self.link.send_modify(|link| {
            link.state = State::AnswersOnly;
            link.silences += 1;
        });
    }

    /// Carries again. What was held back, or sent into a blackhole, arrives now.
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
        let Link { state, cuts, .. } = *link.borrow();
        match state {
            State::Cut => {}
            State::Up | State::Blackhole | State::AnswersOnly => {
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

async fn relay(client: TcpStream, server: SocketAddr, link: watch::Receiver<Link>) {
    let client_spoke = watch::Sender::new(Spoke::default());
    let mut way = Way {
        link,
        client_spoke: &client_spoke,
    };
    way.out().await;
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        ask(from_client, to_server, way.clone()),
        answer(from_server, to_client, way)
    );
}

/// Carries what the client says. Dropping `to` at the end tells the other side that no more will come.
async fn ask(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut way: Way<'_>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        way.out().await;
        let Some(bytes) = buffer.get(..count) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Carries what the server says.
async fn answer(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut way: Way<'_>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        way.back().await;
        let Some(bytes) = buffer.get(..count) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// What the client of a connection said last.
#[derive(Debug, Clone, Copy, Default)]
struct Spoke {
    silence: u64,
    /// Whether the server has said nothing since.
    unanswered: bool,
}

/// Whether a connection carries anything just now.
#[derive(Clone)]
struct Way<'a> {
    link: watch::Receiver<Link>,
    client_spoke: &'a watch::Sender<Spoke>,
}

impl Way<'_> {
    async fn out(&mut self) {
        let heard = |link: &Link| matches!(link.state, State::Up | State::AnswersOnly);
        // An error says that the proxy is gone; `carry` sees it as well and ends the connection.
        let _ = self.link.wait_for(heard).await;
        let silence = self.link.borrow().silences;
        self.client_spoke.send_replace(Spoke {
            silence,
            unanswered: true,
        });
    }

    async fn back(&mut self) {
        let mut client_spoke = self.client_spoke.subscribe();
        loop {
            let Link { state, silences, .. } = *self.link.borrow_and_update();
            let spoke = *client_spoke.borrow_and_update();
            // What was asked before the silence is answered in it, in full.
            let asked = spoke.silence >= silences || spoke.unanswered;
            if state == State::Up || (state == State::AnswersOnly && asked) {
                self.client_spoke.send_modify(|spoke| {
                    spoke.unanswered = false;
                    if state == State::AnswersOnly {
                        spoke.silence = silences;
                    }
                });
                return;
            }
            tokio::select! {
                changed = self.link.changed() => if changed.is_err() { return },
                // We hold the sender.
                _ = client_spoke.changed() => {}
            }
        }
    }
}
