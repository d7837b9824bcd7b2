//! What was seen, as tables for people: Markdown, so that they can be published as they are.

use crate::truth::stratus::Recorded;
use crate::truth::world::{Attacked, Chain};
use base::Severity;
use comfy_table::{Table, presets};
use detect::Detector;
use simulate::Plot;
use std::collections::{BTreeMap, BTreeSet};

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(header);
    table
}

/// One row for each recording.
pub(crate) fn recorded(all: &[Recorded]) -> String {
    let mut table = table(&["recorded technique", "events", "with a finding", "worst", "what was found"]);
    for one in all {
        let titles: Vec<&str> = one.titles.iter().map(String::as_str).collect();
        table.add_row([
            one.technique.clone(),
            one.events.to_string(),
            one.with_finding.to_string(),
            one.worst.map_or("none", Severity::as_str).to_owned(),
            titles.join("; "),
        ]);
    }
    table.to_string()
}

/// One row for each kind of attack, over several seeds.
pub(crate) fn plots(seen: &[Attacked]) -> String {
    let mut table = table(&[
        "attack",
        "chains",
        "found before the last step",
        "after how many of its calls",
        "first by",
        "cut off before the last step",
        "behaviour alone",
    ]);
    for plot in Plot::ALL {
        let of = |name: &str| name.split('/').next() == Some(plot.as_str());
        let all = seen.iter().flat_map(|seen| &seen.chains).filter(|(name, _)| of(name));
        let chains: Vec<&Chain> = all.map(|(_, chain)| chain).collect();
        let count = |which: fn(&Chain) -> bool| chains.iter().filter(|chain| which(chain)).count();
        let mut after: Vec<u32> = chains.iter().filter_map(|chain| Some(chain.found?.0)).collect();
        after.sort_unstable();
        let middle = after.get(after.len() / 2).map_or("–".to_owned(), u32::to_string);
        let calls = chains.iter().map(|chain| chain.events).sum::<u32>() as usize / chains.len().max(1);
        let mut by: BTreeMap<Detector, usize> = BTreeMap::new();
        for chain in &chains {
            if let Some((_, detector)) = chain.found {
                *by.entry(detector).or_default() += 1;
            }
        }
        let by: Vec<String> =
            by.iter().map(|(detector, count)| format!("{} {count}", detector.as_str())).collect();
        table.add_row([
            plot.as_str().to_owned(),
            chains.len().to_string(),
            count(|chain| chain.before_last).to_string(),
            format!("{middle} of {calls}"),
            by.join(", "),
            count(|chain| chain.cut).to_string(),
            count(|chain| chain.by_behaviour).to_string(),
        ]);
    }
    table.to_string()
}

/// One row for each technique that the attacks use, over several seeds.
pub(crate) fn techniques(seen: &[Attacked]) -> String {
    let mut table = table(&[
        "technique",
        "chains",
        "with a finding on a call of it",
        "calls",
        "with any finding",
        "medium or higher",
    ]);
    let names: BTreeSet<&String> = seen.iter().flat_map(|seen| seen.techniques.keys()).collect();
    for name in names {
        let all: Vec<_> = seen.iter().filter_map(|seen| seen.techniques.get(name)).collect();
        table.add_row([
            name.clone(),
            all.iter().map(|one| one.chains.len()).sum::<usize>().to_string(),
            all.iter().map(|one| one.told.len()).sum::<usize>().to_string(),
            all.iter().map(|one| one.events).sum::<u64>().to_string(),
            all.iter().map(|one| one.any).sum::<u64>().to_string(),
            all.iter().map(|one| one.medium).sum::<u64>().to_string(),
        ]);
    }
    table.to_string()
}

/// One row for each rule that spoke of ordinary days, the loudest first.
pub(crate) fn loudest(by_rule: &BTreeMap<(Detector, String), (u64, u64)>) -> String {
    let mut table = table(&["said of ordinary days", "by", "times", "medium or higher"]);
    let mut all: Vec<_> = by_rule.iter().collect();
    all.sort_by_key(|(_, (any, medium))| std::cmp::Reverse((*medium, *any)));
    for ((detector, title), (any, medium)) in all.into_iter().take(20) {
        table.add_row([title.clone(), detector.as_str().to_owned(), any.to_string(), medium.to_string()]);
    }
    table.to_string()
}
