//! `datasets`, `protect` and `reveal`.

use super::{next, page};
use crate::cli::{Datasets, Protect, Reveal};
use crate::failure::Failure;
use crate::files::Unfinished;
use crate::output::{Output, Show, facts, rows};
use crate::progress;
use api::client::Upload;
use api::datasets::{
    Dataset, List, ListRequest, Names, ProtectRequest, RevealRequest,
};
use api::{Client, Page};
use base::{Clock as _, Id, Kind, Secret};
use bytes::Bytes;
use crypto::sign::SigningKey;
use fields::formats::csv;
use fields::{DatasetKey, Field, FieldPolicy, Mode, Protector, Run};
use futures::Stream;
use indicatif::ProgressBar;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio_util::io::ReaderStream;

/// How much is read at once.
const PIECE: usize = 256 << 10;

impl Show for Page<Dataset> {
    fn table(&self) -> String {
        rows(
            ["dataset", "name", "created"],
            self.items
                .iter()
                .map(|dataset| [dataset.id.to_string(), dataset.name.clone(), dataset.created.to_string()]),
        )
    }
}

/// What a run wrote.
#[derive(Debug, Serialize)]
struct Wrote {
    output: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    bytes: u64,
}

impl Show for Wrote {
    fn table(&self) -> String {
        facts([
            ("output", Some(self.output.clone())),
            ("manifest", self.manifest.clone()),
            ("bytes", Some(self.bytes.to_string())),
        ])
    }
}

/// Runs `datasets`.
pub(crate) async fn run(client: &Client, output: Output, command: Datasets) -> Result<(), Failure> {
    match command {
        Datasets::Ls { paging } => {
            let (limit, after) = page(paging);
            let listed = client.call::<List>(&ListRequest { limit, after }).await?;
            output.show(&listed)?;
            next(output, listed.next.as_deref());
            Ok(())
        }
    }
}

/// Where a run's output and its manifest go.
fn places(protect: &Protect) -> Result<(PathBuf, PathBuf), Failure> {
    let out = match &protect.out {
        Some(out) => out.clone(),
        None if protect.file == Path::new("-") => {
            return Err(Failure::new(Kind::BadInput, "standard input has no name: say --out FILE"));
        }
        None => protect.file.with_extension("protected.csv"),
    };
    let manifest = beside(&out);
    Ok((out, manifest))
}

/// The manifest that stands beside a protected file.
fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".manifest.json");
    PathBuf::from(name)
}

/// A file as a stream, with a bar over it; standard input where the name is `-`.
async fn upload(path: &Path, what: &str) -> Result<(Upload, ProgressBar), Failure> {
    if path == Path::new("-") {
        let bar = progress::spinner(what);
        return Ok((
            Upload::stream(counted(ReaderStream::with_capacity(tokio::io::stdin(), PIECE), &bar)),
            bar,
        ));
    }
    let file = tokio::fs::File::open(path).await.map_err(|error| Failure::file(path, &error))?;
    let length = file.metadata().await.map_err(|error| Failure::file(path, &error))?.len();
    let bar = progress::bytes(what, length);
    Ok((Upload::stream(counted(ReaderStream::with_capacity(file, PIECE), &bar)), bar))
}

fn counted<R: tokio::io::AsyncRead + Send + 'static>(
    stream: ReaderStream<R>,
    bar: &ProgressBar,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let bar = bar.clone();
    futures::StreamExt::inspect(stream, move |piece| {
        bar.inc(piece.as_ref().map_or(0, |piece| piece.len() as u64));
    })
}

/// `protect`, by the server: the output and its manifest appear together, at the end.
pub(crate) async fn protect(client: &Client, output: Output, protect: &Protect) -> Result<(), Failure> {
    let (out, manifest) = places(protect)?;
    let request = ProtectRequest { dataset: dataset(protect)?, fields: Names(protect.fields.clone()) };
    let (upload, bar) = upload(&protect.file, "protecting").await?;
    let mut parts = client.parts::<api::datasets::Protect>(&request, upload).await?;
    let mut files = [Unfinished::create(&out)?, Unfinished::create(&manifest)?];
    while let Some(name) = parts.part().await? {
        let file = match name.as_str() {
            "output" => &mut files[0],
            "manifest" => &mut files[1],
            other => return Err(Failure::ours(format!("the reply has a part `{other}`"))),
        };
        while let Some(piece) = parts.chunk().await? {
            file.write(&piece)?;
        }
    }
    bar.finish_and_clear();
    let [data, signed] = files;
    let bytes = data.finish()?;
    signed.finish()?;
    let manifest = Some(manifest.display().to_string());
    output.show(&Wrote { output: out.display().to_string(), manifest, bytes })
}

