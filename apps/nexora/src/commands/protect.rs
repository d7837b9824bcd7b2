//! `protect` and `reveal`.

use super::datasets::policy;
use super::place::{Sink, Source, Wrote, beside, is_pipe};
use crate::cli::{Protect, Reveal};
use crate::connect::Session;
use crate::failure::Failure;
use crate::output::Output;
use api::Client;
use api::datasets::{FileFormat, Names, ProtectRequest, RevealRequest};
use base::{Clock as _, Id, Kind, Secret};
use bytes::Bytes;
use crypto::sign::SigningKey;
use fields::formats::{self, Format, Scratch, Spool};
use fields::{DatasetKey, Protector, Run};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where a run's output and its manifest go.
struct Places {
    out: PathBuf,
    manifest: PathBuf,
}

impl Places {
    fn of(protect: &Protect, format: Format) -> Result<Self, Failure> {
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
        Ok(Self { out, manifest })
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
    let Places { out, manifest } = Places::of(protect, format)?;
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
    let (data, signed) = (Sink::open(&out, output)?, Sink::open(&manifest, output)?);
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

/// `protect --public-key`: without a server, under a dataset's public key; a node that does so cannot reveal.
pub(crate) async fn protect_offline(output: Output, protect: &Protect) -> Result<ExitCode, Failure> {
    let (Some(public), Some(signing)) = (&protect.public_key, &protect.signing_key) else {
        return Err(Failure::ours("offline without keys"));
    };
    let text = fs::read(public).map_err(|error| Failure::file(public, &error))?;
    let to: DatasetKey = serde_json::from_slice(&text)
        .map_err(|error| Failure::new(Kind::BadInput, format!("{}: {error}", public.display())))?;
    let provider = crypto::aws_lc();
    let jwk = Secret::new(fs::read_to_string(signing).map_err(|error| Failure::file(signing, &error))?);
    let key = SigningKey::from_jwk(&*provider, &jwk)?;
    let Some(policy) = policy(&protect.policy)? else {
        let what = "which fields? offline nobody knows the dataset's policy: say --fields or --policy";
        return Err(Failure::new(Kind::BadInput, what));
    };
    policy.offline()?;
    let mut source = Source::open(&protect.file, "protecting").await?;
    let format = source.format(protect.form.format.map(|format| format.code()), protect.form.delimiter)?;
    let Places { out, manifest } = Places::of(protect, format)?;
    let spool = match format.spooled() {
        true => Some(Spool::new(&*provider, Box::new(Temporary::beside(&out)?))),
        false => None,
    };
    let created = node::MachineClock.now();
    let run = Run { id: Id::fresh(created, crypto::random(&*provider)), created };
    let protector = Protector::new(provider, to, run, policy)?;
    let mut file = formats::Protect::new(format, protector, spool)?;

    let (mut data, mut signed) = (Sink::open(&out, output)?, Sink::open(&manifest, output)?);
    let mut protected = Vec::new();
    while let Some(piece) = source.piece().await? {
        file.push(&piece, &mut protected)?;
        data.write(&protected)?;
        protected.clear();
    }
    while file.more(&mut protected)? {
        data.write(&protected)?;
        protected.clear();
    }
    let described = file.finish(&mut protected)?;
    data.write(&protected)?;
    signed.write(&described.sign(&key).to_file())?;
    source.bar().finish_and_clear();
    Wrote::finish(data, Some(signed), output)?;
    Ok(ExitCode::SUCCESS)
}

/// The file in which a spool keeps what it sealed. It has no name: it goes with the process, however that ends.
struct Temporary {
    file: File,
}

impl Temporary {
    /// One in the directory of the output, where there is room for it; in the system's for a pipe.
    fn beside(out: &Path) -> Result<Self, Failure> {
        let place = match out.parent().filter(|_| !is_pipe(out)) {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => PathBuf::from("/tmp"),
        };
        let file = tempfile::tempfile_in(&place).map_err(|error| Failure::file(&place, &error))?;
        Ok(Self { file })
    }
}

impl Scratch for Temporary {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }
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
    let fields = (!reveal.fields.is_empty()).then(|| Names(reveal.fields.clone()));
    let source = Source::open(&reveal.file, "revealing").await?;
    let bar = source.bar();
    let upload = source.upload().behind([Bytes::from(manifest)]);
    let mut download = client.download::<api::datasets::Reveal>(&RevealRequest { fields }, upload).await?;
    let mut sink = Sink::open(reveal.out.as_deref().unwrap_or(Path::new("-")), output)?;
    while let Some(piece) = download.chunk().await? {
        sink.write(&piece)?;
    }
    bar.finish_and_clear();
    Wrote::finish(sink, None, output)
}
