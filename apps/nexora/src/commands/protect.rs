//! `protect` and `reveal`, by a server.

use super::care::may_write;
use super::datasets::policy;
use super::place::{Sink, Source, Wrote, beside, is_pipe};
use crate::cli::{Protect, Reveal};
use crate::connect::Session;
use crate::failure::Failure;
use crate::output::Output;
use api::Client;
use api::datasets::{FileFormat, Names, ProtectRequest, RevealRequest};
use base::Kind;
use bytes::Bytes;
use fields::formats::Format;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a run's output and its manifest go.
pub(super) struct Places {
    pub(super) out: PathBuf,
    pub(super) manifest: PathBuf,
    /// Whether they may take the place of what is there.
    pub(super) replaces: bool,
}

impl Places {
    pub(super) fn of(protect: &Protect, format: Format) -> Result<Self, Failure> {
        let out = match &protect.out {
            Some(out) => out.clone(),
            None if is_pipe(&protect.file) => PathBuf::from("-"),
            None => {
                let ending = protect.file.extension().and_then(|ending| ending.to_str());
                protect.file.with_extension(format!("protected.{}", ending.unwrap_or(format.as_str())))
            }
        };
        let manifest = match &protect.manifest {
            Some(manifest) if is_pipe(manifest) => {
                return Err(Failure::new(
                    Kind::BadInput,
                    "the manifest goes into a file: say --manifest FILE",
                ));
            }
            Some(manifest) => manifest.clone(),
            None if is_pipe(&out) => {
                let what = "the output goes to standard output, and its manifest? say --manifest FILE";
                return Err(Failure::new(Kind::BadInput, what));
            }
            None => beside(&out),
        };
        if out == manifest {
            return Err(Failure::new(
                Kind::BadInput,
                "output and manifest are two files: say another --manifest",
            ));
        }
        let files = [&out, &manifest].map(PathBuf::as_path);
        let files: Vec<_> = files.into_iter().filter(|file| !is_pipe(file)).collect();
        let replaces = may_write(&files, protect.force)?;
        Ok(Self { out, manifest, replaces })
    }
}

fn dataset(protect: &Protect) -> Result<String, Failure> {
    let stem = || Some(protect.file.file_stem()?.to_str()?.to_owned()).filter(|stem| stem != "-");
    protect
        .dataset
        .clone()
        .or_else(stem)
        .ok_or_else(|| Failure::new(Kind::BadInput, "which dataset? say --dataset NAME"))
}

/// The format as the request names it, and the delimiter of a CSV.
fn on_the_wire(format: Format) -> (FileFormat, Option<char>) {
    match format {
        Format::Csv(dialect) => (FileFormat::Csv, Some(dialect.delimiter())),
        Format::Json => (FileFormat::Json, None),
        Format::Ndjson => (FileFormat::Ndjson, None),
        Format::Parquet => (FileFormat::Parquet, None),
    }
}

/// `protect`, by the server. In files, output and manifest appear at the end, the manifest last; into a pipe the
/// output goes as it comes, and its manifest appears only when all of it went.
pub(crate) async fn protect(session: &Session, output: Output, protect: &Protect) -> Result<(), Failure> {
    let source = Source::open(&protect.file, "protecting").await?;
    let format = source.format(protect.form.format.map(|format| format.code()), protect.form.delimiter)?;
    let Places { out, manifest, replaces } = Places::of(protect, format)?;
    let policy = policy(&protect.policy)?;
    let policy = policy.map(|policy| serde_json::to_string(&policy)).transpose();
    let policy = policy.map_err(|error| Failure::ours(format!("no policy: {error}")))?;
    let (format, delimiter) = on_the_wire(format);
    // Where the output is a file, a node on this machine may find it there again.
    let is_there = session.is_local() && !is_pipe(&out);
    let location = is_there.then(|| std::path::absolute(&out).ok()?.to_str().map(str::to_owned)).flatten();
    let dataset = dataset(protect)?;
    let request =
        ProtectRequest { dataset, policy, format, delimiter, location, ..ProtectRequest::default() };
    let bar = source.bar();
    let parts = session.client().parts::<api::datasets::Protect>(&request, source.upload()).await?;
    let (data, signed) = (Sink::open(&out, output, replaces)?, Sink::open(&manifest, output, replaces)?);
    let (data, signed) = received(parts, data, signed).await?;
    bar.finish_and_clear();
    Wrote::finish(data, Some(signed), output)
}

/// Writes a reply of an output and its manifest.
pub(super) async fn received(
    mut parts: api::client::Parts,
    mut data: Sink,
    mut signed: Sink,
) -> Result<(Sink, Sink), Failure> {
    while let Some(name) = parts.part().await? {
        let file = match name.as_str() {
            "output" => &mut data,
            "manifest" => &mut signed,
            other => return Err(Failure::ours(format!("the reply has a part `{other}`"))),
        };
        while let Some(piece) = parts.chunk().await? {
            file.write(&piece)?;
        }
    }
    Ok((data, signed))
}

/// `reveal`: into a file it appears at the end; into a pipe it ends with an error where it was stopped.
pub(crate) async fn reveal(client: &Client, output: Output, reveal: &Reveal) -> Result<(), Failure> {
    let manifest = match &reveal.manifest {
        Some(manifest) => manifest.clone(),
        None if is_pipe(&reveal.file) => {
            let what = "nothing is revealed without its manifest: say --manifest FILE";
            return Err(Failure::new(Kind::BadInput, what));
        }
        None => beside(&reveal.file),
    };
    let manifest = fs::read(&manifest).map_err(|error| Failure::file(&manifest, &error))?;
    let out = reveal.out.as_deref().unwrap_or(Path::new("-"));
    let replaces = !is_pipe(out) && may_write(&[out], reveal.force)?;
    let fields = (!reveal.fields.is_empty()).then(|| Names(reveal.fields.clone()));
    let source = Source::open(&reveal.file, "revealing").await?;
    let bar = source.bar();
    let upload = source.upload().behind([Bytes::from(manifest)]);
    let mut download = client.download::<api::datasets::Reveal>(&RevealRequest { fields }, upload).await?;
    let mut sink = Sink::open(out, output, replaces)?;
    while let Some(piece) = download.chunk().await? {
        sink.write(&piece)?;
    }
    bar.finish_and_clear();
    Wrote::finish(sink, None, output)
}
