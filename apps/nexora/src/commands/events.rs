//! `events`.

use crate::cli::Events;
use crate::failure::Failure;
use crate::output::{Output, Show, escaped, facts, rows};
use crate::progress;
use api::Client;
use api::client::Upload;
use api::events::{Event, Receipt, Rejected, Send, SendRequest, Tail, TailRequest};
use base::{Fault, Kind};
use events::{Encoding, Limits};
use serde::Serialize;
use std::fs;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

/// The most events of one batch.
const BATCH_EVENTS: usize = 5_000;
/// The most bytes of one batch, but for a single event that is larger.
const BATCH_BYTES: usize = 16 << 20;

/// What became of all files.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Sent {
    /// How many batches.
    pub(crate) batches: u64,
    /// How many events were accepted.
    pub(crate) accepted: u64,
    /// Those that were not.
    pub(crate) rejected: Vec<RejectedIn>,
}

/// An event that was not accepted, by its place in its file.
#[derive(Debug, Serialize)]
pub(crate) struct RejectedIn {
    file: String,
    #[serde(flatten)]
    rejected: Rejected,
}

impl Show for Sent {
    fn table(&self) -> String {
        let mut out = facts([
            ("accepted", Some(self.accepted.to_string())),
            ("rejected", Some(self.rejected.len().to_string())),
            ("batches", Some(self.batches.to_string())),
        ]);
        if !self.rejected.is_empty() {
            out.push('\n');
            out.push_str(&rows(
                ["file", "index", "code", "why"],
                self.rejected.iter().map(|at| {
                    let Rejected { index, code, message } = &at.rejected;
                    [at.file.clone(), index.to_string(), code.clone(), message.clone()]
                }),
            ));
        }
        out
    }
}

impl Show for Event {
    fn table(&self) -> String {
        format!("{:>10}  {}  {}", self.offset, self.arrival, escaped(self.event.get(), false))
    }
}

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Events) -> Result<ExitCode, Failure> {
    match command {
        Events::Send { files } => {
            let mut sent = Sent::default();
            for file in &files {
                let contents = Contents::read(file)?;
                let bar = progress::count(&contents.name, contents.events.len() as u64);
                for batch in contents.batches(0..contents.events.len()) {
                    let receipt = contents.send(client, batch.clone()).await?;
                    bar.inc(batch.len() as u64);
                    sent.add(&contents, batch.start, receipt);
                }
                bar.finish_and_clear();
            }
            output.show(&sent)?;
            if !sent.rejected.is_empty() {
                output.say(&format!("{} events were rejected; they are named above", sent.rejected.len()));
            }
            // What is valid was kept, which is success; where nothing was, the input cannot be used.
            let useless = sent.accepted == 0 && !sent.rejected.is_empty();
            let code = if useless { Kind::BadInput.exit_code() } else { 0 };
            Ok(ExitCode::from(code))
        }
        Events::Tail { from, no_follow } => {
            let mut lines = client.lines::<Tail>(&TailRequest { from, follow: !no_follow }).await?;
            while let Some(event) = lines.next().await? {
                output.line(&event)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The events of a file.
pub(crate) struct Contents {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) events: Vec<Range<usize>>,
}

impl Contents {
    /// Reads a file, or standard input where the name is `-`, and finds the events in it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let mut raw = Vec::new();
        let name = if path == Path::new("-") {
            io::stdin()
                .lock()
                .read_to_end(&mut raw)
                .map_err(|error| Failure::io("standard input", &error))?;
            "standard input".to_owned()
        } else {
            raw = fs::read(path).map_err(|error| Failure::file(path, &error))?;
            path.display().to_string()
        };
        let unreadable = |fault: &dyn Fault| Failure::new(fault.kind(), format!("{name}: {fault}"));
        let inflated =
            events::inflate(&raw, Encoding::Auto, Limits::FILE).map_err(|error| unreadable(&error))?;
        let bytes = inflated.into_owned();
        let events = events::frame(&bytes).map_err(|error| unreadable(&error))?;
        Ok(Self { name, bytes, events })
    }

    /// The same for events that are at hand, one a line.
    pub(crate) fn of_lines(name: &str, lines: impl Iterator<Item = String>) -> Self {
        let (mut bytes, mut events) = (Vec::new(), Vec::new());
        for line in lines {
            let start = bytes.len();
            bytes.extend_from_slice(line.as_bytes());
            events.push(start..bytes.len());
            bytes.push(b'\n');
        }
        Self { name: name.to_owned(), bytes, events }
    }

    /// One event's bytes.
    pub(crate) fn event(&self, index: usize) -> &[u8] {
        self.events.get(index).map_or(&[], |range| &self.bytes[range.clone()])
    }

    /// These events, cut into batches within the limits.
    pub(crate) fn batches(&self, among: Range<usize>) -> Vec<Range<usize>> {
        let mut batches = Vec::new();
        let (mut start, mut bytes) = (among.start, 0);
        for index in among.clone() {
            let length = self.event(index).len() + 1;
            if index > start && (index - start == BATCH_EVENTS || bytes + length > BATCH_BYTES) {
                batches.push(start..index);
                (start, bytes) = (index, 0);
            }
            bytes += length;
        }
        if start < among.end {
            batches.push(start..among.end);
        }
        batches
    }

    /// Sends one batch.
    pub(crate) async fn send(&self, client: &Client, batch: Range<usize>) -> Result<Receipt, Failure> {
        let mut body = Vec::from(*b"[");
        for index in batch.clone() {
            if index > batch.start {
                body.push(b',');
            }
            body.extend_from_slice(self.event(index));
        }
        body.push(b']');
        Ok(client.send::<Send>(&SendRequest {}, Upload::whole(body)).await?)
    }
}

impl Sent {
    /// Takes in what became of a batch that began at `first` of a file.
    pub(crate) fn add(&mut self, contents: &Contents, first: usize, receipt: Receipt) {
        self.batches += 1;
        self.accepted += receipt.accepted;
        self.rejected.extend(receipt.rejected.into_iter().map(|mut rejected| {
            rejected.index += first as u64;
            RejectedIn { file: contents.name.clone(), rejected }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH_BYTES, BATCH_EVENTS, Contents};

    #[test]
    fn batches_stay_within_their_limits_and_leave_nothing_out() {
        let contents = Contents::of_lines("many", (0..12_345).map(|number| format!("{{\"n\":{number}}}")));
        let batches = contents.batches(0..contents.events.len());
        assert_eq!(
            batches.iter().map(ExactSizeIterator::len).collect::<Vec<_>>(),
            [BATCH_EVENTS, BATCH_EVENTS, 2_345]
        );
        let large = "x".repeat(BATCH_BYTES / 3);
        let contents = Contents::of_lines("large", (0..4).map(|_| format!("\"{large}\"")));
        assert_eq!(contents.batches(0..4), [0..2, 2..4]);
        assert_eq!(contents.batches(1..2).first(), Some(&(1..2)));
        assert!(contents.batches(0..0).is_empty());
    }
}
