//! Several real servers for tests: with TLS, a cluster, a primary with a replica and a sentinel.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Connection, Value, cmd};

use crate::server::{Server, free_port};

/// An authority, and a server's and a client's certificate signed by it.
pub struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    /// Makes them; the server's is for `localhost` and 127.0.0.1.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Self { folder };
        let name = ["-subj", "/CN=pipefit test"];
        certificates.openssl(
            &[&["req", "-x509", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"], &KEY[..], &name]
                .concat(),
        );
        std::fs::write(
            certificates.path("server.ext"),
            "subjectAltName = DNS:localhost, IP:127.0.0.1\nbasicConstraints = CA:FALSE\n",
        )
        .unwrap();
        std::fs::write(certificates.path("client.ext"), "basicConstraints = CA:FALSE\n").unwrap();
        for who in ["server", "client"] {
            let [key, request, signed, extension] =
                ["key", "csr", "pem", "ext"].map(|ending| format!("{who}.{ending}"));
            certificates.openssl(&[&["req", "-keyout", &key, "-out", &request], &KEY[..], &name].concat());
            certificates.openssl(&[
                "x509",
                "-req",
                "-days",
                "2",
                "-in",
                &request,
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-extfile",
                &extension,
                "-out",
                &signed,
            ]);
        }
        certificates
    }

    /// One of the files: `ca.pem`, `server.pem`, `server.key`, `client.pem`, `client.key`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let done = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Starts a server that takes TLS on another port; the port. `clients`: whether it wants a certificate of them.
    pub fn server(&self, clients: &str, more: &[&str]) -> (Server, u16) {
        let port = free_port();
        let options = self.options(port, clients).map(|(name, value)| format!("--{name} {value}"));
        let options: Vec<&str> = options.iter().map(String::as_str).chain(more.iter().copied()).collect();
        (Server::with(&options), port)
    }

    /// What a server has to be told for TLS on a port.
    fn options(&self, port: u16, clients: &str) -> [(&'static str, String); 5] {
        let path = |name: &str| self.path(name).to_str().unwrap().to_owned();
        [
            ("tls-port", port.to_string()),
            ("tls-auth-clients", clients.to_owned()),
            ("tls-cert-file", path("server.pem")),
            ("tls-key-file", path("server.key")),
            ("tls-ca-cert-file", path("ca.pem")),
        ]
    }
}

/// An elliptic key: fast to make.
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// A cluster of three primaries.
pub struct Cluster {
    /// Its servers; the first third of the slots is with the first.
    pub servers: Vec<Server>,
}

impl Cluster {
    /// Starts it, and waits until it is complete.
    pub fn start() -> Self {
        Self::of(Server::with)
    }

    /// Starts one whose servers speak TLS, also with each other; the port for TLS of one of them.
    pub fn with_tls(certificates: &Certificates) -> (Self, u16) {
        let ports = std::cell::RefCell::new(Vec::new());
        let cluster = Self::of(|options| {
            let (server, port) = certificates.server("no", &[options, &["--tls-cluster yes"]].concat());
            ports.borrow_mut().push(port);
            server
        });
        (cluster, ports.into_inner()[1])
    }

    fn of(server: impl Fn(&[&str]) -> Server) -> Self {
        let started = || {
            let bus =
                format!("--cluster-enabled yes --cluster-node-timeout 2000 --cluster-port {}", free_port());
            (server(&[&bus]), bus.rsplit_once(' ').unwrap().1.to_owned())
        };
        let nodes: Vec<(Server, String)> = (0..3).map(|_| started()).collect();
        for (i, (server, _)) in nodes.iter().enumerate() {
            let (first, last) = ([0, 5461, 10923][i], [5460, 10922, 16383][i]);
            cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(first).arg(last).exec(&mut server.raw()).unwrap();
            for (other, bus) in &nodes {
                let mut meet = cmd("CLUSTER");
                meet.arg("MEET").arg("127.0.0.1").arg(other.port()).arg(bus).exec(&mut server.raw()).unwrap();
            }
        }
        let cluster = Self { servers: nodes.into_iter().map(|(server, _)| server).collect() };
        cluster.wait_until("all see three servers and all slots", |raw| {
            let info: String = cmd("CLUSTER").arg("INFO").query(raw).unwrap();
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        });
        cluster
    }

    /// Starts a replica of one of its servers, and waits until all know it.
    pub fn replica_of(&self, server: usize) -> Server {
        let bus = free_port();
        let options = format!(
            "--cluster-enabled yes --cluster-node-timeout 2000 --cluster-port {bus} --repl-diskless-sync-delay 0"
        );
        let replica = Server::with(&[&options]);
        let mut meet = cmd("CLUSTER");
        meet.arg("MEET")
            .arg("127.0.0.1")
            .arg(replica.port())
            .arg(bus)
            .exec(&mut self.servers[server].raw())
            .unwrap();
        let id = self.id(server);
        wait_until("it takes its primary", || {
            cmd("CLUSTER").arg("REPLICATE").arg(&id).exec(&mut replica.raw()).is_ok()
        });
        self.wait_until("all know the replica", |raw| {
            let nodes: String = cmd("CLUSTER").arg("NODES").query(raw).unwrap();
            nodes
                .lines()
                .any(|line| line.contains("slave") && line.contains(&id) && line.contains("connected"))
        });
        replica
    }

    /// Its store URL, by one of its servers.
    pub fn url(&self, rest: &str) -> String {
        format!("redis+cluster://127.0.0.1:{}{rest}", self.servers[1].port())
    }

    /// Waits until every server agrees.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&mut Connection) -> bool) {
        for server in &self.servers {
            wait_until(what, || holds(&mut server.raw()));
        }
    }

    /// The server of a key, as it is now.
    pub fn owner(&self, key: &str) -> usize {
        let slot: u16 = cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut self.servers[0].raw()).unwrap();
        let has = |server: &Server| {
            let answer: Value =
                cmd("CLUSTER").arg("COUNTKEYSINSLOT").arg(slot).query(&mut server.raw()).unwrap();
            answer != Value::Int(0)
        };
        self.servers.iter().position(has).unwrap_or(usize::from(slot) * 3 / 16384)
    }

    /// Asks the server of a key.
    pub fn at(&self, key: &str) -> Connection {
        self.servers[usize::from(slot_of(&self.servers[0], key)) * 3 / 16384].raw()
    }

    /// The name of a server within the cluster.
    pub fn id(&self, server: usize) -> String {
        cmd("CLUSTER").arg("MYID").query(&mut self.servers[server].raw()).unwrap()
    }
}

