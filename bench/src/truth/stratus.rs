//! The recorded attacks of the shared data, one by one, before our rules.

use crate::Failure;
use crate::rules::world::shared;
use crate::truth::world::World;
use base::{Severity, Timestamp};
use detect::Detector;
use events::frame;
use std::collections::BTreeSet;

/// What was found of one recording.
pub(crate) struct Recorded {
    pub(crate) technique: String,
    pub(crate) events: usize,
    /// Events with a finding of a rule, a correlation or a sequence.
    pub(crate) with_finding: usize,
    pub(crate) worst: Option<Severity>,
    pub(crate) titles: BTreeSet<String>,
}

/// All recordings, by technique; each is judged by itself, without anything known of its identities.
pub(crate) fn recorded() -> Result<Vec<Recorded>, Failure> {
    let folder = shared().with_file_name("stratus");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut all = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let places = frame(&bytes).map_err(|error| format!("{}: {error:?}", path.display()))?;
        let mut world = World::new()?;
        let mut recorded = Recorded {
            technique: path.file_stem().map(|name| name.display().to_string()).unwrap_or_default(),
            events: places.len(),
            with_finding: 0,
            worst: None,
            titles: BTreeSet::new(),
        };
        for place in places {
            let event = bytes.get(place).unwrap_or_default();
            let (_, mut found) = world.judge(event, Timestamp::from_millis(1_800_000_000_000))?;
            found.retain(|finding| finding.detector != Detector::Behaviour);
            recorded.with_finding += usize::from(!found.is_empty());
            for finding in found {
                recorded.worst = recorded.worst.max(Some(finding.severity));
                recorded.titles.insert(finding.title);
            }
        }
        all.push(recorded);
    }
    all.sort_by(|one, other| one.technique.cmp(&other.technique));
    Ok(all)
}
