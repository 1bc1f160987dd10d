//! TLS over a connection to a server.

use ::rustls::crypto::ring;
use ::rustls::pki_types::pem::PemObject;
use ::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use ::rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The files of TLS, each in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates that the server's has to be signed with; those that the system trusts where it is `None`.
    pub cacert: Option<PathBuf>,
    /// Our own certificate, for servers that ask for one.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

/// Where systems keep the certificates that they trust.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

impl Tls {
    /// What a connection is begun with.
    ///
    /// # Errors
    /// What cannot be read, in words.
    pub(super) fn settings(&self) -> Result<Arc<ClientConfig>, String> {
        let roots = match &self.cacert {
            Some(file) => roots(file)?,
            None => roots(&bundle().ok_or("the system has no certificates that it trusts")?)?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let settings = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let private = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| format!("no private key in `{}`: {error}", key.display()))?;
                builder
                    .with_client_auth_cert(certificates(cert)?, private)
                    .map_err(|error| format!("the certificate in `{}`: {error}", cert.display()))?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Arc::new(settings))
    }
}

fn bundle() -> Option<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()).map(PathBuf::from);
    named.or_else(|| BUNDLES.iter().map(PathBuf::from).find(|file| file.is_file()))
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // A system's bundle may hold some of a form that is not understood; the others count all the same.
    let (added, _) = roots.add_parsable_certificates(certificates(file)?);
    if added == 0 { Err(format!("no certificate in `{}` can be used", file.display())) } else { Ok(roots) }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(format!("no certificate in `{}`", file.display())),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("the certificates in `{}` cannot be read: {error}", file.display())),
    }
}

/// An encrypted connection. Each reading goes to the socket once at most, so that whoever reads sees time go by.
pub(super) struct TlsStream {
    socket: TcpStream,
    tls: ClientConnection,
}

impl TlsStream {
    /// Makes keys with the server, which has to prove that it is `host`, until a moment.
    pub fn shake(
        socket: TcpStream,
        settings: &Arc<ClientConfig>,
        host: &str,
        until: Instant,
    ) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(invalid)?;
        let tls = ClientConnection::new(settings.clone(), name).map_err(invalid)?;
        let mut stream = Self { socket, tls };
        while stream.tls.is_handshaking() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            stream.timeouts(left)?;
            match stream.step() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => done?,
            }
        }
        Ok(stream)
    }

    /// The time-out of one reading from the socket, and of one writing.
    pub fn timeouts(&self, timeout: Duration) -> io::Result<()> {
        self.socket
            .set_read_timeout(Some(timeout))
            .and_then(|()| self.socket.set_write_timeout(Some(timeout)))
    }

    /// Sends what is to be sent, or takes what has come, once.
    fn step(&mut self) -> io::Result<()> {
        if self.tls.wants_write() {
            return self.tls.write_tls(&mut self.socket).map(drop);
        }
        if self.tls.read_tls(&mut self.socket)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let understood = self.tls.process_new_packets();
        if let Err(error) = understood {
            // The server is told why, if it still listens.
            let _ = self.tls.write_tls(&mut self.socket);
            return Err(invalid(error));
        }
        Ok(())
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

impl Read for TlsStream {
    /// [`Interrupted`](ErrorKind::Interrupted) where bytes have come and no text yet.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.tls.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read,
        }
        self.step()?;
        self.tls.reader().read(buffer).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => ErrorKind::Interrupted.into(),
            _ => error,
        })
    }
}

impl Write for TlsStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let taken = self.tls.writer().write(buffer)?;
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                // What was taken must not be given once more.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => drop(written?),
            }
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
