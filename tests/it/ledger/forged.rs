//! What whoever wants to be believed would try: a proof with anything in it changed, and a log with anything in it
//! changed, each by the command line and its exit code.

use super::{Stranger, directory, fails, house, keys, prove, text};
use std::fs;
use std::path::{Path, PathBuf};

/// Every way to change a file of lines: a character of each line, a line left out, doubled, exchanged with the next, an end
/// that is cut or goes on.
fn variations(whole: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let mut made = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let put = |what: &str, new: String| {
            let changed: String = lines
                .iter()
                .enumerate()
                .map(|(n, old)| if n == at { new.clone() } else { (*old).to_owned() })
                .collect();
            (format!("{what} {}", at + 1), changed)
        };
        let characters: Vec<char> = line.trim_end().chars().collect();
        for place in [0, characters.len() / 3, characters.len().saturating_sub(3)] {
            let Some(old) = characters.get(place) else { continue };
            let mut bent = characters.clone();
            bent[place] = if *old == 'A' { 'B' } else { 'A' };
            made.push(put("a character of line", bent.into_iter().collect::<String>() + "\n"));
        }
        made.push(put("without line", String::new()));
        made.push(put("twice line", format!("{line}{line}")));
        made.push(put("a space behind line", format!("{} \n", line.trim_end())));
        // In which order the log's keys have signed is theirs.
        let signature = |line: &str| line.starts_with('\u{2014}');
        let next = lines.get(at + 1).filter(|next| *next != line && !(signature(line) && signature(next)));
        if let Some(next) = next {
            let mut order = lines.clone();
            order.swap(at, at + 1);
            made.push((format!("line {} before {}: {next:?}", at + 2, at + 1), order.concat()));
        }
    }
    made.extend([
        ("nothing".to_owned(), String::new()),
        ("half of it".to_owned(), whole[..whole.len() / 2].to_owned()),
        ("without its end".to_owned(), whole.trim_end().to_owned()),
        ("with more behind it".to_owned(), format!("{whole}more\n")),
        ("with a blank line behind it".to_owned(), format!("{whole}\n")),
        ("twice".to_owned(), whole.repeat(2)),
        ("of another system's lines".to_owned(), whole.replace('\n', "\r\n")),
        ("of a later version".to_owned(), whole.replacen("@v1", "@v2", 1)),
    ]);
    // Of two equal neighbours (blank lines, say) some are what was there before.
    made.retain(|(_, changed)| changed != whole);
    made
}

#[test]
fn no_forged_proof_passes_the_command_line() {
    let house = house();
    let stranger = Stranger::new();
    for key in keys(&house) {
        let _ = stranger.run(&["ledger", "pins", "add", &key]).ok();
    }
    let (mine, other) = (prove(&house, 1).ok().out, prove(&house, 2).ok().out);
    let _ = stranger.verify(&stranger.put("whole", &mine)).ok();
    let parts = |proof: &str| {
        let (lines, note) = proof.split_once("\n\n").expect("a blank line");
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        (lines, note.to_owned())
    };
    let ((my_lines, note), (their_lines, _)) = (parts(&mine), parts(&other));
    let mut variations = variations(&mine);
    let mixed = |what: &str, lines: Vec<String>| (what.to_owned(), format!("{}\n\n{note}", lines.join("\n")));
    variations.push(mixed("another's entry", {
        let mut lines = my_lines.clone();
        lines[1].clone_from(&their_lines[1]);
        lines
    }));
    variations.push(mixed("another's position", {
        let mut lines = my_lines.clone();
        lines[2].clone_from(&their_lines[2]);
        lines
    }));
    variations.push(mixed("another's way", [&my_lines[..3], &their_lines[3..]].concat()));
    variations.push(mixed("no way", my_lines[..3].to_vec()));
    variations.push(mixed("one hash more", [&my_lines[..], &my_lines[3..4]].concat()));
    // The entry says something else, in its own spelling.
    variations.push(mixed("a rewritten entry", {
        let mut lines = my_lines.clone();
        let entry = base64_of(&lines[1]);
        let rewritten = entry.replace("\"outcome\":\"done\"", "\"outcome\":\"refused\"");
        assert_ne!(rewritten, entry);
        lines[1] = format!("extra {}", to_base64(&rewritten));
        lines
    }));
    assert!(variations.len() > 80, "{}", variations.len());
    let before = fs::read(stranger.pins()).expect("pinned");
    for (what, changed) in &variations {
        let said = stranger.verify(&stranger.put("forged", changed));
        assert_eq!((said.code, said.out.as_str()), (Some(8), ""), "{what}: {}", said.err);
        assert!(said.err.starts_with("{\"") && !said.err.contains("panicked"), "{what}: {}", said.err);
    }
    assert_eq!(fs::read(stranger.pins()).expect("pinned"), before, "and nothing was learnt from any");
    // What is too large to be a proof is not read whole.
    let large = vec![b'A'; 4 << 20];
    let said = stranger.verify(&stranger.put("large", large));
    assert!(matches!(said.code, Some(7 | 8)) && said.out.is_empty(), "{}", said.err);
}

fn base64_of(line: &str) -> String {
    use base64::Engine as _;
    let text = line.strip_prefix("extra ").expect("the entry");
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    String::from_utf8(bytes).expect("JSON")
}

fn to_base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn no_forged_log_passes_the_command_line_for_whoever_has_its_keys() {
    let mut house = house();
    let dir = directory(&house);
    assert!(house.server.stop().success());
    let stranger = Stranger::new();
    let size = stranger.verify(text(&dir)).ok().json()["size"].clone();
    let mut all = Vec::new();
    files(&dir, &mut all);
    for file in &all {
        let whole = fs::read(file).expect("a file");
        let mut changed = vec![whole[..whole.len() - 1].to_vec(), [&whole[..], b"x"].concat(), Vec::new()];
        for place in [0, whole.len() / 2, whole.len() - 1] {
            let mut bent = whole.clone();
            bent[place] ^= 1;
            changed.push(bent);
        }
        for forged in changed {
            fs::write(file, forged).expect("written");
            let said = stranger.verify(text(&dir));
            assert_eq!((said.code, said.out.as_str()), (Some(8), ""), "{}: {}", file.display(), said.err);
        }
        // Partial files of earlier states may go at any time (tlog-tiles, "Partial Tiles").
        let older = text(file).contains(".p/") && !text(file).ends_with(&format!(".p/{size}"));
        fs::remove_file(file).expect("removed");
        let code = stranger.verify(text(&dir)).code;
        assert_eq!(code, Some(if older { 0 } else { 8 }), "without {}", file.display());
        fs::write(file, whole).expect("written");
    }
    for beside in ["note.txt", "tile/entries/001", "tile/0/000.p/255", "tile/1/000", ".hidden"] {
        let path = dir.join(beside);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, "x").expect("written");
        fails(&stranger.verify(text(&dir)), beside);
        fs::remove_file(&path).expect("removed");
        // Its folder goes too, if it was made for it.
        drop(fs::remove_dir(path.parent().expect("a folder")));
    }
    let _ = stranger.verify(text(&dir)).ok();
}
