//! Every mode in every format, through the service: keys made and opened, tokens asked for, types kept.

use crate::{House, NOW, csv};
use base::{Action, Fault as _, Kind};
use bytes::Bytes;
use datasets::{Error, Name, Protected};
use fields::{Field, FieldPolicy, Path, formats::Format};
use policy::Resource;

pub(crate) fn policy(fields: &[(&str, &str)]) -> FieldPolicy {
    let field = |(path, mode): &(&str, &str)| {
        Field::new(Path::parse(path).expect("a path"), mode.parse().expect("a mode"))
    };
    FieldPolicy::new(fields.iter().map(field).collect(), None).expect("a policy")
}

/// Every mode that opens again and works on values, on a column each.
pub(crate) const OPENING: [&str; 6] = ["aead", "gcm-siv", "siv", "ff1:digits", "ff1:digits+luhn", "token"];

fn opening() -> FieldPolicy {
    let fields: Vec<_> = ["a", "b", "c", "d", "e", "f"].into_iter().zip(OPENING).collect();
    policy(&fields)
}

/// A file in the format, with equal values in all of its rows.
fn file(format: Format) -> Vec<u8> {
    let value = |row: u32, column: usize| match column {
        3 => format!("{:08}", 10_000_000 + row % 7),
        // A card number: its last digit is a Luhn check digit.
        4 => "4242-4242-4242-4242".to_owned(),
        _ => format!("value {} of {column}", row % 7),
    };
    let columns = ["a", "b", "c", "d", "e", "f"];
    let mut out = String::new();
    match format {
        Format::Csv(_) => out.push_str("id,a,b,c,d,e,f\n"),
        Format::Json => out.push('['),
        _ => {}
    }
    for row in 0..40 {
        let cells = columns.iter().enumerate().map(|(at, name)| (name, value(row, at)));
        match format {
            Format::Csv(_) => {
                let cells: Vec<_> = cells.map(|(_, cell)| cell).collect();
                out.push_str(&format!("{row},{}\n", cells.join(",")));
            }
            _ => {
                let cells: Vec<_> = cells.map(|(name, cell)| format!("\"{name}\": \"{cell}\"")).collect();
                let comma = if format == Format::Json && row > 0 { "," } else { "" };
                out.push_str(&format!("{comma}{{\"id\": {row}, {}}}\n", cells.join(", ")));
            }
        }
    }
    if format == Format::Json {
        out.push(']');
    }
    out.into_bytes()
}

impl House {
    /// Protects whatever it is handed, in pieces.
    pub(crate) async fn protect_as(
        &self,
        name: &Name,
        policy: Option<FieldPolicy>,
        format: Format,
        input: &[u8],
    ) -> Result<(Vec<u8>, Protected), Error> {
        let permit = self.permit(&self.ctx, Action::DatasetsProtect, name.dataset(self.ctx.organization()));
        let mut run = self.datasets.protect(&self.ctx, permit, name, policy, format).await?;
        let mut output = Vec::new();
        for piece in input.chunks(700) {
            output.extend_from_slice(&run.push(Bytes::copy_from_slice(piece)).await?);
        }
        while let Some(more) = run.more().await? {
            output.extend_from_slice(&more);
        }
        let end = run.finish().await?;
        assert!(end.rest.is_empty(), "it was drained");
        Ok((output, end))
    }
}

fn name() -> Name {
    "payments".parse().expect("a name")
}

#[tokio::test]
async fn every_mode_goes_out_and_comes_back_in_every_text_format() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    for format in [csv(), Format::Json, Format::Ndjson] {
        let input = file(format);
        let (output, end) =
            house.protect_as(&name(), Some(opening()), format, &input).await.expect("it protects");
        assert_eq!(end.content.output.format().expect("known"), format);
        assert_eq!(end.content.output.rows(), 40);
        let text = String::from_utf8(output.clone()).expect("text");
        for hidden in ["value 0 of", "10000003", "4242-4242-4242-4242"] {
            assert!(!text.contains(hidden), "{hidden} stands in the {} output", format.as_str());
        }
        for piece in [3, 1_000, output.len()] {
            let plain = house.reveal(&house.ctx, &output, &end.manifest, piece).await.expect("it reveals");
            assert_eq!(plain, input, "{} in pieces of {piece}", format.as_str());
        }
        // Field keys are those of the first run: deterministic modes say the same again.
        let (again, _) =
            house.protect_as(&name(), Some(opening()), format, &input).await.expect("it protects");
        let (one, two) = (column(format, &text), column(format, &String::from_utf8(again).expect("text")));
        for (at, mode) in OPENING.iter().enumerate() {
            let same = one[at] == two[at];
            assert_eq!(same, !matches!(*mode, "aead" | "gcm-siv"), "{mode} in {}", format.as_str());
        }
    }
    let made = house.kinds().await.iter().filter(|kind| *kind == "key.generated").count();
    assert_eq!(made, 1 + 4, "a key pair, and one key for each of siv, ff1, ff1, token");
}

