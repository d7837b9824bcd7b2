//! A reader that a stranger wrote, from the pages in `docs/formats/` alone and with pyca/cryptography
//! (`tests/python/stranger/reader.py`): it reads what we protect, byte for byte, in every mode of a CSV file and
//! under both suites, and refuses what is not whole.

use crate::world::World;
use base::{Id, noun};
use crypto::{
    FieldAlgorithm, FieldKey, Suite,
    hpke::KeyPair,
    sign::{Algorithm, SigningKey},
    text,
};
use fields::{
    FieldPolicy, KeyNeed, Keyring, Manifest, Protector,
    formats::{Dialect, Format, Protect},
};
use serde_json::{Map, Value, json};
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Asks the stranger's reader all questions at once: a Python starts but once.
fn ask(questions: &Value) -> Vec<Value> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "there is no {}: run `make test`, which makes it", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/stranger/reader.py");
    let mut child = Command::new(python)
        .arg("-B")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(questions.to_string().as_bytes()).expect("the reader reads");
    drop(stdin);
    let done = child.wait_with_output().expect("the reader ends");
    assert!(done.status.success(), "the reader failed; what it says stands above");
    serde_json::from_slice(&done.stdout).expect("it answers in JSON")
}

/// What somebody protected, and all that a reader of it needs.
struct Protected {
    output: Vec<u8>,
    manifest: String,
    question: Value,
}

fn protected(world: &World, format: Format, policy: &str, file: &[u8]) -> Protected {
    let policy: FieldPolicy = serde_json::from_str(policy).expect("a policy");
    let (mut ring, mut field_keys) = (Keyring::new(), Map::new());
    for field in policy.fields() {
        if let KeyNeed::FieldKey(algorithm) = field.mode.key() {
            let key = FieldKey::generate(&*world.provider, algorithm);
            let version = Id::<noun::Key>::from_bytes(crypto::random(&*world.provider));
            field_keys.insert(version.to_string(), text::encode(key.as_secret().expose()).into());
            ring.field_key(field.path.as_str(), version, key);
        }
    }
    let (provider, key) = (world.provider.clone(), world.key.clone());
    let protector = Protector::with_keys(provider, key, world.run(), policy, &ring).expect("a run");
    let mut protect = Protect::new(format, protector, None).expect("a stream");
    let mut output = Vec::new();
    protect.push(file, &mut output).expect("it protects");
    let manifest: Manifest = protect.finish(&mut output).expect("it ends");
    let manifest = manifest.sign(&world.producer).to_file();
    let manifest = String::from_utf8(manifest).expect("JSON");
    let question = json!({
        "manifest": manifest,
        "output": text::encode(&output),
        "trusted": [serde_json::to_value(world.producer.verifying_key()).expect("a JWK")],
        "private": text::encode(world.pair.private.as_secret().expose()),
        "field_keys": field_keys,
    });
    Protected { output, manifest, question }
}

fn csv() -> Format {
    Format::Csv(Dialect::default())
}

fn world(suite: Suite, algorithm: Algorithm) -> World {
    let mut world = World::new();
    world.pair = KeyPair::generate(&*world.provider, suite);
    world.key.public = world.pair.public.clone();
    world.producer = SigningKey::generate(&*world.provider, algorithm);
    world
}

#[test]
fn a_strangers_reader_reads_json_to_the_byte() {
    let world = world(Suite::Hybrid768, Algorithm::MlDsa65);
    let record = |id: &str, odd: &str| {
        format!(
            "{{ \"id\":{id}, \"name\" : \"Zo\u{eb} \\\"Z\\\" \\n\",\"address\":{{\"zip\":-1.50e+2,\"street name\":\"{odd}\"}},\
             \"items\":[{{\"sku\":\"AB-12345\"}},{{\"sku\":null}},{{\"sku\":\"99999Z\",\"sku\":\"00000A\"}}] ,\
             \"all\":{{\"x\":[1, 2 ,{{}}]}},\"none\":null}}"
        )
    };
    let records = [record("1", "a\\u0041\\/"), record("\"two\"", "\u{1f980}"), record("3.0", "")];
    let array = format!("\u{feff} [{} ,\n{},\r\n{}\t]\n", records[0], records[1], records[2]);
    let lines = format!("{}\n\n{}\r\n{}", records[0], records[1], records[2]);
    let policy = r#"{"fields":[
        {"path":"name","mode":"siv"},
        {"path":"$.address.zip","mode":"aead"},
        {"path":"$.address['street name']","mode":"gcm-siv"},
        {"path":"$.items[*].sku","mode":"ff1","alphabet":"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
        {"path":"all","mode":"aead"},
        {"path":"none","mode":"aead"}
    ]ROW_KEY}"#;
    let (mut questions, mut files) = (Vec::new(), Vec::new());
    for (format, file) in [(Format::Json, &array), (Format::Json, &records[1]), (Format::Ndjson, &lines)] {
        for row_key in ["", r#","row_key":"id""#] {
            let made = protected(&world, format, &policy.replace("ROW_KEY", row_key), file.as_bytes());
            let text = String::from_utf8(made.output).expect("UTF-8");
            for plain in ["Zo\u{eb}", "-1.50e", "a\\u0041", "\u{1f980}", "AB-12345", "[1, 2"] {
                assert!(!text.contains(plain), "{plain} stands in the output");
            }
            questions.push(made.question);
            files.push(file);
        }
    }
    for (answer, file) in ask(&Value::Array(questions)).iter().zip(files) {
        let plain =
            text::decode(answer["plain"].as_str().expect("it was read"), "answer").expect("base64url");
        assert_eq!(&String::from_utf8(plain).expect("UTF-8"), file);
    }
}

