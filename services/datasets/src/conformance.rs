//! What every [`TokenVault`] and every [`Destination`] must do. Each implementation runs its suite, and the suite is
//! held to what it says by doubles that do one thing wrong each (`tests/it/ports.rs`).

use crate::{Destination, DestinationError, Location, TokenVault, VaultField};
use base::{Context, Id, Secret};
use bytes::Bytes;
use crypto::{FieldAlgorithm, FieldKey};
use std::collections::HashSet;

fn field(dataset: u8, field: &str, key: u8) -> VaultField {
    VaultField {
        dataset: Id::from_bytes([dataset; 16]),
        field: field.to_owned(),
        key: Id::from_bytes([key; 16]),
        secret: FieldKey::from_secret(FieldAlgorithm::Token, u32::from(key), Secret::new(vec![key; 64]))
            .expect("64 bytes are a key"),
    }
}

fn secrets(values: &[&str]) -> Vec<Secret<Vec<u8>>> {
    values.iter().map(|value| Secret::new(value.as_bytes().to_vec())).collect()
}

fn exposed(values: &[Option<Secret<Vec<u8>>>]) -> Vec<Option<&[u8]>> {
    values.iter().map(|value| value.as_ref().map(|value| value.expose().as_slice())).collect()
}

/// Runs the suite on a vault that holds nothing, for two organizations; `reopen` gives the same vault as a new process
/// finds it.
///
/// # Panics
/// Where the vault does not do what the port says.
pub async fn vault<V: TokenVault>(vault: V, reopen: impl AsyncFn() -> V, ctx: &Context, other: &Context) {
    let email = field(1, "email", 1);
    let long = "a value that is longer than every class of tokens: its token is not longer than the longest";
    let values = secrets(&["ada@example.com", "bob@example.com", "ada@example.com", "", long, "\0\u{ff}"]);
    let tokens = vault.tokens(ctx, &email, &values).await.expect("it gives tokens");
    assert_eq!(tokens.len(), values.len(), "one token for each value");
    assert_eq!(tokens[0], tokens[2], "a value has one token");
    assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), 5, "a token stands for one value");
    for token in &tokens {
        assert!(token.len() >= 16, "a token cannot be guessed");
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "a token is plain text");
    }
    assert_eq!(tokens[0].len(), tokens[3].len(), "short values are of one class of length");
    let again = vault.tokens(ctx, &email, &values).await.expect("it gives tokens");
    assert_eq!(again, tokens, "a value keeps its token");

    let opened = vault.values(ctx, &email, &tokens).await.expect("it knows them");
    let wanted: Vec<_> = values.iter().map(|value| Some(value.expose().as_slice())).collect();
    assert_eq!(exposed(&opened), wanted, "the values come back in order");
    let unknown = [tokens[1].clone(), "0000000000000000".to_owned()];
    let opened = vault.values(ctx, &email, &unknown).await.expect("unknown is no failure");
    assert_eq!(
        exposed(&opened),
        [Some(b"bob@example.com".as_slice()), None],
        "an unknown token has no value"
    );
    assert!(vault.values(ctx, &email, &[]).await.expect("nothing").is_empty());
    assert!(vault.tokens(ctx, &email, &[]).await.expect("nothing").is_empty());

    for elsewhere in [field(2, "email", 1), field(1, "ssn", 1), field(1, "email", 2)] {
        let known = vault.values(ctx, &elsewhere, &tokens).await.expect("unknown is no failure");
        assert!(known.iter().all(Option::is_none), "a token stands for its value in its field only");
        let tokens_there = vault.tokens(ctx, &elsewhere, &values[..1]).await.expect("it gives tokens");
        assert_ne!(tokens_there[0], tokens[0], "fields do not share tokens");
    }
    let known = vault.values(other, &email, &tokens).await.expect("unknown is no failure");
    assert!(known.iter().all(Option::is_none), "organizations do not share tokens");
    let theirs = vault.tokens(other, &email, &values[..1]).await.expect("it gives tokens");
    assert_ne!(theirs[0], tokens[0], "organizations do not share tokens");

    // Two runs at once agree.
    let more = secrets(&["carol@example.com", "dan@example.com"]);
    let (one, two) = tokio::join!(vault.tokens(ctx, &email, &more), vault.tokens(ctx, &email, &more));
    assert_eq!(one.expect("it gives tokens"), two.expect("it gives tokens"), "two runs agree on tokens");

    // More than any one query takes, in one call.
    let many: Vec<_> = (0..5_000).map(|at| Secret::new(format!("value {at}").into_bytes())).collect();
    let given = vault.tokens(ctx, &email, &many).await.expect("it gives tokens");
    assert_eq!(given.iter().collect::<HashSet<_>>().len(), many.len());

    drop(vault);
    let vault = reopen().await;
    let opened = vault.values(ctx, &email, &tokens).await.expect("it knows them");
    assert_eq!(exposed(&opened), wanted, "what was given out is durable");
    assert_eq!(vault.tokens(ctx, &email, &values).await.expect("it gives tokens"), tokens);
    let opened = vault.values(ctx, &email, &given).await.expect("it knows them");
    assert!(
        opened
            .iter()
            .zip(&many)
            .all(|(got, value)| { got.as_ref().is_some_and(|got| got.expose() == value.expose()) })
    );
}

