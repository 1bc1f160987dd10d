//! A way to a Redis server that does wrong what a test asks for.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a request.
pub enum Fate {
    /// It goes to the server.
    Pass,
    /// The server never sees it, and this is the answer to each of its commands.
    Answer(&'static [u8]),
    /// The connection is closed without an answer.
    Close,
    /// Nothing ever comes back.
    Silence,
    /// It goes to the server, and the connection is closed before the answer.
    Deaf,
}

/// Listens on a free port until the test ends, and asks `fate` about each piece that a client sends, with the number
/// of its connection (from 0).
pub fn proxy(server: u16, fate: impl Fn(usize, &[u8]) -> Fate + Send + Sync + 'static) -> u16 {
    let fate = Arc::new(fate);
    listen(move |number, client| {
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
        let (mut back, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        // Ends when either side closes.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Both);
        });
        serve(number, client, server, &*fate);
    })
}

fn serve(number: usize, mut client: TcpStream, mut server: TcpStream, fate: &dyn Fn(usize, &[u8]) -> Fate) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = client.read(&mut buffer) {
        let sent = match fate(number, &buffer[..n]) {
            Fate::Pass => server.write_all(&buffer[..n]),
            Fate::Answer(bytes) => {
                let scripts = buffer[..n].windows(10).filter(|w| w == b"$4\r\nEVAL\r\n").count();
                client.write_all(&bytes.repeat(scripts.max(1)))
            }
            Fate::Close => break,
            Fate::Silence => Ok(()),
            Fate::Deaf => {
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.write_all(&buffer[..n]);
                // The server is to have it before its connection ends.
                std::thread::sleep(Duration::from_millis(50));
                break;
            }
        };
        if sent.is_err() {
            break;
        }
    }
    for stream in [client, server] {
        // The other side may have closed it already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Calls `answer` with the number of each connection and the connection, on a thread of its own, until the test ends.
pub fn listen(answer: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().flatten().enumerate() {
            let answer = answer.clone();
            std::thread::spawn(move || answer(number, client));
        }
    });
    port
}

/// Whether these bytes are in a piece of a request.
pub fn holds(request: &[u8], word: &str) -> bool {
    request.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Each connection is cut after so many bytes from the client (`up`) or to it.
pub fn cutting(server: u16, up: usize, down: usize) -> u16 {
    listen(move |_, client| {
        let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let upward = std::thread::spawn(move || forward(&from, &to, up));
        forward(&server, &client, down);
        // Both directions end together.
        let _ = upward.join();
    })
}

fn forward(mut from: &TcpStream, mut to: &TcpStream, mut left: usize) {
    let mut buffer = [0; 65_536];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let n = n.min(left);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
        left -= n;
        if left == 0 {
            break;
        }
    }
    for stream in [from, to] {
        // The other direction may have closed it already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}
