//! A server for one page, in one thread: any number of clients may be slow, silent or hostile, and the next one is
//! answered all the same.
//!
//! It waits for all connections at once. Each has a deadline and a bounded request; where there are too many, the
//! oldest goes, since whoever wants an answer has sent a request by then.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::text::CONTENT_TYPE;

/// Connections at a time.
const CONNECTIONS_MAX: usize = 128;

/// Bytes of a request, and headers in it.
const REQUEST_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 64;

/// From the connection to its end.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long nobody is let in where there are no descriptors for it.
const PAUSE: Duration = Duration::from_millis(200);

struct Connection {
    stream: TcpStream,
    deadline: Instant,
    request: Vec<u8>,
    /// The answer, and how much of it is sent.
    answer: Option<(Vec<u8>, usize)>,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    /// It is not complete.
    Partial,
    Metrics,
    Index,
    /// The same without their bodies.
    Head,
    Refused(&'static str),
}

/// Answers with what `page` returns, until the other end of `end` is closed.
///
/// # Errors
/// If it cannot be waited for connections.
pub fn serve(listener: &TcpListener, end: &UnixStream, page: impl Fn() -> String) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut connections: Vec<Connection> = Vec::new();
    let mut closed_until: Option<Instant> = None;
    loop {
        let now = Instant::now();
        connections.retain(|connection| connection.deadline > now);
        closed_until = closed_until.filter(|until| *until > now);
        let next = connections.iter().map(|connection| connection.deadline).chain(closed_until).min();
        let ready = wait(listener, end, &connections, closed_until.is_none(), next)?;
        let [ended, arrived, ready @ ..] = &ready[..] else { return Ok(()) };
        if *ended {
            return Ok(());
        }
        let mut ready = ready.iter();
        connections.retain_mut(|connection| !ready.next().is_some_and(|ready| *ready) || connection.proceed(&page));
        if *arrived && !accept(listener, &mut connections) {
            closed_until = Some(Instant::now() + PAUSE);
        }
    }
}

/// Waits until something can be done; returns for what: the end, somebody new, each connection.
fn wait(
    listener: &TcpListener,
    end: &UnixStream,
    connections: &[Connection],
    open: bool,
    until: Option<Instant>,
) -> io::Result<Vec<bool>> {
    let arrivals = if open { PollFlags::IN } else { PollFlags::empty() };
    let mut fds = vec![PollFd::new(end, PollFlags::IN), PollFd::new(listener, arrivals)];
    fds.extend(connections.iter().map(|connection| {
        let events = if connection.answer.is_some() { PollFlags::OUT } else { PollFlags::IN };
        PollFd::new(&connection.stream, events)
    }));
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    let left = left.and_then(|left| Timespec::try_from(left).ok());
    match poll(&mut fds, left.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(why) => return Err(why.into()),
    }
    Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect())
}

