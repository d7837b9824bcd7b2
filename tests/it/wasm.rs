//! What checks a ledger also runs in a browser: built for WebAssembly, it verifies the golden proof and the golden ledger in
//! a runtime that hands it nothing, and refuses them with a byte changed.

use std::path::Path;
use std::process::Command;

/// Runs a module's `main`; it may import nothing.
const RUN: &str = "
import sys, wasmtime
engine = wasmtime.Engine()
module = wasmtime.Module.from_file(engine, sys.argv[1])
assert not module.imports, [(one.module, one.name) for one in module.imports]
store = wasmtime.Store(engine)
print(wasmtime.Instance(store, module, []).exports(store)['main'](store, 0, 0))
";

#[test]
fn verification_runs_in_webassembly() {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    let module = built.join("wasm32-unknown-unknown/debug/examples/browser.wasm");
    let python = built.join("python/bin/python");
    for needed in [&module, &python] {
        assert!(needed.exists(), "{} is missing: run `make test`, which makes it", needed.display());
    }
    let said = Command::new(python).args(["-c", RUN]).arg(module).output().expect("Python runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    // Anything else means that core/verify/examples/browser.rs was not content.
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "0");
}