fn dataset(protect: &Protect) -> Result<String, Failure> {
    let stem = || Some(protect.file.file_stem()?.to_str()?.to_owned()).filter(|stem| stem != "-");
    protect
        .dataset
        .clone()
        .or_else(stem)
        .ok_or_else(|| Failure::new(Kind::BadInput, "which dataset? say --dataset NAME"))
}

/// `protect --public-key`: without a server, under a dataset's public key; a node that does so cannot reveal.
pub(crate) fn protect_offline(output: Output, protect: &Protect) -> Result<ExitCode, Failure> {
    let (Some(public), Some(signing)) = (&protect.public_key, &protect.signing_key) else {
        return Err(Failure::ours("offline without keys"));
    };
    let text = fs::read(public).map_err(|error| Failure::file(public, &error))?;
    let to: DatasetKey = serde_json::from_slice(&text)
        .map_err(|error| Failure::new(Kind::BadInput, format!("{}: {error}", public.display())))?;
    let provider = crypto::aws_lc();
    let jwk = Secret::new(fs::read_to_string(signing).map_err(|error| Failure::file(signing, &error))?);
    let key = SigningKey::from_jwk(&*provider, &jwk)?;
    let fields = protect.fields.iter().map(|path| Field { path: path.clone(), mode: Mode::Aead }).collect();
    let created = node::MachineClock.now();
    let run = Run { id: Id::fresh(created, crypto::random(&*provider)), created };
    let protector = Protector::new(provider, to, run, FieldPolicy::new(fields, None)?)?;
    let mut csv = csv::Protect::new(csv::Dialect::default(), protector);

    let (out, manifest) = places(protect)?;
    let mut input: Box<dyn Read> = if protect.file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(&protect.file).map_err(|error| Failure::file(&protect.file, &error))?)
    };
    let (mut data, mut signed) = (Unfinished::create(&out)?, Unfinished::create(&manifest)?);
    let (mut piece, mut protected) = (vec![0; PIECE], Vec::new());
    loop {
        let length = input.read(&mut piece).map_err(|error| Failure::file(&protect.file, &error))?;
        if length == 0 {
            break;
        }
        csv.push(&piece[..length], &mut protected)?;
        data.write(&protected)?;
        protected.clear();
    }
    let described = csv.finish(&mut protected)?;
    data.write(&protected)?;
    signed.write(&described.sign(&key).to_file())?;
    let bytes = data.finish()?;
    signed.finish()?;
    let manifest = Some(manifest.display().to_string());
    output.show(&Wrote { output: out.display().to_string(), manifest, bytes })?;
    Ok(ExitCode::SUCCESS)
}

/// `reveal`: into a file it appears at the end; into a pipe it ends with an error where it was stopped.
pub(crate) async fn reveal(client: &Client, output: Output, reveal: &Reveal) -> Result<(), Failure> {
    let manifest = reveal.manifest.clone().unwrap_or_else(|| beside(&reveal.file));
    let manifest = fs::read(&manifest).map_err(|error| Failure::file(&manifest, &error))?;
    let fields = (!reveal.fields.is_empty()).then(|| Names(reveal.fields.clone()));
    let (upload, bar) = upload(&reveal.file, "revealing").await?;
    let upload = upload.behind([Bytes::from(manifest)]);
    let mut download = client.download::<api::datasets::Reveal>(&RevealRequest { fields }, upload).await?;
    let Some(out) = &reveal.out else {
        while let Some(piece) = download.chunk().await? {
            output.raw(&piece)?;
        }
        bar.finish_and_clear();
        return Ok(());
    };
    let mut file = Unfinished::create(out)?;
    while let Some(piece) = download.chunk().await? {
        file.write(&piece)?;
    }
    bar.finish_and_clear();
    let bytes = file.finish()?;
    output.show(&Wrote { output: out.display().to_string(), manifest: None, bytes })
}
