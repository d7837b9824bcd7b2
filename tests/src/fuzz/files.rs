//! Files of every format: what is protected is revealed as it was, in pieces of any size, and what is no such file is
//! an error.

use super::values::PROVIDER;
use base::{Id, Secret, Timestamp, noun};
use crypto::{FieldKey, Suite, hpke::KeyPair};
use fields::{
    DatasetKey, Error, Field, FieldPolicy, KeyNeed, Keyring, Manifest, Mode, Path, Protector, Revealer, Run,
    formats::{self, Dialect, Format, Protect, Reveal, Spool},
    suggest as suggestions,
};
use std::sync::LazyLock;

struct World {
    pair: KeyPair,
    key: DatasetKey,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let pair = KeyPair::generate(&**PROVIDER, Suite::Hybrid768);
    let key = DatasetKey {
        organization: Id::from_bytes([1; 16]),
        dataset: Id::from_bytes([2; 16]),
        name: "customers".to_owned(),
        key: Id::from_bytes([3; 16]),
        public: pair.public.clone(),
    };
    World { pair, key }
});

fn policy(fields: &[(&str, &str)]) -> FieldPolicy {
    let fields = fields.iter().map(|(path, mode)| {
        Field::new(Path::parse(path).expect("a path"), mode.parse::<Mode>().expect("a mode"))
    });
    FieldPolicy::new(fields.collect(), None).expect("a policy")
}

/// The own keys of a policy's fields.
fn ring(policy: &FieldPolicy) -> Keyring {
    let mut ring = Keyring::new();
    for field in policy.fields() {
        if let KeyNeed::FieldKey(algorithm) = field.mode.key() {
            let key = FieldKey::from_secret(algorithm, 7, Secret::new(vec![7; algorithm.key_len()]));
            let version: Id<noun::Key> = Id::from_bytes([9; 16]);
            ring.field_key(field.path.as_str(), version, key.expect("a key of its length"));
        }
    }
    ring
}

fn spool(format: Format) -> Option<Spool> {
    format.spooled().then(|| Spool::new(&**PROVIDER, Box::new(Vec::new())))
}

fn protect(
    format: Format,
    policy: &FieldPolicy,
    input: &[u8],
    piece: usize,
) -> Result<(Vec<u8>, Manifest), Error> {
    let run = Run { id: Id::from_bytes([4; 16]), created: Timestamp::from_millis(0) };
    let (key, ring) = (WORLD.key.clone(), ring(policy));
    let protector = Protector::with_keys(PROVIDER.clone(), key, run, policy.clone(), &ring)?;
    let mut protect = Protect::new(format, protector, spool(format))?;
    let mut out = Vec::new();
    for piece in input.chunks(piece) {
        protect.push(piece, &mut out)?;
    }
    let manifest = protect.finish(&mut out)?;
    Ok((out, manifest))
}

fn revealed(manifest: &Manifest, output: &[u8], piece: usize) -> Result<Vec<u8>, Error> {
    let mut ring = ring(&manifest.policy);
    for key in &manifest.keys {
        ring.data_key(&key.field, manifest.open_key(&**PROVIDER, &WORLD.pair.private, key)?);
    }
    let revealer = Revealer::new(PROVIDER.clone(), manifest, manifest.part(None)?, &ring)?;
    let mut reveal = Reveal::new(manifest, revealer, spool(manifest.output.format()?))?;
    let mut out = Vec::new();
    for piece in output.chunks(piece) {
        reveal.push(piece, &mut out)?;
    }
    reveal.finish(&mut out)?;
    Ok(out)
}

/// There and back, in pieces and at once. The first byte is the size of the pieces.
fn there_and_back(format: Format, policy: &FieldPolicy, bytes: &[u8]) -> bool {
    let Some((&piece, input)) = bytes.split_first() else { return false };
    let (piece, whole) = (usize::from(piece).max(1), input.len().max(1));
    let in_pieces = protect(format, policy, input, piece);
    let at_once = protect(format, policy, input, whole);
    assert_eq!(in_pieces.is_ok(), at_once.is_ok(), "pieces or not: {:?}", (in_pieces.err(), at_once.err()));
    let Ok((output, manifest)) = at_once else { return false };
    let plain = revealed(&manifest, &output, output.len().max(1)).expect("what was protected is revealed");
    assert_eq!(revealed(&manifest, &output, piece).as_ref(), Ok(&plain), "pieces or not");
    // The cells of a protected column come back in their shortest form; once they have it, nothing changes any more.
    let (output, manifest) =
        protect(format, policy, &plain, whole).expect("what was revealed is such a file");
    assert_eq!(revealed(&manifest, &output, whole).as_ref(), Ok(&plain), "there and back again");
    true
}

