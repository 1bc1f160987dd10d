//! Takes connections until it is told to stop, then ends after what is under way.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::guard::Guarded;
use super::journal::Journal;
use super::metrics::Metrics;
use super::model::Models;
use super::request::respond;
use super::settings::Settings;
use super::state::State;
use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::registry::Registry;

/// How long a sign to stop may go unnoticed.
const GLANCE: Duration = Duration::from_millis(50);
/// Connections that the system holds until they are taken; the usual 128 are few, and the system's own bound counts as well.
const KNOCKING: u32 = 4096;
/// The head of a request fits into this.
const HEAD_BYTES: usize = 64 << 10;

/// Serves until `watch` says stop; `started` is told the address as soon as requests are taken.
///
/// # Errors
/// `Usage` for settings that may not be, and an address that cannot be had; `Bug` where there are no threads.
pub fn serve(
    settings: Settings,
    models: Models,
    registry: Registry,
    watch: &dyn Watch,
    journal: Journal,
    started: impl FnOnce(SocketAddr),
) -> Result<()> {
    settings.check()?;
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads.worker_threads(settings.threads).max_blocking_threads(settings.threads).enable_all();
    let threads = threads.build().map_err(|error| Code::Bug.error(format!("no threads: {error}")))?;
    let state = Arc::new(State::new(settings, models, journal));
    let over = watch_store(&state, registry);
    let served = threads.block_on(taking(&state, watch, started));
    over.store(true, Ordering::Relaxed);
    threads.shutdown_background();
    served
}

/// Shows metrics of other work, and no models, until `watch` says stop; the rest as [`serve`].
///
/// # Errors
/// As [`serve`].
pub fn show(
    settings: Settings,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    watch: &dyn Watch,
    started: impl FnOnce(SocketAddr),
) -> Result<()> {
    settings.check()?;
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads.worker_threads(1).max_blocking_threads(1).enable_all();
    let threads = threads.build().map_err(|error| Code::Bug.error(format!("no threads: {error}")))?;
    let mut state = State::new(settings, Models::new(), Arc::new(|_| true));
    state.beside = Some(metrics);
    let state = Arc::new(state);
    let shown = threads.block_on(taking(&state, watch, started));
    threads.shutdown_background();
    shown
}

/// Takes requests until `watch` says stop.
async fn taking(state: &Arc<State>, watch: &dyn Watch, started: impl FnOnce(SocketAddr)) -> Result<()> {
    let listener = listen(state.settings.bind).map_err(|error| taken(state, &error))?;
    let address = listener.local_addr().map_err(|error| taken(state, &error))?;
    started(address);
    state.note("info", "started", json!({"address": address.to_string()}));
    accept(state, &listener, watch).await;
    drop(listener);
    drain(state).await;
    Ok(())
}

/// Listens, with room for many that knock at once: where there is none the system lets them knock again after a second, the honest ones too.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The port of a server that has just ended is free again at once; elsewhere it is, and this would mean something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(KNOCKING)
}

fn taken(state: &State, error: &io::Error) -> Diagnostic {
    let message = format!("nothing can listen on `{}`: {error}", state.settings.bind);
    Code::Usage.error(message).help("give another address; port 0 is any that is free")
}

/// Looks at the store now and then, on a thread of its own, since a store may take its time.
fn watch_store(state: &Arc<State>, registry: Registry) -> Arc<AtomicBool> {
    let over = Arc::new(AtomicBool::new(false));
    let (state, ended) = (Arc::clone(state), Arc::clone(&over));
    std::thread::spawn(move || {
        while !ended.load(Ordering::Relaxed) {
            std::thread::sleep(state.settings.poll);
            state.look(&registry);
        }
    });
    over
}

async fn accept(state: &Arc<State>, listener: &TcpListener, watch: &dyn Watch) {
    while !watch.stopped() {
        match timeout(GLANCE, listener.accept()).await {
            Err(_) => {}
            Ok(Ok((stream, _))) => take(state, stream),
            // Out of files, say: those that are open have to close first.
            Ok(Err(_)) => sleep(Duration::from_millis(10)).await,
        }
    }
}

fn take(state: &Arc<State>, stream: TcpStream) {
    Metrics::count(&state.metrics.accepted);
    // Answers are short, and nothing is gained by waiting for more; where it cannot be set, they are later.
    let _ = stream.set_nodelay(true);
    let Some((connection, made_room)) = state.connections.enter() else {
        Metrics::count(&state.metrics.rejected);
        tokio::spawn(turn_away(stream));
        return;
    };
    if made_room {
        Metrics::count(&state.metrics.evicted);
    }
    tokio::spawn(converse(Entered { state: Arc::clone(state), connection }, stream));
}

/// A connection that is counted for as long as this lives.
struct Entered {
    state: Arc<State>,
    connection: Arc<Connection>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.state.connections.leave(&self.connection);
    }
}

/// Answers what comes on a connection until either side has had enough.
async fn converse(entered: Entered, stream: TcpStream) {
    let Entered { state, connection } = &entered;
    let limits = &state.settings.limits;
    let io = Guarded::new(stream, Arc::clone(connection), limits.arrival);
    let service = service_fn(|request| respond(Arc::clone(state), Arc::clone(connection), request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES);
    let mut conversation = pin!(http.serve_connection(io, service));
    let mut woken = pin!(connection.wake.notified());
    let mut draining = false;
    poll_fn(|cx| {
        if !draining && woken.as_mut().poll(cx).is_ready() {
            if connection.is_evicted() {
                return Poll::Ready(());
            }
            conversation.as_mut().graceful_shutdown();
            draining = true;
        }
        // How a conversation ends is the client's affair.
        conversation.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// Tells a client that there is no room.
async fn turn_away(stream: TcpStream) {
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    if timeout(Duration::from_secs(1), stream.writable()).await.is_ok_and(|ready| ready.is_ok()) {
        let _ = stream.try_write(BUSY);
    }
}

/// Waits until all connections have ended, for as long as there is patience.
async fn drain(state: &State) {
    let open = state.connections.count();
    state.note("info", "draining", json!({"connections": open}));
    state.connections.drain();
    let deadline = Instant::now() + state.settings.limits.drain;
    while state.connections.count() > 0 && Instant::now() < deadline {
        sleep(Duration::from_millis(5)).await;
    }
    state.note("info", "stopped", json!({"cut_off": state.connections.count()}));
}