/// The first row's protected values.
fn column(format: Format, text: &str) -> Vec<String> {
    match format {
        Format::Csv(_) => text.lines().nth(1).expect("a row").split(',').skip(1).map(str::to_owned).collect(),
        _ => {
            let line = text.lines().next().expect("a row").trim_start_matches('[');
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            ["a", "b", "c", "d", "e", "f"]
                .map(|name| record[name].as_str().expect("text").to_owned())
                .to_vec()
        }
    }
}

#[tokio::test]
async fn nested_values_types_and_nulls_come_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let input = br#"[{"id":1,"who":{"name":"Ada","age":36},"items":[{"sku":"x-1"},{"sku":null},{"sku":"x-1"}],"ok":true},
 {"id":2,"who":{"name":null,"age":1e2},"items":[],"ok":null}]"#;
    let fields = policy(&[
        ("$.who.name", "token"),
        ("$.who.age", "aead"),
        ("$.items[*].sku", "siv"),
        ("ok", "gcm-siv"),
    ]);
    let (output, end) =
        house.protect_as(&name(), Some(fields), Format::Json, input).await.expect("it protects");
    let text = String::from_utf8(output.clone()).expect("text");
    assert!(!text.contains("Ada") && !text.contains("x-1") && text.contains("\"name\":null"), "{text}");
    let plain = house.reveal(&house.ctx, &output, &end.manifest, 50).await.expect("it reveals");
    assert_eq!(String::from_utf8(plain).expect("text"), String::from_utf8_lossy(input));
}

#[tokio::test]
async fn what_is_one_way_stays_and_the_rest_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let input = b"id,email,card,name\n1,Ada@example.com,4242424242424242,Ada\n2, ada@example.com,5555,Bob\n";
    let fields =
        policy(&[("email", "blind-index:16+trim+lowercase"), ("card", "mask:0-4"), ("name", "aead")]);
    let (output, end) = house.protect_as(&name(), Some(fields), csv(), input).await.expect("it protects");
    let text = String::from_utf8(output.clone()).expect("text");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[1][1], rows[2][1], "spellings of one address meet");
    assert_eq!(
        (rows[1][2], rows[2][2]),
        ("************4242", "****"),
        "the mask hides all but the last four"
    );
    let plain = house.reveal(&house.ctx, &output, &end.manifest, 50).await.expect("it reveals");
    let plain = String::from_utf8(plain).expect("text");
    let back: Vec<Vec<&str>> = plain.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((back[1][3], back[2][3]), ("Ada", "Bob"));
    assert_eq!((back[1][1], back[1][2]), (rows[1][1], rows[1][2]), "what has no way back stays");
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, end.content.dataset);
    let asked = house.datasets.reveal(&house.ctx, permit, &end.manifest, Some(&["email".to_owned()])).await;
    let error = asked.err().expect("it has no way back");
    assert_eq!(error.kind(), Kind::BadInput);
    assert!(error.to_string().contains("blind-index"), "{error}");
}

#[tokio::test]
async fn the_stored_policy_is_followed_unless_one_is_given() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let resource = name().dataset(house.ctx.organization());
    let error = house.protect_as(&name(), None, csv(), b"a,b\n1,2\n").await.expect_err("there is none");
    assert!(matches!(error, Error::NotFound(_)), "{error}");

    let permit = house.permit(&house.ctx, Action::DatasetsCreate, resource);
    let made = house.datasets.create(&house.ctx, &permit, &name(), None).await.expect("it is new");
    assert_eq!((made.id, made.policy), (resource, None));
    let again = house.datasets.create(&house.ctx, &permit, &name(), None).await.expect_err("it is there");
    assert_eq!(again.kind(), Kind::Conflict);
    let error = house.protect_as(&name(), None, csv(), b"a,b\n1,2\n").await.expect_err("no policy");
    assert!(matches!(error, Error::NoPolicy(_)), "{error}");

    let set = house.datasets.set_policy(&house.ctx, &permit, &name(), policy(&[("a", "siv")])).await;
    assert_eq!(set.expect("it is set").policy, Some(policy(&[("a", "siv")])));
    let shown = house.datasets.show(&house.ctx, &name()).await.expect("it is there");
    assert_eq!(shown.dataset.policy, Some(policy(&[("a", "siv")])));
    let (_, end) = house.protect_as(&name(), None, csv(), b"a,b\n1,2\n").await.expect("it protects");
    assert_eq!(end.content.policy.fields()[0].path, "a");
    let given = Some(policy(&[("b", "aead")]));
    let (_, end) = house.protect_as(&name(), given, csv(), b"a,b\n1,2\n").await.expect("it protects");
    assert_eq!(end.content.policy.fields()[0].path, "b");
    let kinds = house.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "dataset.policy_set").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| *kind == "dataset.created").count(), 1);

    // Whoever may protect may not say how.
    let identity = house.as_identity(base::Id::from_bytes([9; 16]));
    let refused = house.policy.permit(&identity, Action::DatasetsCreate, Resource::Dataset(resource), NOW);
    assert!(refused.is_err());
    let wrong = house.permit(&house.ctx, Action::DatasetsProtect, resource);
    let refused = house.datasets.set_policy(&house.ctx, &wrong, &name(), policy(&[("a", "aead")])).await;
    assert!(matches!(refused, Err(Error::Refused(_))));
}

