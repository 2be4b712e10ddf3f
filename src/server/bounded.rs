//! How is a listener kept from costing more than it may? By few connections, small requests and little time for each.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Connections that a listener keeps at once. One more ends the oldest: whoever holds connections open can't keep a probe out.
const CONNECTIONS: usize = 64;
/// How large the head of a request may be.
#[derive(Clone, Copy)]
pub(crate) struct HeadLimits {
    /// Bytes that are read; hyper accepts no less than 8 KiB.
    bytes: usize,
    /// Headers.
    headers: usize,
}
/// What a kubelet or Prometheus sends.
pub(crate) const MACHINES: HeadLimits = HeadLimits {
    bytes: 8 * 1024,
    headers: 32,
};
/// What a browser sends, and what proxies in front of us add.
pub(crate) const BROWSERS: HeadLimits = HeadLimits {
    bytes: 32 * 1024,
    headers: 96,
};
/// How long a connection may last, which serves one request.
#[derive(Clone, Copy)]
struct Times {
    /// Until the client has sent the head of its request.
    head: Duration,
    /// Until it has the answer.
    whole: Duration,
}
const TIMES: Times = Times {
    head: Duration::from_secs(5),
    whole: Duration::from_secs(15),
};
/// How long to wait after the system refused a connection, as when there are no file descriptors left.
const REFUSED: Duration = Duration::from_millis(100);

/// Serves until `stop` resolves, and then what is being answered.
pub(crate) async fn serve(
    head: HeadLimits,
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    serve_within(TIMES, head, listener, router, stop).await;
}

async fn serve_within(
    times: Times,
    head: HeadLimits,
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    tokio::pin!(stop);
    let mut open = Connections::default();
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => open.admit(answer(times, head, stream, router.clone())),
                Err(_) => tokio::time::sleep(REFUSED).await,
            },
        }
    }
    while open.tasks.join_next().await.is_some() {}
}

#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    oldest_first: VecDeque<AbortHandle>,
}

impl Connections {
    fn admit(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.oldest_first.retain(|handle| !handle.is_finished());
        if self.oldest_first.len() >= CONNECTIONS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            oldest.abort();
        }
        self.oldest_first.push_back(self.tasks.spawn(connection));
    }
}

async fn answer(times: Times, head: HeadLimits, stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(times.head)
        .max_buf_size(head.bytes)
        .max_headers(head.headers)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // What went wrong with a connection is the client's affair.
    let _ = tokio::time::timeout(times.whole, connection).await;
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn served(times: Times) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/livez", get(|| async { "ok\n" }));
        let _server = tokio::spawn(serve_within(
            times,
            MACHINES,
            listener,
            router,
            std::future::pending(),
        ));
        address
    }

    async fn asked(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may answer and close before it has read all.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    /// So long that no test ends by it.
    const ENDLESS: Times = Times {
        head: Duration::from_hours(1),
        whole: Duration::from_hours(1),
    };
    /// By when a connection that is to be ended must be.
    const DEADLINE: Duration = Duration::from_secs(30);
    const PROBE: &str = "GET /livez HTTP/1.1\r\nhost: operator\r\n\r\n";

    #[tokio::test]
    async fn a_probe_is_answered_beside_a_thousand_idle_connections_and_the_oldest_are_ended() {
        let address = served(ENDLESS).await;
        let mut idle = Vec::new();
        for _ in 0..1000 {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        let answer = asked(address, PROBE).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let mut nothing = [0; 1];
        let ended = idle.first_mut().unwrap().read(&mut nothing);
        assert_eq!(tokio::time::timeout(DEADLINE, ended).await.unwrap().unwrap(), 0);
    }

    #[tokio::test]
    async fn too_many_and_too_large_headers_are_refused() {
        let address = served(ENDLESS).await;
        let many = "a: b\r\n".repeat(MACHINES.headers + 1);
        let large = format!("a: {}\r\n", "b".repeat(2 * MACHINES.bytes));
        for headers in [many, large] {
            let answer = asked(address, &format!("GET /livez HTTP/1.1\r\n{headers}\r\n")).await;
            assert!(
                answer.starts_with("HTTP/1.1 431") || answer.is_empty(),
                "{answer}"
            );
        }
    }

    #[tokio::test]
    async fn a_client_that_sends_half_a_request_is_hung_up_on() {
        let head = Duration::from_millis(1);
        let address = served(Times { head, ..ENDLESS }).await;
        let half = asked(address, "GET /livez HTTP/1.1\r\n");
        let answer = tokio::time::timeout(DEADLINE, half).await.unwrap();
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
