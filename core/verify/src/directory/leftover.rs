//! Files below the minimum index that are still there: pruning goes from the lowest level up, and may have been cut short,
//! or not begun. Whatever stands is held against the hash that stands above it.

use super::LedgerFiles;
use super::inventory::Inventory;
use crate::failure::{Failure, Problem};
use crate::merkle::{Frontier, Hash, leaf};
use crate::tiles::{self, Stack, TilePath, WIDTH};

/// Checks every file that lies wholly below `minimum`. What lies above has been checked.
pub(super) fn check(
    files: &dyn LedgerFiles,
    inventory: &Inventory,
    size: u64,
    minimum: u64,
) -> Result<(), Failure> {
    for path in inventory.tiles().filter(|path| path.is_prunable(minimum)) {
        let bytes = inventory.present(files, path)?;
        let fits = match path.is_full() {
            true => is_vouched_for(files, inventory, size, path, &bytes)?,
            // An older state of a full file.
            false => match path.with_width(WIDTH).filter(|full| inventory.has(*full)) {
                Some(full) => {
                    Some(inventory.present(files, full)?.starts_with(&bytes) && is_whole(path, &bytes))
                }
                None => None,
            },
        };
        match fits {
            Some(true) => {}
            Some(false) => return Err(Failure::new(path.to_string(), Problem::PrunedChanged)),
            None => return Err(Failure::new(path.to_string(), Problem::Unvouched)),
        }
    }
    Ok(())
}

/// Whether a full file has the hashes that stand above it; `None` where nothing does.
fn is_vouched_for(
    files: &dyn LedgerFiles,
    inventory: &Inventory,
    size: u64,
    path: TilePath,
    bytes: &[u8],
) -> Result<Option<bool>, Failure> {
    let Some(hashes) = hashes(path, bytes) else { return Ok(Some(false)) };
    let below = match path.stack() {
        Stack::Entries => {
            // Beside its own tile if that is there still, else as its root.
            let tile =
                TilePath::new(Stack::Level(0), path.index(), WIDTH).filter(|tile| inventory.has(*tile));
            if let Some(tile) = tile {
                return Ok(Some(inventory.present(files, tile)? == hashes.as_flattened()));
            }
            0
        }
        Stack::Level(level) => level,
    };
    let above = Stack::Level(below.saturating_add(1));
    let Some(above) = TilePath::holding(above, path.index(), size).filter(|above| inventory.has(*above))
    else {
        return Ok(None);
    };
    let claimed = inventory.present(files, above)?;
    let slot = usize::try_from(path.index() % u64::from(WIDTH)).unwrap_or(usize::MAX);
    let root: Hash = hashes.into_iter().collect::<Frontier>().root();
    Ok(Some(claimed.as_chunks::<32>().0.get(slot) == Some(&root)))
}

fn hashes(path: TilePath, bytes: &[u8]) -> Option<Vec<Hash>> {
    let hashes = match path.stack() {
        Stack::Entries => tiles::entries(bytes).ok()?.into_iter().map(leaf).collect(),
        Stack::Level(_) => tiles::hashes(bytes)?,
    };
    (hashes.len() == usize::from(path.width())).then_some(hashes)
}

fn is_whole(path: TilePath, bytes: &[u8]) -> bool {
    hashes(path, bytes).is_some()
}