#[tokio::test]
async fn offline_a_shared_secret_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    house.protect_as(&name(), Some(policy(&[("a", "aead")])), csv(), b"a\n1\n").await.expect("it protects");
    let key = house.datasets.public_key(&house.ctx, &name()).await.expect("it is there");
    let run = fields::Run { id: base::Id::from_bytes([8; 16]), created: NOW };
    for mode in ["siv", "ff1", "blind-index", "token"] {
        let begun = fields::Protector::new(crypto::aws_lc(), key.clone(), run, policy(&[("a", mode)]));
        let error = begun.expect_err("it needs a secret");
        assert_eq!(error.kind(), Kind::BadInput);
        let said = error.to_string();
        assert!(said.contains(mode) && (said.contains("secret") || said.contains("vault")), "{said}");
    }
    for mode in ["aead", "gcm-siv", "mask"] {
        fields::Protector::new(crypto::aws_lc(), key.clone(), run, policy(&[("a", mode)]))
            .expect("it needs none");
    }
}

#[tokio::test]
async fn a_bad_value_is_named_by_row_and_column() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    // Too small a domain for FF1: 12345 has five digits, of which there are 100,000.
    let input = b"id,card\n1,12345678\n2,12345\n";
    let error = house
        .protect_as(&name(), Some(policy(&[("card", "ff1:digits")])), csv(), input)
        .await
        .expect_err("it is too small");
    assert!(error.to_string().starts_with("row 2, column `card`"), "{error}");
    assert_eq!(error.kind(), Kind::BadInput);
    let error = house
        .protect_as(&name(), Some(policy(&[("card", "token")])), csv(), b"id,card\n1,a\n2,\xff\n")
        .await
        .expect_err("it is no text");
    assert!(error.to_string().starts_with("row 2, column `card`"), "{error}");
    // A token that nobody gave out.
    let (mut output, end) = house
        .protect_as(&name(), Some(policy(&[("card", "token")])), csv(), b"id,card\n1,a\n2,b\n")
        .await
        .expect("it protects");
    let at = output.len() - 3;
    output[at] = if output[at] == b'0' { b'1' } else { b'0' };
    let error = house.reveal(&house.ctx, &output, &end.manifest, 10).await.expect_err("unknown");
    assert!(error.to_string().starts_with("row 2, column `card`"), "{error}");
    assert_eq!(error.kind(), Kind::CheckFailed);
}

#[tokio::test]
async fn a_field_key_counts_the_values_of_a_repeated_field_one_by_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let input = br#"{"items": [{"sku": "a"}, {"sku": "b"}, {"sku": null}]}
{"items": []}
{"items": [{"sku": "c"}, {"sku": "a"}, {"sku": "d"}, {"sku": "e"}]}
"#;
    let fields = policy(&[("$.items[*].sku", "siv")]);
    house.protect_as(&name(), Some(fields), Format::Ndjson, input).await.expect("it protects");
    house.keys.settle_uses(&house.ctx).await.expect("what was reserved goes back");
    let filter =
        keys::Filter { dataset: Some(name().dataset(house.ctx.organization())), ..keys::Filter::default() };
    let known = house.keys.versions(&house.ctx, &filter, base::Limit::default(), None).await.expect("a list");
    let of_field = known.items.iter().find(|key| key.field.is_some()).expect("the field's key");
    // Six values in three rows, and a null, which may count as one: the count is an upper bound.
    assert!((6..=7).contains(&of_field.uses), "{}", of_field.uses);
}
