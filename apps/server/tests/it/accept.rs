//! Connections within limits.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use server::{Limits, Listener, Server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A server with these limits and this router, its address, and what ends it.
async fn serve(limits: Limits, router: Router) -> (Server, SocketAddr, CancellationToken) {
    let drain = CancellationToken::new();
    let server = Server::new(limits, drain.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let accepting = server.clone();
    let task = async move { accepting.accept(Listener::Tcp(listener, None), router).await };
    tests_task(task);
    (server, address, drain)
}

#[expect(clippy::disallowed_methods, reason = "a test is its own composition root")]
fn tests_task(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

/// Everything until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset ends the connection as well as a close does.
    drop(timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await.expect("it is closed"));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let limits = Limits { head: Duration::from_millis(200), ..Limits::default() };
    let (_server, address, _drain) = serve(limits, hello()).await;
    for begun in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).await.expect("it accepts");
        stream.write_all(begun.as_bytes()).await.expect("it takes bytes");
        let said = rest(&mut stream).await;
        // The last one is a whole request: it is answered, and then the idle connection is closed.
        assert_eq!(said.contains("200 OK"), begun.ends_with("\r\n\r\n"), "{begun:?}: {said}");
    }
}

#[tokio::test]
async fn a_head_has_a_largest_size_and_number_of_fields() {
    let limits = Limits { head_bytes: 16 << 10, head_fields: 16, ..Limits::default() };
    let (_server, address, _drain) = serve(limits, hello()).await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(64 << 10));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(32));
    for head in [long, many] {
        let mut stream = TcpStream::connect(address).await.expect("it accepts");
        // It may close before it has read everything.
        drop(stream.write_all(head.as_bytes()).await);
        let said = rest(&mut stream).await;
        assert!(!said.contains("200 OK"), "{said}");
    }
}

#[tokio::test]
async fn connections_have_a_largest_number_and_the_next_waits() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let (_server, address, _drain) = serve(limits, hello()).await;
    let mut first = TcpStream::connect(address).await.expect("it accepts");
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it takes bytes");
    let mut begin = [0; 12];
    first.read_exact(&mut begin).await.expect("an answer");
    assert_eq!(&begin, b"HTTP/1.1 200");
    let mut second = TcpStream::connect(address).await.expect("the kernel queues it");
    second
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .expect("the kernel takes bytes");
    let early = timeout(Duration::from_millis(200), second.read_exact(&mut begin)).await;
    assert!(early.is_err(), "the only place is taken");
    drop(first);
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_left_behind() {
    let limits = Limits { stall: Duration::from_millis(200), ..Limits::default() };
    let ended = Arc::new(Notify::new());
    let gone = Arc::clone(&ended);
    let router = Router::new().route(
        "/",
        get(move || async move {
            let piece = bytes::Bytes::from(vec![b'x'; 1 << 20]);
            let watch = EndOf(gone);
            Body::from_stream(futures::stream::repeat_with(move || {
                let _kept = &watch;
                Ok::<_, std::io::Error>(piece.clone())
            }))
        }),
    );
    let (_server, address, _drain) = serve(limits, router).await;
    let mut stream = TcpStream::connect(address).await.expect("it accepts");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it takes bytes");
    timeout(Duration::from_secs(10), ended.notified()).await.expect("the reply is given up");
}

struct EndOf(Arc<Notify>);

impl Drop for EndOf {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_drain_finishes_what_was_begun_and_accepts_no_more() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at, on) = (Arc::clone(&begun), Arc::clone(&go));
    let router = Router::new().route(
        "/",
        get(move || async move {
            at.notify_one();
            on.notified().await;
            "done"
        }),
    );
    let (server, address, drain) = serve(Limits::default(), router).await;
    let mut idle = TcpStream::connect(address).await.expect("it accepts");
    let mut busy = TcpStream::connect(address).await.expect("it accepts");
    busy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it takes bytes");
    begun.notified().await;
    drain.cancel();
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed");
    let drained = timeout(Duration::from_millis(100), server.drained()).await;
    assert!(drained.is_err(), "a request is still in work");
    go.notify_one();
    let said = rest(&mut busy).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("done"), "{said}");
    timeout(Duration::from_secs(10), server.drained()).await.expect("drained");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn tls_is_1_3_with_the_hybrid_group_first() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = server::tls::config(chain.as_bytes(), key.as_bytes()).expect("they go together");
    let drain = CancellationToken::new();
    let server = Server::new(Limits::default(), drain.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let accepting = server.clone();
    tests_task(async move { accepting.accept(Listener::Tcp(listener, Some(tls)), hello()).await });

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let connect = |version: &'static rustls::SupportedProtocolVersion| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("versions")
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let name = rustls_pki_types::ServerName::try_from("localhost").expect("a name");
        async move {
            let tcp = TcpStream::connect(address).await.expect("it accepts");
            tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await
        }
    };
    let stream = connect(&rustls::version::TLS13).await.expect("TLS 1.3 is spoken");
    let group = stream.get_ref().1.negotiated_key_exchange_group().expect("a group").name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    drop(stream);
    assert!(connect(&rustls::version::TLS12).await.is_err(), "TLS 1.2 is not");

    // Our own client, over the same listener.
    let trust = api::client::Trust::Pem(chain.into_bytes());
    let address = format!("https://localhost:{}", address.port());
    let transport = api::client::Transport::server(&address, &trust).expect("an address");
    let asked = api::Client::new(transport).call::<api::node::Diagnose>(&api::operation::Nothing {}).await;
    assert!(matches!(asked, Err(api::client::Error::Refused(_))), "{asked:?}");
    drain.cancel();
}