/// The slot of a key, as the server says.
pub fn slot_of(server: &Server, key: &str) -> u16 {
    cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut server.raw()).unwrap()
}

/// Waits until something holds.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A sentinel that watches a primary under the name `main`.
pub struct Sentinel {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sentinel {
    /// Starts it; one vote is enough for it to choose another primary.
    pub fn start(primary: u16) -> Self {
        Self::told(primary, "")
    }

    /// Starts one that takes TLS on another port, and reaches a primary at its port for TLS; the port.
    pub fn with_tls(primary: u16, certificates: &Certificates) -> (Self, u16) {
        let port = free_port();
        let options = certificates.options(port, "no").map(|(name, value)| format!("{name} {value}\n"));
        (Self::told(primary, &format!("{}tls-replication yes\n", options.concat())), port)
    }

    fn told(primary: u16, more: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {primary} 1\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n{more}"
        );
        std::fs::write(&file, text).unwrap();
        let child = started(&file);
        let sentinel = Self { child, port, _folder: folder };
        wait_until("the sentinel answers", || sentinel.raw().is_some());
        sentinel
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection to it.
    pub fn raw(&self) -> Option<Connection> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        client.get_connection().ok()
    }

    /// The port of the primary that it knows.
    pub fn primary(&self) -> u16 {
        let mut ask = cmd("SENTINEL");
        let (_, port): (String, u16) =
            ask.arg("GET-MASTER-ADDR-BY-NAME").arg("main").query(&mut self.raw().unwrap()).unwrap();
        port
    }
}

/// As `server.rs` keeps servers: it ends when its stdin does.
fn started(file: &Path) -> Child {
    let keeper = "exec 3<&0\nredis-server \"$1\" --sentinel 3<&- >/dev/null & server=$!\n\
                  { read -r _ <&3; kill -9 $server; } 2>/dev/null & watcher=$!\n\
                  { wait $server; kill $watcher; } 2>/dev/null";
    let mut command = Command::new("sh");
    command.args(["-c", keeper, "keeper"]).arg(file).stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().unwrap()
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
