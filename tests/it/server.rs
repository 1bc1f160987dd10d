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
    options: Vec<String>,
}

impl Server {
    /// Starts a server without persistence.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with more options, such as `["--requirepass", "secret"]`; `["--user", "ann on"]` are three.
    pub fn with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options: Vec<String> =
            options.iter().flat_map(|option| option.split(' ')).map(str::to_owned).collect();
        // Another process may take the port between our look and the server's start: then the next one.
        for _ in 0..10 {
            let port = free_port();
            if let Some(child) = started(port, folder.path(), &options) {
                return Self { child, port, folder, options };
            }
        }
        panic!("redis-server does not stay up: see its options");
    }

    /// Ends the server as a crash would, and starts it again on its port, with what its disk has.
    pub fn restart(&mut self) {
        self.kill();
        self.child = started(self.port, self.folder.path(), &self.options).expect("the server comes back");
        let loads = |connection: &mut redis::Connection| {
            let info: redis::RedisResult<String> = redis::cmd("INFO").arg("persistence").query(connection);
            info.is_ok_and(|info| info.contains("loading:1"))
        };
        while loads(&mut self.raw()) {
            std::thread::sleep(Duration::from_millis(10));
        }
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

/// Starts a server on a port, in a folder; none if it does not stay up.
fn started(port: u16, folder: &Path, options: &[String]) -> Option<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "keeper", "--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.args(["--loglevel", "warning", "--enable-debug-command", "yes", "--unixsocket", SOCKET, "--dir"]);
    command.arg(folder).args(options).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("a shell");
    answers(&mut child, port, &folder.join(SOCKET)).then_some(child)
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
