//! The state of all shards at one offset, in a file: so that a start replays only what came after.
//! Specified in `docs/formats/pipeline-snapshot.md`.
//!
//! Written beside the old one, synced, renamed over it, the directory synced. It can always be left out:
//! the log gives the same state.

use base::{Id, noun};
use detect::behaviour::Epoch;
use detect::{SHARDS, ShardState};
use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

const MAGIC: &[u8; 8] = b"NXSTATE\x02";

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
    // All shards are at the same epoch.
    let epoch = states.first().map(|state| state.epoch().to_bytes()).unwrap_or_default();
    for bytes in std::iter::once(epoch).chain(states.iter().map(ShardState::to_bytes)) {
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
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (epoch, mut rest) = part(rest)?;
    let epoch = Arc::new(Epoch::from_bytes(epoch).ok()?);
    let mut states = Vec::with_capacity(SHARDS);
    while !rest.is_empty() {
        let (state, after) = part(rest)?;
        states.push(ShardState::restored(state, Arc::clone(&epoch)).ok()?);
        rest = after;
    }
    (rest.is_empty() && states.len() == SHARDS).then(|| (u64::from_le_bytes(*offset), states))
}

/// The next part, behind its length, and the rest.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = bytes.split_first_chunk::<8>()?;
    after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
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
        let (epoch, state) = (states[0].epoch().to_bytes(), states[0].to_bytes());
        assert_eq!(
            digest::hex(&bytes[..40]),
            format!("4e58535441544502{}0201000000000000{:02x}00000000000000", "07".repeat(16), epoch.len())
        );
        let first = 40 + epoch.len() + 8;
        assert_eq!(
            (&bytes[40..40 + epoch.len()], &bytes[first..first + state.len()]),
            (&epoch[..], &state[..])
        );
        assert_eq!(bytes.len(), 40 + epoch.len() + SHARDS * (8 + state.len()) + 4);
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
