//! Every fuzz target over its seeds and over mutants of them, as `make fuzz` would find them in its first second.

use super::{
    TARGETS, Target,
    mutants::{Mutants, seeds},
};
use std::{fs, panic};

/// Mutants of each target.
const MUTANTS: usize = 400;

fn run(target: Target, what: &str, bytes: &[u8]) -> bool {
    panic::catch_unwind(|| (target.run)(bytes)).unwrap_or_else(|_| {
        panic!("target {} breaks on {what}: {:?}", target.name, String::from_utf8_lossy(bytes))
    })
}

#[test]
fn every_target_holds_over_its_seeds_and_their_mutants() {
    for target in TARGETS {
        let seeds = seeds(target.name).expect("a folder of seeds");
        let taken = seeds.iter().filter(|(name, bytes)| run(*target, name, bytes)).count();
        assert!(taken > 0, "{}: none of its {} seeds is taken: they reach nothing", target.name, seeds.len());
        let mutants = Mutants::new(&seeds, 1).take(MUTANTS);
        let refused = mutants.filter(|bytes| !run(*target, "a mutant", bytes)).count();
        assert!(refused > 0, "{}: everything is taken: nothing is checked", target.name);
    }
}

#[test]
fn every_folder_of_seeds_has_its_target() {
    let folder = crate::repository().join("tests/fuzz-corpus");
    let mut found: Vec<String> = fs::read_dir(folder)
        .expect("the folder of seeds")
        .map(|entry| entry.expect("a folder").file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
}
