//! The client against witnesses that answer well, badly, too much, too late and not at all.
#![forbid(unsafe_code)]

use audit::witness::{Unanswered, Witness as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use verify::witness::{Refusal, Request};
use witness::{HttpWitness, Trust};

/// What a witness does with a request.
#[derive(Clone, Copy)]
enum Answers {
    With(&'static str),
    /// A body without an end.
    Forever,
    Never,
    HangsUp,
}

/// A witness on a port of its own; it lives as long as the set of its tasks.
struct Other {
    url: String,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Other {
    async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/w/", listener.local_addr().expect("an address"));
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut each = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                each.spawn(serve(stream, answers));
            }
        });
        Self { url, connections, _tasks: tasks }
    }
}

async fn serve(mut stream: TcpStream, answers: Answers) {
    let mut read = Vec::new();
    // Every request of these tests ends in the newline of its note, or in the blank line of its head.
    while let Ok(byte) = stream.read_u8().await {
        read.push(byte);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if head.starts_with("POST") && !body.ends_with("end\n") {
            continue;
        }
        assert!(head.starts_with("POST /w/add-checkpoint ") || head.starts_with("GET /w/"), "{head}");
        read.clear();
        match answers {
            Answers::With(answer) => drop(stream.write_all(answer.as_bytes()).await),
            Answers::Never => std::future::pending().await,
            Answers::HangsUp => return,
            Answers::Forever => {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                let piece = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
                let mut written = stream.write_all(head.as_bytes()).await;
                while written.is_ok() {
                    written = stream.write_all(piece.as_bytes()).await;
                }
                return;
            }
        }
    }
}

fn request() -> Request {
    Request { old: 0, proof: Vec::new(), note: b"a\n\nend\n".to_vec() }
}

async fn asked(answers: Answers) -> Result<Vec<u8>, Unanswered> {
    let other = Other::start(answers).await;
    let witness = HttpWitness::new(&other.url, &Trust::System).expect("an address");
    witness.within(Duration::from_secs(20)).add_checkpoint(&request()).await
}

#[tokio::test]
async fn answers_of_the_protocol_are_taken_for_what_they_are() {
    let ok = asked(Answers::With("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nline\n")).await;
    assert_eq!(ok, Ok(b"line\n".to_vec()));
    for (answer, refusal) in [
        ("400 Bad Request\r\ncontent-length: 0\r\n\r\n", 400),
        ("403 Forbidden\r\ncontent-length: 0\r\n\r\n", 403),
        ("404 Not Found\r\ncontent-length: 0\r\n\r\n", 404),
        ("409 Conflict\r\ncontent-type: text/x.tlog.size\r\ncontent-length: 3\r\n\r\n17\n", 409),
        ("422 Unprocessable Entity\r\ncontent-length: 0\r\n\r\n", 422),
    ] {
        let answer: &'static str = Box::leak(format!("HTTP/1.1 {answer}").into_boxed_str());
        match asked(Answers::With(answer)).await {
            Err(Unanswered::Refused(Refusal::Stale { known })) => assert_eq!((known, refusal), (17, 409)),
            Err(Unanswered::Refused(refused)) => assert_eq!(refused.status(), refusal),
            other => panic!("{answer}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn whatever_else_comes_is_no_answer() {
    for answer in [
        "HTTP/1.1 409 Conflict\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\n17\n",
        "HTTP/1.1 409 Conflict\r\ncontent-type: text/x.tlog.size\r\ncontent-length: 2\r\n\r\n17",
        "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
    ] {
        let answered = asked(Answers::With(answer)).await;
        assert!(matches!(answered, Err(Unanswered::Unreachable(_))), "{answer}: {answered:?}");
    }
    for answers in [Answers::Forever, Answers::HangsUp] {
        let answered = asked(answers).await;
        assert!(matches!(answered, Err(Unanswered::Unreachable(_))), "{answered:?}");
    }
}

#[tokio::test]
async fn one_that_does_not_answer_is_given_up() {
    let other = Other::start(Answers::Never).await;
    let witness = HttpWitness::new(&other.url, &Trust::System).expect("an address");
    let witness = witness.within(Duration::from_millis(200));
    for _ in 0..2 {
        let answered = witness.add_checkpoint(&request()).await;
        assert!(
            matches!(&answered, Err(Unanswered::Unreachable(why)) if why.contains("200ms")),
            "{answered:?}"
        );
    }
    let nobody = HttpWitness::new("http://127.0.0.1:1", &Trust::System).expect("an address");
    assert!(matches!(nobody.latest("log.example").await, Err(Unanswered::Unreachable(_))));
}

#[tokio::test]
async fn a_connection_is_kept_and_another_is_opened_where_it_was_closed() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nline\n";
    let other = Other::start(Answers::With(answer)).await;
    let witness = HttpWitness::new(&other.url, &Trust::System).expect("an address");
    for _ in 0..3 {
        assert_eq!(witness.add_checkpoint(&request()).await, Ok(b"line\n".to_vec()));
        assert_eq!(witness.latest("log.example").await, Ok(Some(b"line\n".to_vec())));
    }
    assert_eq!(other.connections.load(Ordering::SeqCst), 1);
    let closing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let other = Other::start(Answers::With(closing)).await;
    let witness = HttpWitness::new(&other.url, &Trust::System).expect("an address");
    for _ in 0..3 {
        assert_eq!(witness.latest("log.example").await, Ok(None));
    }
    assert_eq!(other.connections.load(Ordering::SeqCst), 3);
}
