//! Opening: which files there are, where the last one ends, and whether its end is torn or damaged.

use crate::{
    Error, File,
    error::is_full,
    log::{Options, State, create},
    record::{FILE_HEADER, Header, RECORD_HEADER, RECORD_MAGIC, decode_file_header, is_whole},
};
use std::{path::Path, sync::Arc};

/// Finds the end of the log.
pub(crate) fn recover(options: &Options) -> Result<State, Error> {
    let failed = |act: &'static str| move |source| Error::io(act, options.dir.clone(), source);
    options.files.create_dir(&options.dir).map_err(failed("create"))?;
    // Names may stand in memory only: the directory's own, and those that an interrupted start made.
    for dir in options.dir.parent().into_iter().chain([options.dir.as_path()]) {
        options.files.sync_dir(dir).map_err(failed("sync"))?;
    }
    let mut firsts: Vec<u64> = options
        .files
        .list(&options.dir)
        .map_err(failed("list"))?
        .iter()
        .filter_map(|path| first_of(path))
        .collect();
    firsts.sort_unstable();
    loop {
        let Some(&first) = firsts.last() else {
            let file = create(options, 0)?;
            let end = FILE_HEADER as u64;
            return Ok(State { firsts: vec![0], file, end, durable: end, next: 0, stopped: false });
        };
        let path = options.path(first);
        let file = options.files.open(&path).map_err(|source| Error::io("open", path.clone(), source))?;
        let bytes = read_all(file.as_ref(), &path)?;
        match decode_file_header(&bytes) {
            Some((organization, _)) if organization != options.organization => {
                return Err(Error::Foreign { path });
            }
            Some((_, named)) if named != first => {
                return Err(Error::Damaged { path, at: 0, what: "its name and its header differ" });
            }
            Some(_) => return end_of(options, firsts, file, &bytes),
            // Nothing is appended before the header is durable, so its making was interrupted.
            None if bytes.len() <= FILE_HEADER => {
                options.files.remove(&path).map_err(|source| Error::io("remove", path, source))?;
                options.files.sync_dir(&options.dir).map_err(failed("sync"))?;
                firsts.pop();
            }
            None => return Err(Error::Damaged { path, at: 0, what: "it does not begin as a log file" }),
        }
    }
}

/// Walks the records of the last file, and cuts off what was never durable.
fn end_of(options: &Options, firsts: Vec<u64>, file: Arc<dyn File>, bytes: &[u8]) -> Result<State, Error> {
    let first = firsts.last().copied().unwrap_or(0);
    let (mut at, mut next, mut proven) = (FILE_HEADER, first, 0);
    while let Some(header) = whole_record(bytes, at) {
        if header.first_offset != next {
            let what = "a record does not follow the one before it";
            return Err(Error::Damaged { path: options.path(first), at: at as u64, what });
        }
        next = header.next_offset();
        proven = usize::try_from(header.durable).unwrap_or(0).min(at);
        at += usize::try_from(header.len()).unwrap_or(usize::MAX);
    }
    if at < bytes.len() {
        let path = options.path(first);
        if was_durable(bytes, at) {
            return Err(Error::Damaged {
                path,
                at: at as u64,
                what: "a record that was durable is not whole",
            });
        }
        file.cut(at as u64).map_err(|source| Error::io("shorten", path, source))?;
    }
    // What no later record proves to be durable may stand in memory only, and after a failed sync the
    // system believes that it does not: it is written again, so that this sync is about it.
    let failed = |source| Error::io("sync", options.path(first), source);
    match file.write_at(&bytes[proven..at], proven as u64) {
        Err(source) if !is_full(&source) => return Err(failed(source)),
        Ok(()) | Err(_) => file.sync().map_err(failed)?,
    }
    let end = at as u64;
    Ok(State { firsts, file, end, durable: end, next, stopped: false })
}

/// Whether something behind `at` proves that the bytes at `at` were durable once: a whole record that was
/// written when they were.
fn was_durable(bytes: &[u8], at: usize) -> bool {
    let starts = bytes[at..].windows(RECORD_MAGIC.len()).enumerate();
    starts
        .filter(|(_, window)| window == RECORD_MAGIC)
        .filter_map(|(from, _)| whole_record(bytes, at + from))
        .any(|header| header.durable > at as u64)
}

fn whole_record(bytes: &[u8], at: usize) -> Option<Header> {
    let rest = bytes.get(at..)?;
    let header = Header::decode(rest.get(..RECORD_HEADER)?)?;
    let record = rest.get(..usize::try_from(header.len()).ok()?)?;
    is_whole(record).then_some(header)
}

fn read_all(file: &dyn File, path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::io("read", path.to_path_buf(), source);
    let length = usize::try_from(file.len().map_err(failed)?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    let read = file.read_at(&mut bytes, 0).map_err(failed)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// The first offset in a log file's name.
fn first_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
    (name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit())).then(|| name.parse().ok()).flatten()
}
