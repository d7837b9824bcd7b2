//! One target of `tests::fuzz` under libFuzzer: the one that `NEXORA_FUZZ` names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::{
    env,
    panic::{catch_unwind, set_hook},
    process::abort,
    sync::OnceLock,
};
use tests::fuzz::{TARGETS, Target, target};

static CHOSEN: OnceLock<Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = env::var("NEXORA_FUZZ").unwrap_or_default();
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        let chosen = target(&name).unwrap_or_else(|| panic!("NEXORA_FUZZ names no target; there are: {}", names.join(" ")));
        CHOSEN.get_or_init(|| chosen);
        // libFuzzer's own hook ends the process at every panic, also at one that the product catches, as it does around a
        // library that panics over damaged files. Here only what leaves a target is a finding.
        set_hook(Box::new(|_| ()));
    },
    |bytes: &[u8]| {
        let target = CHOSEN.get().expect("chosen before the first input");
        if let Err(panic) = catch_unwind(|| (target.run)(bytes)) {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            eprintln!("{} breaks: {}", target.name, said.or(panic.downcast_ref().copied()).unwrap_or("?"));
            abort();
        }
    }
);
