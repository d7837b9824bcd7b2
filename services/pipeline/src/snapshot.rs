//! The state of all shards at one offset, in a file: so that a start replays only what came after.
//! Specified in `docs/formats/pipeline-snapshot.md`.
//!
//! Written beside the old one, synced, renamed over it, the directory synced. It can always be left out:
//! the log gives the same state.

use base::{Id, noun};
use detect::{SHARDS, ShardState};
use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"NXSTATE\x01";

/// Where it stands.
pub(crate) fn path(organization_dir: &Path) -> PathBuf {
    organization_dir.join("state")
}

/// Writes the snapshot of the states before `offset`; how many bytes it has.
pub(crate) fn write(
    path: &Path,
    organization: Id<noun::Organization>,
    offset: u64,
    states: &[ShardState],
) -> io::Result<u64> {
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    let bytes = encode(organization, offset, states);
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())?;
    Ok(bytes.len() as u64)
}

/// Reads it. `None` where there is none that this release can go on from.
pub(crate) fn read(path: &Path, organization: Id<noun::Organization>) -> Option<(u64, Vec<ShardState>)> {
    let bytes = fs::read(path).ok()?;
    let read = decode(&bytes, organization);
    if read.is_none() {
        tracing::warn!(path = %path.display(), "a snapshot does not read; the state is rebuilt from the log");
    }
    read
}

fn encode(organization: Id<noun::Organization>, offset: u64, states: &[ShardState]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(organization.as_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    for state in states {
        let bytes = state.to_bytes();
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(&bytes);
    }
    let checksum = crc32c::crc32c(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

fn decode(bytes: &[u8], organization: Id<noun::Organization>) -> Option<(u64, Vec<ShardState>)> {
    let (body, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let rest = body.strip_prefix(MAGIC)?.strip_prefix(organization.as_bytes())?;
    let (offset, mut rest) = rest.split_first_chunk::<8>()?;
    let mut states = Vec::with_capacity(SHARDS);
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        let (state, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        states.push(ShardState::from_bytes(state).ok()?);
        rest = after;
    }
    (rest.is_empty() && states.len() == SHARDS).then(|| (u64::from_le_bytes(*offset), states))
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, read, write};
    use base::{Id, digest};
    use detect::{SHARDS, ShardState};

    #[test]
    fn the_bytes_are_the_documented_ones() {
        let states = vec![ShardState::default(); SHARDS];
        let bytes = encode(Id::from_bytes([7; 16]), 258, &states);
        let state = states[0].to_bytes();
        assert_eq!(
            digest::hex(&bytes[..40]),
            format!("4e58535441544501{}0201000000000000{:02x}00000000000000", "07".repeat(16), state.len())
        );
        assert_eq!(&bytes[40..40 + state.len()], state);
        assert_eq!(bytes.len(), 32 + SHARDS * (8 + state.len()) + 4);
        assert_eq!(decode(&bytes, Id::from_bytes([7; 16])), Some((258, states)));
        assert_eq!(decode(&bytes, Id::from_bytes([8; 16])), None);
    }

    #[test]
    fn a_changed_or_cut_snapshot_is_left_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = super::path(dir.path());
        let organization = Id::from_bytes([7; 16]);
        assert_eq!(read(&path, organization), None);
        write(&path, organization, 5, &vec![ShardState::default(); SHARDS]).expect("a disk");
        assert_eq!(read(&path, organization).map(|(offset, _)| offset), Some(5));
        let bytes = std::fs::read(&path).expect("there");
        for at in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            assert_eq!(decode(&changed, organization), None, "byte {at}");
            assert_eq!(decode(&bytes[..at], organization), None, "cut at {at}");
        }
    }
}
