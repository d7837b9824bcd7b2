//! Columns that are encrypted as a whole: in a build that has it, pyarrow reads them through a `KmsClient`.

use crate::world::World;
use fields::{
    Error, Field, FieldPolicy, Mode, Path,
    formats::{Dialect, Format},
};

fn policy(whole: &[&str], sealed: &[&str]) -> FieldPolicy {
    let field = |path: &&str, mode: Mode| Field::new(Path::parse(path).expect("a path"), mode);
    let whole = whole.iter().map(|path| field(path, Mode::ParquetAead));
    let sealed = sealed.iter().map(|path| field(path, Mode::Aead));
    FieldPolicy::new(whole.chain(sealed).collect(), None).expect("a policy")
}

#[test]
fn no_other_format_has_it() {
    let error = World::new()
        .protect_file(Format::Csv(Dialect::default()), b"a\n1\n", &policy(&["a"], &[]), 9)
        .expect_err("it is refused");
    assert!(matches!(error, Error::Mode { mode: "parquet-aead", .. }), "{error}");
}

#[cfg(not(feature = "parquet-encryption"))]
#[test]
fn a_build_without_it_refuses_the_mode_and_names_the_feature() {
    let error = World::new()
        .protect_file(Format::Parquet, b"PAR1", &policy(&["a"], &[]), 9)
        .expect_err("it is refused");
    assert!(error.to_string().contains("`parquet-encryption`"), "{error}");
}

#[cfg(feature = "parquet-encryption")]
mod with_the_feature {
    use super::policy;
    use crate::{python, world::World};
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use crypto::{hpke, text};
    use fields::{Error, KeyName, formats::Format};
    use serde_json::{Value, json};

    const WHOLE: [&str; 4] = ["text", "long", "money", "day"];
    const SEALED: [&str; 1] = ["raw"];
    const KEPT: [&str; 4] = ["id", "plain", "items", "when"];

    fn input() -> Vec<u8> {
        let made = python::ask("arrow.py", &json!({ "do": "make", "options": { "compression": "zstd" } }));
        text::decode(made.as_str().expect("text"), "file").expect("base64url")
    }

    /// Lets pyarrow read; `release` is who is asked for keys.
    fn read(world: &World, input: &[u8], output: &[u8], release: bool) -> (Value, Vec<KeyName>) {
        let mut asked = Vec::new();
        let request = json!({
            "input": text::encode(input),
            "output": text::encode(output),
            "whole": WHOLE,
            "sealed": SEALED,
            "kept": KEPT,
        });
        let answer = python::converse("release.py", &request, |question| {
            let name: KeyName = question["key_name"].as_str().expect("text").parse().expect("a key's name");
            let sealed = STANDARD.decode(question["wrapped_key"].as_str().expect("text")).expect("base64");
            let info = name.info(world.key.organization);
            let key =
                hpke::open(&*world.provider, &world.pair.private, &info, &[], &sealed).expect("it opens");
            asked.push(name);
            json!({ "key": release.then(|| text::encode(key.expose())) })
        });
        (answer, asked)
    }

    #[test]
    fn pyarrow_reads_it_with_released_keys_and_only_so() {
        let world = World::new();
        let input = input();
        let (output, manifest) = world
            .protect_file(Format::Parquet, &input, &policy(&WHOLE, &SEALED), 50_000)
            .expect("it protects");
        let manifest = world.signed(&manifest).expect("it verifies");
        assert_eq!((manifest.output.rows(), manifest.output.bytes()), (300, output.len() as u64));
        let (answer, asked) = read(&world, &input, &output, true);
        assert_eq!(answer, json!({ "wrong": [] }));
        let mut fields = asked.iter().map(|name| name.field.as_str()).collect::<Vec<_>>();
        fields.sort_unstable();
        fields.dedup();
        assert_eq!(fields, ["day", "long", "money", "text"]);
        for name in &asked {
            let listed = manifest.keys.iter().any(|key| key.field == name.field && key.id == name.id);
            assert!(listed, "the manifest lists every key");
        }
        let canary = b"canary-text-17";
        assert!(!output.windows(canary.len()).any(|window| window == canary));
        let (answer, _) = read(&world, &input, &output, false);
        assert!(answer["refused"].is_string() && answer["wrong"] == json!([]), "{answer}");
        let error =
            world.reveal_file(&output, &manifest, None, 1 << 20).expect_err("a Parquet reader reads it");
        assert!(matches!(error, Error::Mode { mode: "parquet-aead", .. }), "{error}");
    }
}
