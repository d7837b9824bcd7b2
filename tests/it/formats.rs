//! Files of every format through the command line, and what is said of those that cannot be used.

use crate::spine::House;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tests::server::{Said, nexora, run};

struct Desk {
    house: House,
    place: tempfile::TempDir,
}

impl Desk {
    fn open() -> Self {
        Self { house: House::open(), place: tempfile::tempdir().expect("a directory") }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        fs::write(self.file(name), contents).expect("written");
        self.path(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = nexora(arguments);
        command.args(["--data", self.house.server.dir.to_str().expect("UTF-8")]);
        command.env("NEXORA_TOKEN", &self.house.organization.admin);
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        run(&mut self.command(arguments))
    }
}

/// Runs a line of Python with the foreign clients.
fn python(script: &str, arguments: &[&Path]) -> String {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "{} is missing: run `make test`", python.display());
    let said = Command::new(python).args(["-c", script]).args(arguments).output().expect("Python runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).expect("text")
}

#[test]
fn every_format_comes_back_as_it_went() {
    let desk = Desk::open();
    let csv = "\u{feff}id;email;note\r\n1;ada@example.com;\"two\nlines; and a delimiter\"\r\n2;;\r\n";
    let ndjson = "{\"id\": 1, \"who\": {\"email\": \"ada@example.com\", \"age\": 41}}\n{\"id\":2,\"who\":{\"email\":null,\"age\":2.5}}\n";
    let json = "[ {\"id\": 1, \"tags\": [\"ada@example.com\", null, 7], \"who\": {}},\n  {\"id\": 2, \"tags\": []} ]\n";
    let cases = [
        ("a.csv", csv, "email,note=siv"),
        ("a.ndjson", ndjson, "$.who.email=siv,$.who.age"),
        ("a.json", json, "$.tags[*]"),
    ];
    for (name, text, fields) in cases {
        let file = desk.write(name, text);
        let out = desk.path(&format!("out.{name}"));
        let _ = desk.run(&["protect", &file, "--dataset", "d", "--fields", fields, "--out", &out]).ok();
        let protected = fs::read_to_string(&out).expect("protected");
        assert!(!protected.contains("ada@example.com"), "{name}: {protected}");
        let back = desk.run(&["reveal", &out]).ok();
        assert_eq!(back.out, text, "{name}");
        // From a pipe into a pipe.
        let manifest = desk.path(&format!("{name}.piped"));
        let format = name.rsplit('.').next().expect("an ending");
        let mut piped = desk.command(&["protect", "-", "--dataset", "d", "--fields", fields]);
        piped.args(["--format", format, "--manifest", &manifest]);
        piped.stdin(Stdio::from(fs::File::open(&file).expect("it is there")));
        let piped = run(&mut piped).ok();
        fs::write(&out, piped.out).expect("written");
        let back = desk.run(&["reveal", &out, "--manifest", &manifest]).ok();
        assert_eq!(back.out, text, "{name} by pipes");
    }
}

#[test]
fn a_parquet_file_of_others_comes_back_to_others() {
    let desk = Desk::open();
    let (file, out, back) = (desk.file("a.parquet"), desk.path("out.parquet"), desk.file("back.parquet"));
    python(
        "import sys, datetime, decimal, pyarrow as pa, pyarrow.parquet as pq\n\
         t = pa.table({'id': [1, 2, 3], 'email': ['ada@example.com', None, 'bo@example.com'], 'age': [41, None, -7],\n\
             'born': pa.array([datetime.date(1815, 12, 10), None, datetime.date(2000, 1, 1)]),\n\
             'who': [{'tags': ['x', 'y'], 'n': 1}, {'tags': None, 'n': 2}, None]})\n\
         pq.write_table(t, sys.argv[1])\n",
        &[&file],
    );
    let name = file.to_str().expect("UTF-8");
    let fields = "email=siv,age,born,$.who.tags[*]";
    // Out of a file, and out of a pipe, where it is spooled.
    for piped in [false, true] {
        let mut command = desk.command(&["protect", if piped { "-" } else { name }, "--dataset", "d"]);
        command.args(["--fields", fields, "--out", &out, "--force"]);
        command.stdin(Stdio::from(fs::File::open(&file).expect("it is there")));
        let _ = run(&mut command).ok();
        let seen = fs::read(&out).expect("protected");
        assert!(!seen.windows(15).any(|window| window == b"ada@example.com"));
        let revealed = back.to_str().expect("UTF-8");
        let _ = desk.run(&["reveal", &out, "--out", revealed, "--force"]).ok();
        let same = python(
            "import sys, pyarrow.parquet as pq\n\
             a, b, c = (pq.read_table(path) for path in sys.argv[1:4])\n\
             print(a.equals(b), a.schema.equals(b.schema), a.column('id').equals(c.column('id')))\n",
            &[&file, &back, Path::new(&out)],
        );
        assert_eq!(same.trim(), "True True True");
        fs::remove_file(&back).expect("it was written");
    }
}

#[test]
fn bad_input_is_named_by_row_column_and_cause() {
    let desk = Desk::open();
    let says = |said: &Said, code: i32, words: &[&str]| {
        assert_eq!(said.code, Some(code), "{}", said.err);
        for word in words {
            assert!(said.err.to_lowercase().contains(word), "it does not say {word}: {}", said.err);
        }
    };
    let protect = |name: &str, contents: &[u8], fields: &str| {
        let file = desk.write(name, contents);
        desk.run(&["protect", &file, "--dataset", "d", "--fields", fields])
    };
    // Not UTF-8; a row with too few cells; a quoted cell without an end; an FF1 domain that is too small.
    says(
        &protect("u.csv", b"id,email\n1,a@example.com\n2,\xff\xfe\n", "email"),
        7,
        &["row 2", "email", "utf-8"],
    );
    says(&protect("r.csv", b"id,email\n1,a\n2\n", "email"), 7, &["3"]);
    says(&protect("q.csv", b"id,email\n1,\"a\n", "email"), 7, &["quote"]);
    says(&protect("f.csv", b"id,pin\n1,1234567\n2,1234\n", "pin=ff1:digits"), 7, &["row 2", "pin"]);
    says(&protect("j.json", b"[{\"a\":1},{\"a\":}]", "a"), 7, &["line 1"]);
    says(&protect("p.parquet", b"PAR1 and nothing of it", "a"), 7, &["parquet"]);
    says(&protect("c.csv", b"id,email\n1,a\n", "passport"), 7, &["passport"]);
    says(&protect("m.csv", b"id,email\n1,a\n", "email=rot13"), 7, &["rot13"]);

    // What was protected, and then changed.
    let csv = desk.write("x.csv", "id,email,name\n1,ada@example.com,Ada\n2,bo@example.com,Bo\n");
    let out = desk.path("x.out.csv");
    let _ = desk.run(&["protect", &csv, "--dataset", "d", "--fields", "email,name=siv", "--out", &out]).ok();
    let good = fs::read_to_string(&out).expect("protected");
    let cell = |row: usize, column: usize| {
        good.lines().nth(row).and_then(|line| line.split(',').nth(column)).expect("a cell").to_owned()
    };
    for (column, name) in [(1, "email"), (2, "name")] {
        let value = cell(2, column);
        let last = value.chars().last().expect("a character");
        let bent = format!("{}{}", &value[..value.len() - 2], if last == 'A' { "BB" } else { "AA" });
        fs::write(&out, good.replace(&value, &bent)).expect("written");
        says(&desk.run(&["reveal", &out]), 8, &[name, "row 2"]);
    }
    fs::write(&out, &good[..good.len() / 2]).expect("written");
    let cut = desk.run(&["reveal", &out]);
    assert!(matches!(cut.code, Some(7 | 8)), "a cut file: {}", cut.err);
    fs::write(&out, &good).expect("written");
    let manifest = format!("{out}.manifest.json");
    let kept = fs::read(&manifest).expect("a manifest");
    fs::remove_file(&manifest).expect("it was there");
    assert_eq!(desk.run(&["reveal", &out]).code, Some(5), "nothing is revealed without its manifest");
    fs::write(&manifest, &kept[..kept.len() - 9]).expect("written");
    assert!(matches!(desk.run(&["reveal", &out]).code, Some(7 | 8)));
    fs::write(&manifest, kept).expect("written");
    let _ = desk.run(&["reveal", &out]).ok();
}

#[test]
fn what_needs_a_secret_is_refused_to_a_producer_with_the_reason() {
    let desk = Desk::open();
    let csv = desk.write("a.csv", "id,email,card\n1,ada@example.com,4111111111111111\n");
    let _ = desk.run(&["datasets", "create", "d", "--fields", "email"]).ok();
    let public = desk.run(&["keys", "export", "--public", "--dataset", "d"]).ok();
    let (public, signing) = (desk.write("d.pub", public.out), desk.path("p.key"));
    let made = run(&mut nexora(&["keys", "producer", "new", &signing, "--suite", "cnsa-2"])).ok();
    let producer = desk.write("p.pub", made.out);
    let _ = desk.run(&["keys", "producer", "add", "partner", "--public-key", &producer]).ok();
    let out = desk.path("out.csv");
    let offline = |fields: &str| {
        let arguments = ["protect", &csv, "--dataset", "d", "--fields", fields, "--public-key", &public];
        run(nexora(&arguments).args(["--signing-key", &signing, "--out", &out]))
    };
    for mode in ["siv", "ff1:digits", "blind-index:8", "token"] {
        let said = offline(&format!("card={mode}"));
        assert_eq!(said.code, Some(7), "{mode}: {}", said.err);
        let code = mode.split(':').next().unwrap_or(mode);
        assert!(
            said.err.contains(code) && said.err.contains("secret") || said.err.contains("vault"),
            "{}",
            said.err
        );
        assert!(!Path::new(&out).exists(), "{mode}");
    }
    let _ = offline("email,card=mask:0-4").ok();
    // What is there is not replaced unless that is said.
    for there in [out.clone(), format!("{out}.manifest.json")] {
        let before = fs::read(&there).expect("it is there");
        let aside = format!("{there}.aside");
        let other = if there == out { format!("{out}.manifest.json") } else { out.clone() };
        fs::rename(&other, &aside).expect("moved");
        let refused = offline("email,card=mask:0-4");
        assert_eq!(refused.code, Some(6), "{}", refused.err);
        assert!(refused.err.contains("--force") && refused.err.contains(&there), "{}", refused.err);
        assert_eq!(fs::read(&there).expect("it is there"), before);
        assert!(!Path::new(&other).exists(), "nothing was written");
        fs::rename(&aside, &other).expect("moved");
    }
    let back = desk.write("back.csv", "theirs");
    assert_eq!(desk.run(&["reveal", &out, "--out", &back]).code, Some(6));
    assert_eq!(fs::read_to_string(&back).expect("it is there"), "theirs");
    let _ = desk.run(&["reveal", &out, "--out", &back, "--force"]).ok();
    assert!(fs::read_to_string(&back).expect("it is there").contains("ada@example.com"));
    let protected = fs::read_to_string(&out).expect("protected");
    assert!(protected.contains("************1111") && !protected.contains("ada@example.com"), "{protected}");
    let back = desk.run(&["reveal", &out]).ok();
    assert_eq!(back.out, "id,email,card\n1,ada@example.com,************1111\n");
    // Off the register, what it signed is refused.
    let listed = desk.run(&["keys", "producer", "ls", "-o", "json"]).ok().json();
    let id = listed["items"][0]["id"].as_str().expect("an id").to_owned();
    let _ = desk.run(&["keys", "producer", "revoke", &id, "--yes"]).ok();
    let refused = desk.run(&["reveal", &out]);
    assert!(refused.code.is_some_and(|code| code != 0) && refused.out.is_empty(), "{}", refused.err);
}

#[test]
fn parquet_encryption_is_refused_by_name_where_the_build_has_none() {
    let desk = Desk::open();
    let file = desk.file("a.parquet");
    python(
        "import sys, pyarrow as pa, pyarrow.parquet as pq\n\
         pq.write_table(pa.table({'id': [1], 'email': ['ada@example.com']}), sys.argv[1])\n",
        &[&file],
    );
    let file = file.to_str().expect("UTF-8");
    let said = desk.run(&["protect", file, "--dataset", "d", "--fields", "email=parquet-aead"]);
    if said.code != Some(0) {
        assert_eq!(said.code, Some(7), "{}", said.err);
        assert!(said.err.contains("parquet-encryption"), "the feature is named: {}", said.err);
    }
    // For any other format it is none.
    let csv = desk.write("a.csv", "id,email\n1,ada@example.com\n");
    let said = desk.run(&["protect", &csv, "--dataset", "d", "--fields", "email=parquet-aead"]);
    assert_eq!(said.code, Some(7), "{}", said.err);
}
