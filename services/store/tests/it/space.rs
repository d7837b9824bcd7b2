//! The reserve: spent by reserved writes only, made whole again before anything else goes on.

use crate::organization;
use store::{Error, Space};

#[tokio::test]
async fn a_broken_reserve_is_made_whole_before_ordinary_writes() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    assert_eq!(store.space(&ctx).await.expect("it runs"), Space::Free);
    let reserve = store.directory(ctx.organization()).join("reserve");
    assert_eq!(std::fs::metadata(&reserve).expect("it is there").len(), 16 << 20);
    store.accepting(&ctx).await.expect("there is room");
}

#[tokio::test]
async fn an_unknown_disk_error_is_not_a_shortage() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let room = store.directory(ctx.organization()).join("room");
    std::fs::create_dir(&room).expect("nothing is there before the first reserved write");
    let refused = store.write_reserved(&ctx).await.err().expect("it cannot probe");
    assert!(matches!(refused, Error::Directory { .. }), "{refused}");
}
