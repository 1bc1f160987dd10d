//! A real Redis server for tests: on a free port, in a folder of its own, gone when dropped.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The socket file that it listens on too.
const SOCKET: &str = "redis.sock";

/// A running server.
pub struct Server {
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
            let child = Command::new("redis-server")
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
                .stdout(Stdio::null())
                .spawn();
            let mut child = child.expect("redis-server does not start: is it installed?");
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
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
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
    let _ = child.kill();
    let _ = child.wait();
    false
}
