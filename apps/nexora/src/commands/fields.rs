//! `fields`: what is sensitive in a file. Nothing leaves this machine.

use super::place::Source;
use crate::cli::Fields;
use crate::failure::Failure;
use crate::files::Unfinished;
use crate::output::{Output, Show, rows};
use base::Kind;
use fields::formats::{self, Format};
use fields::suggest::{self, Suggestion};
use fields::{Field, FieldPolicy};
use serde::Serialize;
use std::process::ExitCode;

/// What looks sensitive.
#[derive(Debug, Serialize)]
struct Suggested {
    fields: Vec<Suggests>,
}

/// A field that looks sensitive.
#[derive(Debug, Serialize)]
struct Suggests {
    field: String,
    class: &'static str,
    confidence: u8,
    mode: String,
    /// Bits of a blind index of the sampled values of which at least two share each index.
    index_bits: u16,
    reason: String,
}

impl Show for Suggested {
    fn table(&self) -> String {
        if self.fields.is_empty() {
            return "nothing in the beginning of the file looks sensitive\n".to_owned();
        }
        rows(
            ["field", "looks like", "sure", "mode", "index bits", "why"],
            self.fields.iter().map(|field| {
                [
                    field.field.clone(),
                    field.class.to_owned(),
                    format!("{} %", field.confidence),
                    field.mode.clone(),
                    field.index_bits.to_string(),
                    field.reason.clone(),
                ]
            }),
        )
    }
}

/// How much of a file is looked at, in bytes.
const SAMPLED: usize = 4 << 20;
/// The largest Parquet file that is looked at, in bytes.
const WHOLE: usize = 512 << 20;

/// Runs the command.
pub(crate) async fn run(output: Output, command: Fields) -> Result<ExitCode, Failure> {
    let Fields::Suggest { file, form, write_policy } = command;
    let mut source = Source::open(&file, "reading").await?;
    let format = source.format(form.format.map(|format| format.code()), form.delimiter)?;
    // Parquet is read from its end.
    let enough = if format == Format::Parquet { WHOLE } else { SAMPLED };
    let mut head = Vec::new();
    while head.len() < enough
        && let Some(piece) = source.piece().await?
    {
        head.extend_from_slice(&piece);
    }
    source.bar().finish_and_clear();
    if format == Format::Parquet && head.len() >= WHOLE {
        let what = "a Parquet file of more than 512 MiB is not sampled: cut some row groups out of it";
        return Err(Failure::new(Kind::TooLarge, what));
    }
    let found = suggest::suggest(&formats::sample(format, &head)?);
    if let Some(path) = &write_policy {
        let policy = proposed(&found)?;
        let mut json =
            serde_json::to_vec_pretty(&policy).map_err(|error| Failure::ours(format!("no JSON: {error}")))?;
        json.push(b'\n');
        let mut file = Unfinished::replacing(path)?;
        file.write(&json)?;
        file.finish()?;
    }
    let fields = found.into_iter().map(|found| Suggests {
        field: found.path.to_string(),
        class: found.class.as_str(),
        confidence: found.confidence,
        mode: found.mode.to_string(),
        index_bits: found.index_bits,
        reason: found.reason,
    });
    output.show(&Suggested { fields: fields.collect() })?;
    Ok(ExitCode::SUCCESS)
}

fn proposed(found: &[Suggestion]) -> Result<FieldPolicy, Failure> {
    if found.is_empty() {
        let what = "nothing in the beginning of the file looks sensitive: there is no policy to write";
        return Err(Failure::new(Kind::NotFound, what));
    }
    let fields = found.iter().map(|found| Field::new(found.path.clone(), found.mode.clone()));
    Ok(FieldPolicy::new(fields.collect(), None)?)
}
