//! Some values of each field of a file, for suggesting which are sensitive.

use super::{Format, csv, json, parquet};
use crate::{Error, Path, suggest::Sample};
use serde_json::Value;
use std::collections::BTreeMap;

/// The rows that are looked at.
const ROWS: usize = 500;

/// The most fields: more are left out.
const FIELDS: usize = 1 << 14;

/// Samples of every field: of a text file from its first bytes (a few MiB are plenty; a record that is cut at
/// their end is left out), of a Parquet file from the whole of it.
///
/// # Errors
/// What is wrong with the file, by place: [`Error::Csv`], [`Error::Json`], [`Error::Parquet`].
pub fn sample(format: Format, head: &[u8]) -> Result<Vec<Sample>, Error> {
    match format {
        Format::Csv(dialect) => of_csv(dialect, head),
        Format::Json | Format::Ndjson => of_json(format == Format::Ndjson, head),
        Format::Parquet => parquet::sample(head, ROWS),
    }
}

fn of_csv(dialect: csv::Dialect, head: &[u8]) -> Result<Vec<Sample>, Error> {
    let mut framer = csv::Framer::new(dialect);
    let mut cuts = framer.push(head)?;
    if cuts.len() < 2 {
        // A file that is shorter than a record is whole, or was cut in its first one.
        cuts.extend(framer.finish()?);
    }
    let (mut samples, mut rows) = (Vec::new(), 0);
    for cut in cuts {
        match cut {
            csv::Cut::Header(_, names) => {
                // A column without a name cannot be named by a policy.
                let sample =
                    |name: &String| Path::column(name).ok().map(|path| Sample { path, values: Vec::new() });
                samples = names.iter().map(sample).collect::<Vec<_>>();
            }
            csv::Cut::Records(piece) => piece.values(dialect, ROWS - rows, |row, column, value| {
                rows = rows.max(row + 1);
                if let Some(Some(sample)) = samples.get_mut(column) {
                    sample.values.push(value.to_owned());
                }
            })?,
        }
        if rows >= ROWS {
            break;
        }
    }
    Ok(samples.into_iter().flatten().collect())
}

fn of_json(lines: bool, head: &[u8]) -> Result<Vec<Sample>, Error> {
    let mut framer = json::Framer::new(lines);
    let mut pieces = framer.push(head)?;
    if lines && pieces.is_empty() {
        pieces = framer.finish()?;
    }
    let mut samples = BTreeMap::new();
    let mut rows = 0;
    for piece in pieces {
        for record in piece.records()? {
            if rows == ROWS {
                break;
            }
            rows += 1;
            if let Ok(value) = serde_json::from_slice::<Value>(&record) {
                gather(&value, &mut "$".to_owned(), &mut samples);
            }
        }
    }
    let sample =
        |(path, values): (String, Vec<String>)| Some(Sample { path: Path::parse(&path).ok()?, values });
    Ok(samples.into_iter().filter_map(sample).collect())
}

fn gather(value: &Value, path: &mut String, samples: &mut BTreeMap<String, Vec<String>>) {
    let length = path.len();
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                path.push_str(&member(name));
                gather(value, path, samples);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            path.push_str("[*]");
            for value in items {
                gather(value, path, samples);
            }
            path.truncate(length);
        }
        leaf => {
            if samples.len() == FIELDS && !samples.contains_key(path) {
                return;
            }
            let values = samples.entry(path.clone()).or_default();
            match leaf {
                Value::String(text) => values.push(text.clone()),
                Value::Number(number) => values.push(number.to_string()),
                _ => {}
            }
        }
    }
}

/// A step of a path to this member.
pub(super) fn member(name: &str) -> String {
    format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::{Format, sample};
    use crate::formats::Dialect;

    fn of(format: Format, head: &[u8]) -> Vec<(String, Vec<String>)> {
        let samples = sample(format, head).expect("a file");
        samples.into_iter().map(|sample| (sample.path.to_string(), sample.values)).collect()
    }

    fn expected(fields: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let texts = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        fields.iter().map(|(name, values)| ((*name).to_owned(), texts(values))).collect()
    }

    #[test]
    fn every_field_has_its_values() {
        let csv = Format::Csv(Dialect::default());
        let found = of(csv, b"id,\"e mail\",\n1,\"a,b\",x\n2,,y\n3,cut");
        assert_eq!(found, expected(&[("id", &["1", "2"]), ("e mail", &["a,b"])]));
        assert_eq!(of(csv, b"a,b"), expected(&[("a", &[]), ("b", &[])]));
        let found = of(Format::Ndjson, b"{\"a\":1,\"b c\":{\"d'\":[\"x\",null]}}\n{\"a\":\"y\"}\n{\"cut");
        assert_eq!(found, expected(&[("a", &["1", "y"]), ("$['b c']['d\\''][*]", &["x"])]));
        assert_eq!(of(Format::Json, b"[{\"a\":1},{\"a\":2},{\"a\":"), expected(&[("a", &["1", "2"])]));
        assert_eq!(of(Format::Json, b"{\"a\":1}"), expected(&[("a", &["1"])]));
        assert!(sample(Format::Parquet, b"PAR1").is_err());
    }
}
