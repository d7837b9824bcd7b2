//! What is fuzzed: every parser of bytes that somebody else made, as a plain function: what people protect and carry about,
//! what sources and strangers send, and what a node finds on its disk.
//!
//! `fuzz/tests.rs` runs each over its seeds (`tests/fuzz-corpus/TARGET`) and over mutants of them, in every `make test`;
//! `make fuzz` runs the same functions under libFuzzer, which looks for further ones. A function panics where a promise is
//! broken, and says whether it took the input, so that seeds which reach nothing are noticed.

mod documents;
mod files;
mod ledgers;
pub mod mutants;
mod received;
mod recovery;
#[cfg(test)]
mod tests;
mod values;

/// One function under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of the folder of its seeds.
    pub name: &'static str,
    /// Runs it: whether the input was taken. Panics where a promise is broken.
    pub run: fn(&[u8]) -> bool,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "certificate", run: recovery::certificate },
    Target { name: "contribution", run: recovery::contribution },
    Target { name: "credential", run: received::credential },
    Target { name: "csv", run: files::csv },
    Target { name: "custodian", run: recovery::custodian },
    Target { name: "custodian_key", run: recovery::custodian_key },
    Target { name: "dataset_key", run: documents::dataset_key },
    Target { name: "envelope", run: values::envelope },
    Target { name: "epoch", run: received::epoch },
    Target { name: "events", run: received::events },
    Target { name: "ff1", run: values::ff1 },
    Target { name: "field_value", run: values::field_value },
    Target { name: "invitation", run: recovery::invitation },
    Target { name: "json", run: files::json },
    Target { name: "jwk", run: documents::jwk },
    Target { name: "jws", run: documents::jws },
    Target { name: "key_name", run: documents::key_name },
    Target { name: "ledger_checkpoint", run: ledgers::checkpoint },
    Target { name: "ledger_entry", run: ledgers::entry },
    Target { name: "ledger_key", run: ledgers::key },
    Target { name: "ledger_policy", run: ledgers::policy },
    Target { name: "ledger_proof", run: ledgers::proof },
    Target { name: "ledger_tile", run: ledgers::tile },
    Target { name: "ledger_witnessed", run: ledgers::witnessed },
    Target { name: "manifest", run: documents::manifest },
    Target { name: "ndjson", run: files::ndjson },
    Target { name: "parquet", run: files::parquet },
    Target { name: "passphrase", run: documents::passphrase },
    Target { name: "path", run: documents::path },
    Target { name: "policy", run: documents::policy },
    Target { name: "recovery_package", run: recovery::package },
    Target { name: "reveal", run: files::reveal },
    Target { name: "root", run: recovery::root },
    Target { name: "root_act", run: recovery::root_act },
    Target { name: "rule", run: received::rule },
    Target { name: "sealed_key", run: values::sealed_key },
    Target { name: "sealed_share", run: recovery::sealed_share },
    Target { name: "shard", run: received::shard },
    Target { name: "share", run: values::share },
    Target { name: "suggest", run: files::suggest },
    Target { name: "text", run: values::text },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
