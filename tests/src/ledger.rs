//! The ledger's entries, read from its files by somebody who did not write them (C2SP tlog-tiles: an entry
//! bundle is a sequence of two-byte lengths and entries).

use serde_json::Value;
use std::fs;
use std::path::Path;

/// The entries of a ledger in order.
///
/// # Panics
/// On a directory that is no ledger.
#[must_use]
pub fn entries(dir: &Path) -> Vec<Value> {
    let mut bundles = Vec::new();
    collect(&dir.join("tile/entries"), "", &mut bundles);
    // A full bundle stands for its partial ones; of these the widest.
    bundles.sort();
    let mut entries: Vec<Value> = Vec::new();
    let mut numbers: Vec<u64> = bundles.iter().map(|bundle: &(u64, u64, Vec<u8>)| bundle.0).collect();
    numbers.dedup();
    for number in numbers {
        let widest = bundles.iter().filter(|bundle| bundle.0 == number).max_by_key(|bundle| bundle.1);
        let mut rest = widest.map(|bundle| bundle.2.as_slice()).unwrap_or_default();
        while let [high, low, tail @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            entries.push(serde_json::from_slice(&tail[..length]).expect("an entry is JSON"));
            rest = &tail[length..];
        }
    }
    entries
}

/// Number, width and bytes of every bundle below a folder. Numbers are written `x001/234`, a partial bundle
/// as `234.p/17`.
fn collect(folder: &Path, prefix: &str, bundles: &mut Vec<(u64, u64, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().map_while(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if let Some(group) = name.strip_prefix('x') {
            collect(&path, &format!("{prefix}{group}"), bundles);
        } else if let Some(last) = name.strip_suffix(".p") {
            let number = format!("{prefix}{last}").parse().expect("a number");
            for part in fs::read_dir(&path).into_iter().flatten().map_while(Result::ok) {
                let width = part.file_name().to_string_lossy().parse().expect("a number");
                bundles.push((number, width, fs::read(part.path()).expect("a bundle")));
            }
        } else if path.is_file() {
            let number = format!("{prefix}{name}").parse().expect("a number");
            bundles.push((number, 256, fs::read(path).expect("a bundle")));
        }
    }
}
