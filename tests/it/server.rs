//! A real Redis server for tests: on a free port, in a folder of its own, gone when dropped, and gone too when the
//! tests are killed.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The socket file that it listens on too.
const SOCKET: &str = "redis.sock";

/// Starts a server and ends it as soon as stdin closes, which the kernel does for a process that was killed. When the
/// server ends by itself, so does the shell.
const KEEPER: &str = "exec 3<&0
redis-server \"$@\" 3<&- & server=$!
{ read -r _ <&3; kill -9 $server; } 2>/dev/null & watcher=$!
{ wait $server; kill $watcher; } 2>/dev/null";

/// A running server.
pub struct Server {
    /// The shell that keeps it.
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server without persistence.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with more options, such as `["--requirepass", "secret"]`; `["--user", "ann on"]` are three.
    pub fn with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Another process may take the port between our look and the server's start: then the next one.
        for _ in 0..10 {
            let port = free_port();
            let child = Command::new("sh")
                .args(["-c", KEEPER, "keeper"])
                .args([
                    "--port",
                    &port.to_string(),
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--loglevel",
                    "warning",
                ])
                .args(["--enable-debug-command", "yes", "--unixsocket", SOCKET, "--dir"])
                .arg(folder.path())
                .args(options.iter().flat_map(|option| option.split(' ')))
                .current_dir(folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn();
            let mut child = child.expect("a shell");
            if answers(&mut child, port, &folder.path().join(SOCKET)) {
                return Self { child, port, folder };
            }
        }
        panic!("redis-server does not stay up: see its options");
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its socket file.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(SOCKET)
    }

    /// Its store URL, with what follows the port.
    pub fn url(&self, rest: &str) -> String {
        format!("redis://127.0.0.1:{}{rest}", self.port)
    }

    /// A connection past the code under test.
    pub fn raw(&self) -> redis::Connection {
        let client = redis::Client::open(self.url("/0")).expect("a URL");
        client.get_connection().expect("a connection")
    }

    /// Ends the server as a crash would.
    pub fn kill(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Waits until the server takes connections on both ways; false if it has ended.
fn answers(child: &mut Child, port: u16, socket: &Path) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if child.try_wait().expect("a child's state").is_some() {
            return false;
        }
        // A socket's file is there a moment before the server listens on it.
        let ready = UnixStream::connect(socket).is_ok();
        if ready && TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    end(child);
    false
}

/// Has the keeper end its server, and waits until both are gone. They may have ended by themselves.
fn end(child: &mut Child) {
    drop(child.stdin.take());
    let _ = child.wait();
}
