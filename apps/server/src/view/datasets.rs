//! Datasets on the wire.

use crate::failure::Failure;
use api::Problem;
use api::credentials::Token;
use api::datasets::{
    Dataset, Detail, FileFormat, ProtectRequest, ProtectedOutput, Reencryption, UnderVersion,
};
use base::{Kind, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fields::formats::{Dialect, Format};

/// A dataset.
pub(crate) fn dataset(dataset: datasets::Dataset) -> Dataset {
    let datasets::Dataset { id, name, policy, created_at } = dataset;
    Dataset { id, name: name.to_string(), created: created_at, policy }
}

/// A dataset in full.
pub(crate) fn detail(detail: datasets::Detail) -> Detail {
    let version = |version: datasets::ByVersion| UnderVersion {
        key: version.key,
        current: version.current,
        outputs: version.outputs,
        rows: version.rows,
        bytes: version.bytes,
    };
    Detail {
        dataset: dataset(detail.dataset),
        key: detail.key,
        versions: detail.outputs.into_iter().map(version).collect(),
        reencryption: detail.reencryption.map(reencryption),
    }
}

/// What one run wrote.
pub(crate) fn output(output: datasets::Output) -> ProtectedOutput {
    ProtectedOutput {
        run: output.run,
        key: output.key,
        current: output.current,
        rows: output.rows,
        bytes: output.bytes,
        sha256: output.sha256,
        format: output.format,
        location: output.location.map(|location| location.to_string()),
        writable: output.writable,
        created: output.created_at,
    }
}

/// How far protecting anew has come.
pub(crate) fn reencryption(job: datasets::Reencryption) -> Reencryption {
    Reencryption {
        job: job.job,
        state: job.state.as_str().to_owned(),
        outputs: job.outputs,
        done: job.done,
        failed: job.failed,
        elsewhere: job.elsewhere,
        rows: job.rows,
        bytes: job.bytes,
        total_bytes: job.total_bytes,
        asked: job.asked_at,
    }
}

/// Bytes in standard base64, as Parquet's key material has them.
pub(crate) fn base64(text: &str, what: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|_| Failure::new(Kind::BadInput, format!("the {what} is no base64")))
}

/// A released key, for the one who asked.
pub(crate) fn released(key: &Secret<Vec<u8>>) -> Token {
    Token::new(STANDARD.encode(key.expose()))
}

/// The format that a request names.
pub(crate) fn format(request: &ProtectRequest) -> Result<Format, Failure> {
    let format = match request.format {
        FileFormat::Csv => {
            Format::Csv(request.delimiter.map_or_else(|| Ok(Dialect::default()), Dialect::new)?)
        }
        FileFormat::Json => Format::Json,
        FileFormat::Ndjson => Format::Ndjson,
        FileFormat::Parquet => Format::Parquet,
    };
    if request.delimiter.is_some() && request.format != FileFormat::Csv {
        return Err(Failure::new(Kind::BadInput, "`delimiter` is for CSV"));
    }
    Ok(format)
}

/// The media type of a format.
pub(crate) const fn media(format: Format) -> &'static str {
    match format {
        Format::Csv(_) => "text/csv",
        Format::Json => "application/json",
        Format::Ndjson => "application/x-ndjson",
        Format::Parquet => "application/vnd.apache.parquet",
    }
}

/// Why a run failed, with its place in the file where there is one.
pub(crate) fn failed(error: &datasets::Error) -> Problem {
    let position = match error {
        datasets::Error::Fields(fields::Error::Csv { line, .. }) => Some(format!("line {line}")),
        datasets::Error::Fields(fields::Error::Json { line, position, .. }) => {
            Some(format!("line {line}, position {position}"))
        }
        datasets::Error::Fields(fields::Error::Value { row, line, column, .. }) => {
            Some(format!("row {row}, line {line}, column {column}"))
        }
        datasets::Error::Fields(fields::Error::MissingColumn { column, .. }) => {
            Some(format!("column {column}"))
        }
        _ => None,
    };
    let problem = Problem::of(error);
    match position {
        Some(position) => problem.at(position),
        None => problem,
    }
}
