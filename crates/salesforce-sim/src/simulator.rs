//! How does a test or program run a simulated Salesforce?

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::log::LogEntry;
use crate::server::{Service, listen};
use crate::shared::Shared;
use crate::start_error::StartError;
use crate::world::World;
use crate::{Endpoint, FaultRule, tls};

/// Where a simulator listens; port 0 lets the system choose.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// HTTP, and forward proxy (`CONNECT`) whose every tunnel ends at this Salesforce.
    pub http: SocketAddr,
    pub https: SocketAddr,
    /// Control API; none when absent.
    pub control: Option<SocketAddr>,
}

impl Default for Addresses {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            http: any,
            https: any,
            control: None,
        }
    }
}

/// A condition did not come true in time.
#[derive(Debug, thiserror::Error)]
#[error("{what} did not happen within {waited:?}; the last requests were {last:#?}")]
pub struct WaitError {
    pub what: String,
    pub waited: Duration,
    pub last: Vec<LogEntry>,
}

/// A running simulated Salesforce, on a thread of its own; it stops when dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    http: SocketAddr,
    https: SocketAddr,
    control: Option<SocketAddr>,
    ca_pem: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator")
            .field("http", &self.http)
            .field("https", &self.https)
            .finish_non_exhaustive()
    }
}

impl Simulator {
    /// Starts on free ports of 127.0.0.1.
    pub fn start(world: World) -> Result<Self, StartError> {
        Self::start_on(world, Addresses::default())
    }

    pub fn start_on(world: World, addresses: Addresses) -> Result<Self, StartError> {
        let tls = tls::make()?;
        let acceptor = TlsAcceptor::from(tls.config);
        let (plain, http) = bind(addresses.http)?;
        let (secure, https) = bind(addresses.https)?;
        let control = addresses.control.map(bind).transpose()?;
        let control_address = control.as_ref().map(|(_, address)| *address);
        let shared = Arc::new(Shared::new(world));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let mut listeners = vec![
            (plain, Service::Http(acceptor.clone())),
            (secure, Service::Https(acceptor)),
        ];
        listeners.extend(control.map(|(listener, _)| (listener, Service::Control)));
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("salesforce-sim".to_owned())
            .spawn(move || {
                runtime.block_on(run(listeners, for_thread, stopped));
                runtime.shutdown_background();
            })?;
        Ok(Self {
            shared,
            http,
            https,
            control: control_address,
            ca_pem: tls.ca_pem,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where HTTP is served; also a forward proxy.
    pub fn http_addr(&self) -> SocketAddr {
        self.http
    }

    pub fn https_addr(&self) -> SocketAddr {
        self.https
    }

    pub fn control_addr(&self) -> Option<SocketAddr> {
        self.control
    }

    /// `http://127.0.0.1:PORT`; reaches the world's first org.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// `https://localhost:PORT`; reaches the world's first org.
    pub fn https_url(&self) -> String {
        format!("https://localhost:{}", self.https.port())
    }

    /// The certificate authority to trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Looks at or changes the world. Requests wait meanwhile.
    pub fn world<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        f(&mut self.shared.lock())
    }

    pub fn advance(&self, by: Duration) {
        self.world(|world| world.advance(by));
    }

    pub fn fault(&self, rule: FaultRule) {
        self.world(|world| world.add_fault(rule));
    }

    pub fn clear_faults(&self) {
        self.world(World::clear_faults);
    }

    pub fn log(&self) -> Vec<LogEntry> {
        self.world(|world| world.log().to_vec())
    }

    /// How many requests an endpoint has seen.
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.world(|world| world.count(endpoint))
    }

    /// Waits until something is so; looks again at every arrival and ending of a request.
    pub async fn wait_until(
        &self,
        what: &str,
        within: Duration,
        so: impl Fn(&World) -> bool,
    ) -> Result<(), WaitError> {
        let mut changed = self.shared.changed.subscribe();
        let wait = async {
            while !so(&self.shared.lock()) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(within, wait).await.map_err(|_| {
            let last = self.world(|world| world.log().iter().rev().take(5).cloned().collect());
            WaitError {
                what: what.to_owned(),
                waited: within,
                last,
            }
        })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed already; there is nobody to tell.
            let _ = thread.join();
        }
    }
}

fn bind(address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), StartError> {
    let listen = |address: SocketAddr| {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    listen(address).map_err(|source| StartError::Listen { address, source })
}

async fn run(
    listeners: Vec<(std::net::TcpListener, Service)>,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) {
    for (listener, service) in listeners {
        match TcpListener::from_std(listener) {
            Ok(listener) => drop(tokio::spawn(listen(listener, Arc::clone(&shared), service))),
            Err(error) => tracing::error!(%error, "Failed to take over a listener"),
        }
    }
    // Ends when the simulator is dropped.
    let _ = stopped.await;
}