/// Lets in who waits. False if there are no descriptors for them.
fn accept(listener: &TcpListener, connections: &mut Vec<Connection>) -> bool {
    for _ in 0..CONNECTIONS_MAX / 2 {
        match listener.accept() {
            Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                if connections.len() == CONNECTIONS_MAX {
                    connections.remove(0);
                }
                let deadline = Instant::now() + TIMEOUT;
                connections.push(Connection { stream, deadline, request: Vec::new(), answer: None });
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock => return true,
            // It is gone again.
            Ok(_) => {}
            Err(why) if matches!(why.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
            Err(_) => return false,
        }
    }
    true
}

impl Connection {
    /// Reads or writes what can be; false when it is over.
    fn proceed(&mut self, page: &impl Fn() -> String) -> bool {
        let done = if self.answer.is_none() { self.read(page) } else { self.write() };
        match done {
            Ok(goes_on) => goes_on,
            Err(why) => matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    fn read(&mut self, page: &impl Fn() -> String) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let len = self.stream.read(&mut buffer)?;
        if len == 0 {
            return Ok(false);
        }
        self.request.extend_from_slice(&buffer[..len]);
        let answer = match parse(&self.request) {
            Request::Partial => return Ok(true),
            Request::Metrics => respond("200 OK", CONTENT_TYPE, &page()),
            Request::Index => respond("200 OK", PLAIN, "opentop: the counters are at /metrics\n"),
            Request::Head => respond("200 OK", CONTENT_TYPE, ""),
            Request::Refused(status) => respond(status, PLAIN, &format!("{status}\n")),
        };
        self.answer = Some((answer, 0));
        self.write()
    }

    /// False when all is written.
    fn write(&mut self) -> io::Result<bool> {
        let Some((answer, sent)) = &mut self.answer else { return Ok(false) };
        while *sent < answer.len() {
            *sent += self.stream.write(&answer[*sent..])?;
        }
        Ok(false)
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn respond(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let len = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\
         {allow}X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn parse(bytes: &[u8]) -> Request {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() <= REQUEST_MAX => return Request::Partial,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Request::Refused("431 Request Header Fields Too Large");
        }
        Err(_) => return Request::Refused("400 Bad Request"),
    }
    let path = request.path.unwrap_or_default().split('?').next().unwrap_or_default();
    match (request.method, path) {
        (Some("GET"), "/metrics") => Request::Metrics,
        (Some("GET"), "/") => Request::Index,
        (Some("HEAD"), "/metrics" | "/") => Request::Head,
        (Some("GET" | "HEAD"), _) => Request::Refused("404 Not Found"),
        _ => Request::Refused("405 Method Not Allowed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn requests() {
        let many = "a: b\r\n".repeat(HEADERS_MAX + 1);
        let long = format!("GET /{} ", "x".repeat(REQUEST_MAX));
        for (text, request) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Request::Metrics),
            ("GET /metrics?a=b HTTP/1.0\r\n\r\n", Request::Metrics),
            ("GET / HTTP/1.1\r\n\r\n", Request::Index),
            ("HEAD /metrics HTTP/1.1\r\n\r\n", Request::Head),
            ("GET /metrics HTTP/1.1\r\n", Request::Partial),
            ("", Request::Partial),
            ("POST /metrics HTTP/1.1\r\n\r\n", Request::Refused("405 Method Not Allowed")),
            ("GET /etc/passwd HTTP/1.1\r\n\r\n", Request::Refused("404 Not Found")),
            ("\x16\x03\x01\x02", Request::Refused("400 Bad Request")),
            (&long, Request::Refused("431 Request Header Fields Too Large")),
            (&format!("GET / HTTP/1.1\r\n{many}\r\n"), Request::Refused("431 Request Header Fields Too Large")),
        ] {
            assert_eq!(parse(text.as_bytes()), request, "{text:.60}");
        }
    }

    #[test]
    fn a_scrape_is_answered_whatever_others_do() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (end, other) = UnixStream::pair().unwrap();
        thread::scope(|scope| {
            let server = scope.spawn(move || serve(&listener, &other, || "page\n".repeat(100_000)));
            let scrape = || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
                stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).unwrap();
                assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("page\n"), "{text:.200}");
                assert_eq!(text.split_once("\r\n\r\n").unwrap().1.len(), 500_000);
            };
            scrape();
            // Slow ones, one that closes in the middle, garbage, one that takes nothing of its answer.
            let slow: Vec<_> = (0..200)
                .map(|_| {
                    let mut stream = TcpStream::connect(address).unwrap();
                    // The oldest may be gone already.
                    let _ = stream.write_all(b"GET /metr");
                    stream
                })
                .collect();
            scrape();
            for sent in ["GET /metrics HTTP/1.1\r\nA: ", "\x00\x01\x02\r\n\r\n", "GET /metrics HTTP/1.1\r\n\r\n"] {
                let _ = TcpStream::connect(address).unwrap().write_all(sent.as_bytes());
            }
            scrape();
            drop(slow);
            scrape();
            drop(end);
            server.join().unwrap().unwrap();
        });
    }
}