/// Runs the suite on a destination: `location` holds the output `old` with the manifest `before`, `outside` is a
/// place that it may not write to.
///
/// # Panics
/// Where the destination does not do what the port says.
pub async fn destination<D: Destination>(destination: D, location: &Location, outside: &Location) {
    async fn pair<D: Destination>(destination: &D, location: &Location) -> (Vec<u8>, Vec<u8>) {
        let mut stored = destination.read(location).await.expect("it is there");
        let mut data = Vec::new();
        while let Some(piece) = stored.data.next().await.expect("it reads") {
            data.extend_from_slice(&piece);
        }
        (data, stored.manifest)
    }
    let before = (b"old".to_vec(), b"before".to_vec());
    assert!(destination.writable(location) && !destination.writable(outside));
    for refused in [
        destination.read(outside).await.err(),
        destination.stage(outside).await.err(),
        destination.settle(outside).await.err(),
    ] {
        assert!(matches!(refused, Some(DestinationError::NotWritable { .. })), "{refused:?}");
    }
    destination.settle(location).await.expect("nothing to do is no error");
    assert_eq!(pair(&destination, location).await, before);

    // What is staged is not seen, and dropped it never was.
    let mut stage = destination.stage(location).await.expect("it stages");
    stage.write(Bytes::from_static(b"new")).await.expect("it writes");
    stage.sync().await.expect("it syncs");
    assert_eq!(pair(&destination, location).await, before, "what is staged is not seen");
    drop(stage);
    destination.settle(location).await.expect("it settles");
    assert_eq!(pair(&destination, location).await, before, "what was dropped never was");

    // Another pair stands there: it is left alone.
    let mut stage = destination.stage(location).await.expect("it stages");
    stage.write(Bytes::from_static(b"new")).await.expect("it writes");
    let replaced = stage.replace(b"another", b"after").await;
    assert!(matches!(replaced, Err(DestinationError::Replaced { .. })), "{replaced:?}");
    destination.settle(location).await.expect("it settles");
    assert_eq!(pair(&destination, location).await, before, "what another put there stays");

    // A reader that has begun reads the pair that it began with.
    let mut reader = destination.read(location).await.expect("it is there");
    let mut stage = destination.stage(location).await.expect("it stages");
    for piece in [&b"ne"[..], b"", b"w"] {
        stage.write(Bytes::copy_from_slice(piece)).await.expect("it writes");
    }
    stage.replace(b"before", b"after").await.expect("it replaces");
    assert_eq!(pair(&destination, location).await, (b"new".to_vec(), b"after".to_vec()));
    let piece = reader.data.next().await.expect("it reads").expect("a piece");
    assert_eq!((&*piece, &*reader.manifest), (&b"old"[..], &b"before"[..]), "a reader sees one pair");
    destination.settle(location).await.expect("nothing to do is no error");
    assert_eq!(pair(&destination, location).await, (b"new".to_vec(), b"after".to_vec()));
}