/// Written as our own reveal writes: cells are quoted only where they must be.
const FILE: &str = "\u{feff}id,name,email,phone,card,code,born,note\r\n\
    1,Ada,ada@example.com,+1 (555) 010-0199,4111 1111 1111 1111,AB12-CD34,1815-12-10,\"a, \"\"b\"\"\"\r\n\
    2,Zoë,  ADA@Example.com ,,3782-822463-10005,ZZ99-YY88,,\"\"\r\n\
    \r\n\
    3,\"L\nM\",bob@example.com,5550100,5555555555554444,A1B2C3,\"\",\u{1f980}\r\n";

const POLICY: &str = r#"{"fields":[
    {"path":"name","mode":"aead"},
    {"path":"email","mode":"blind-index","bits":16,"normalize":["trim","nfkc","lowercase"]},
    {"path":"phone","mode":"ff1","alphabet":"0123456789"},
    {"path":"card","mode":"ff1","alphabet":"0123456789","luhn":true},
    {"path":"code","mode":"ff1","alphabet":"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"path":"born","mode":"gcm-siv"},
    {"path":"note","mode":"siv"}
]ROW_KEY}"#;

#[test]
fn a_strangers_reader_reads_every_mode() {
    let hybrid = world(Suite::Hybrid768, Algorithm::MlDsa65);
    let cnsa = world(Suite::Cnsa2, Algorithm::MlDsa87);
    let policies = [POLICY.replace("ROW_KEY", ""), POLICY.replace("ROW_KEY", r#","row_key":"id""#)];
    let (mut questions, mut files) = (Vec::new(), Vec::new());
    for world in [&hybrid, &cnsa] {
        for policy in &policies {
            let made = protected(world, csv(), policy, FILE.as_bytes());
            let text = String::from_utf8(made.output).expect("UTF-8");
            for plain in ["bob@example.com", "4111 1111 1111", "1815-12-10", "\u{1f980}"] {
                assert!(!text.contains(plain), "{plain} stands in the output");
            }
            let mut question = made.question;
            question["search"] = json!({ "field": "email", "value": "\u{ff21}da@example.COM" });
            questions.push(question);
            files.push(text);
        }
    }
    let answers = ask(&Value::Array(questions));
    for (answer, protected) in answers.iter().zip(&files) {
        let plain =
            text::decode(answer["plain"].as_str().expect("it was read"), "answer").expect("base64url");
        // An index has no way back: that column stays as it is.
        let cell = |file: &str, email: &str| file.replacen(email, "INDEX", 1);
        let mut expected = FILE.to_owned();
        for email in ["ada@example.com", "  ADA@Example.com ", "bob@example.com"] {
            expected = cell(&expected, email);
        }
        let mut read = String::from_utf8(plain).expect("UTF-8");
        for line in protected.split("\r\n").filter(|line| line.starts_with(['1', '2', '3'])) {
            let index = line.split(',').nth(2).expect("the third cell");
            read = cell(&read, index);
        }
        assert_eq!(read, expected);
        assert_eq!(answer["rows"], json!([1, 2]), "two spellings of one address meet in the index");
    }
}

#[test]
fn a_strangers_reader_refuses_what_is_not_whole() {
    let world = world(Suite::Hybrid768, Algorithm::MlDsa65);
    let policy = r#"{"fields":[{"path":"name","mode":"aead"},{"path":"note","mode":"siv"}]}"#;
    let file = b"id,name,note\n1,Ada,x\n2,Bob,y\n";
    let good = protected(&world, csv(), policy, file);
    let other = protected(&world, csv(), policy, file);
    let with = |member: &str, value: Value| {
        let mut question = good.question.clone();
        question[member] = value;
        question
    };
    let lines = good.output.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let cut = lines[..2].concat();
    let exchanged = [&lines[0], &lines[2], &lines[1]].map(Vec::as_slice).concat();
    let mut jws: Value = serde_json::from_str(&good.manifest).expect("JSON");
    let payload = jws["payload"].as_str().expect("text");
    let payload = String::from_utf8(text::decode(payload, "payload").expect("base64url")).expect("UTF-8");
    jws["payload"] = text::encode(payload.replace(r#""rows":2"#, r#""rows":1"#).as_bytes()).into();
    let stranger = SigningKey::generate(&*world.provider, Algorithm::MlDsa65);
    let stranger = serde_json::to_value(stranger.verifying_key()).expect("a JWK");
    let foreign = KeyPair::generate(&*world.provider, Suite::Hybrid768);
    let field_key = FieldKey::generate(&*world.provider, FieldAlgorithm::AesSiv);
    let mut wrong_key = good.question["field_keys"].clone();
    for key in wrong_key.as_object_mut().expect("keys").values_mut() {
        *key = text::encode(field_key.as_secret().expose()).into();
    }
    let moved = String::from_utf8(good.output.clone()).expect("UTF-8");
    let cells = moved.lines().nth(1).expect("a row").split(',').map(str::to_owned).collect::<Vec<_>>();
    let moved = moved.replacen(&cells[1], &cells[2], 1);
    let answers = ask(&json!([
        good.question,
        with("output", text::encode(&cut).into()),
        with("output", text::encode(&exchanged).into()),
        with("output", text::encode(moved.as_bytes()).into()),
        with("output", other.question["output"].clone()),
        with("manifest", jws.to_string().into()),
        with("trusted", json!([stranger])),
        with("private", text::encode(foreign.private.as_secret().expose()).into()),
        with("field_keys", wrong_key),
    ]));
    let plain = answers[0]["plain"].as_str().expect("the whole file is read");
    assert_eq!(text::decode(plain, "answer").expect("base64url"), file);
    for (at, answer) in answers.iter().enumerate().skip(1) {
        assert!(answer["refused"].is_string(), "question {at}: {answer}");
    }
}
