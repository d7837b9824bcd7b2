//! Datasets on the wire.

use api::Problem;
use api::datasets::Dataset;

/// A dataset.
pub(crate) fn dataset(dataset: datasets::Dataset) -> Dataset {
    Dataset { id: dataset.id, name: dataset.name.to_string(), created: dataset.created_at }
}

/// Why a run failed, with its place in the file where there is one.
pub(crate) fn failed(error: &datasets::Error) -> Problem {
    let position = match error {
        datasets::Error::Fields(fields::Error::Csv { line, .. }) => Some(format!("line {line}")),
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
