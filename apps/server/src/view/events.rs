//! Events on the wire.

use api::Problem;
use api::events::{Receipt, Rejected};
use std::fmt::Write as _;

/// What a source may send, from its credential.
pub(crate) fn source(credential: issuer::Credential) -> Option<pipeline::Source> {
    let issuer::Grant::Ingest { format, accounts } = credential.grant else { return None };
    let accounts = match accounts {
        issuer::Accounts::Any => pipeline::Accounts::Any,
        issuer::Accounts::Only(accounts) => pipeline::Accounts::Only(accounts),
    };
    Some(pipeline::Source { credential: credential.id, format, accounts })
}

/// What became of a batch.
pub(crate) fn receipt(receipt: pipeline::Receipt) -> Receipt {
    let rejected = receipt.rejected.into_iter().map(|reject| Rejected {
        index: reject.index as u64,
        code: reject.reason.code().to_owned(),
        message: reject.reason.to_string(),
    });
    Receipt {
        batch: receipt.batch,
        accepted: receipt.accepted,
        rejected: rejected.collect(),
        first_offset: receipt.first_offset,
    }
}

/// Why a batch was not kept, with its place in the body where there is one.
pub(crate) fn not_kept(error: &pipeline::Error) -> Problem {
    use events::{frame, inflate};
    let at = match error {
        pipeline::Error::Frame(
            frame::Error::NoJson { at } | frame::Error::Unfinished { at, .. } | frame::Error::Broken { at },
        ) => Some(*at),
        pipeline::Error::Inflate(
            inflate::Error::Truncated { at, .. }
            | inflate::Error::Corrupt { at, .. }
            | inflate::Error::TooMuchOut { at, .. }
            | inflate::Error::Bomb { at, .. },
        ) => Some(*at),
        _ => None,
    };
    let problem = Problem::of(error);
    match at {
        Some(at) => problem.at(format!("byte {at}")),
        None => problem,
    }
}

/// An event as one line; the same as `api::events::Event` would be written, without parsing the event.
pub(crate) fn line(kept: &pipeline::Kept, out: &mut String) {
    let _ = write!(out, r#"{{"offset":{},"arrival":"{}","event":"#, kept.offset, kept.arrival);
    // A line break of JSON stands between values only, where a space means the same.
    out.extend(
        kept.text.chars().map(|character| if matches!(character, '\n' | '\r') { ' ' } else { character }),
    );
    out.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use super::line;
    use base::Timestamp;

    #[test]
    fn an_event_is_one_line_that_the_client_reads() {
        let text = "{\n  \"a\": \"b\\n\",\r\n  \"c\": 1}";
        let kept = pipeline::Kept { offset: 7, arrival: Timestamp::from_millis(1), text: text.to_owned() };
        let mut out = String::new();
        line(&kept, &mut out);
        assert_eq!(out.matches('\n').count(), 1);
        let read: api::events::Event = serde_json::from_str(&out).expect("it is one");
        assert_eq!((read.offset, read.arrival), (7, kept.arrival));
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(read.event.get()), value(text));
    }
}