/// CSV: the first byte is the size of the pieces, the second chooses the delimiter.
pub(super) fn csv(bytes: &[u8]) -> bool {
    let Some((&[piece, delimiter], input)) = bytes.split_first_chunk() else { return false };
    let delimiter = [',', ';', '\t', '|', ' ', '0'][usize::from(delimiter) % 6];
    let format = Format::Csv(Dialect::new(delimiter).expect("a delimiter"));
    let policy = policy(&[("a", "aead"), ("b", "siv"), ("c", "gcm-siv")]);
    there_and_back(format, &policy, &[&[piece], input].concat())
}

fn nested() -> FieldPolicy {
    policy(&[("a", "aead"), ("$.b.c", "siv"), ("$.items[*].sku", "gcm-siv")])
}

/// A JSON document.
pub(super) fn json(bytes: &[u8]) -> bool {
    there_and_back(Format::Json, &nested(), bytes)
}

/// JSON records, one on each line.
pub(super) fn ndjson(bytes: &[u8]) -> bool {
    there_and_back(Format::Ndjson, &nested(), bytes)
}

/// A Parquet file, and what kind of file it is taken for.
pub(super) fn parquet(bytes: &[u8]) -> bool {
    let _ = Format::recognize(None, bytes);
    let policy = policy(&[("a", "aead")]);
    let Ok((output, manifest)) = protect(Format::Parquet, &policy, bytes, 1 << 20) else { return false };
    // What the policy does not name is copied as it is, so damage in it stays and may show only now.
    match revealed(&manifest, &output, 1 << 20) {
        Ok(_) => true,
        Err(error) => {
            assert!(matches!(error, Error::Parquet(_)), "what was protected is revealed: {error}");
            false
        }
    }
}

/// What a file seems to hold that is sensitive.
pub(super) fn suggest(bytes: &[u8]) -> bool {
    let Some(format) = Format::recognize(None, bytes) else { return false };
    let Ok(samples) = formats::sample(format, bytes) else { return false };
    let found = suggestions::suggest(&samples);
    for suggestion in &found {
        assert!((50..=100).contains(&suggestion.confidence), "{suggestion:?}");
        assert!(samples.iter().any(|sample| sample.path == suggestion.path), "{suggestion:?}");
    }
    !found.is_empty()
}

/// Any bytes under a manifest that was not made for them: nothing but its own output passes.
pub(super) fn reveal(bytes: &[u8]) -> bool {
    static GOLDEN: LazyLock<Vec<(Vec<u8>, Manifest)>> = LazyLock::new(|| {
        let files: [(Format, FieldPolicy, &[u8]); 3] = [
            (
                Format::Csv(Dialect::default()),
                policy(&[("a", "aead"), ("b", "siv")]),
                b"a,b\r\n1,2\r\n\"x\ny\",\r\n",
            ),
            (Format::Json, nested(), br#"[{"a":1,"b":{"c":"x"},"items":[{"sku":true}]}]"#),
            (Format::Ndjson, nested(), b"{\"a\":null,\"b\":{\"c\":2},\"items\":[{\"sku\":[]}]}\n"),
        ];
        files.map(|(format, policy, input)| protect(format, &policy, input, 64).expect("it protects")).into()
    });
    // A mutant of a golden output: which, where, by what; then a tail.
    let Some((&[which, at, by], tail)) = bytes.split_first_chunk() else { return false };
    let (output, manifest) = &GOLDEN[usize::from(which) % GOLDEN.len()];
    let mut altered = output.clone();
    let at = usize::from(at) * output.len() / 256;
    altered[at] ^= by;
    altered.extend_from_slice(tail);
    let got = revealed(manifest, &altered, 64);
    assert_eq!(got.is_ok(), altered == *output, "only the output that was described is revealed whole");
    // And bytes of nobody's making.
    let _ = revealed(manifest, bytes, 7);
    got.is_ok()
}
