//! The machine that measures: its steady clock, its disk, its processes.

use crate::Failure;
use std::path::Path;
use std::time::{Duration, Instant};

/// The steady clock. Nothing else here reads it.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures with the machine's own clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How long this thread has been on a processor: what it took, whatever else ran beside it. Exact to a few
/// milliseconds.
pub(crate) fn processor() -> Result<Duration, Failure> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = told.split(' ').next().ok_or("the kernel does not say")?.parse()?;
    Ok(Duration::from_nanos(nanos))
}

/// Its cores and the filesystem of what is temporary, for whoever reads the figures: a sync costs nothing in
/// memory, and ten milliseconds on some disks.
pub(crate) fn describe() -> String {
    let cores =
        std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |cores| cores.to_string());
    let disk = tempfile::tempdir().ok().and_then(|dir| filesystem(dir.path()));
    format!("{cores} cores; temporary files on {}", disk.as_deref().unwrap_or("an unknown filesystem"))
}

/// The type of the filesystem that a path stands on, where the kernel says.
fn filesystem(path: &Path) -> Option<String> {
    mounted(&std::fs::read_to_string("/proc/self/mounts").ok()?, path)
}

/// The deepest mount that holds the path; of two in one place the later covers the earlier.
fn mounted(mounts: &str, path: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let holding = mounts.filter(|(place, _)| path.starts_with(place));
    holding.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind.to_owned())
}

/// What a process holds, and the most it held, in MB (10⁶ bytes), as the kernel counts it.
pub(crate) fn resident(pid: u32) -> Result<(f64, f64), Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let read = |name: &str| -> Result<f64, Failure> {
        let line = status.lines().find(|line| line.starts_with(name)).ok_or("the kernel does not say")?;
        let kib: f64 = line.split_whitespace().nth(1).ok_or("the kernel does not say")?.parse()?;
        Ok(kib * 1_024.0 / 1e6)
    };
    Ok((read("VmRSS:")?, read("VmHWM:")?))
}

#[cfg(test)]
mod tests {
    use super::mounted;
    use std::path::Path;

    #[test]
    fn the_deepest_mount_holds_a_path() {
        let mounts = "a / overlay rw 0 0\nb /tmp tmpfs rw 0 0\nc /tmp/x ext4 rw 0 0\nd /tmp/x xfs rw 0 0\n";
        let on = |path: &str| mounted(mounts, Path::new(path));
        assert_eq!(on("/var/tmp").as_deref(), Some("overlay"));
        assert_eq!(on("/tmp/xy").as_deref(), Some("tmpfs"));
        assert_eq!(on("/tmp/x/y").as_deref(), Some("xfs"));
    }
}
