//! The table of error kinds in the documentation is the one in the code.

use base::Kind;

#[test]
fn the_documented_error_kinds_are_those_of_the_code() {
    let page = std::fs::read_to_string(tests::repository().join("docs/errors.md")).expect("docs/errors.md");
    let rows: Vec<[String; 3]> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned());
            let mut cell = || cells.next().unwrap_or_default();
            [cell(), cell(), cell()]
        })
        .collect();
    let expected: Vec<[String; 3]> = Kind::ALL
        .iter()
        .map(|kind| [kind.as_str().to_owned(), kind.http_status().to_string(), kind.exit_code().to_string()])
        .collect();
    assert_eq!(rows, expected, "docs/errors.md against base::Kind");
}
