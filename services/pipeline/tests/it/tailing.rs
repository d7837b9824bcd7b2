//! Following events: without gaps, from anywhere, also across a restart.

use crate::house::{House, ORGANIZATION, ctx, event, lines};

#[tokio::test]
async fn a_follower_gets_every_event_once_and_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    let mut tail = house.pipeline.tail(&ctx(ORGANIZATION), Some(0)).await.expect("it opens");
    let mut late = house.pipeline.tail(&ctx(ORGANIZATION), Some(5)).await.expect("it opens");
    let mut offsets = Vec::new();
    for batch in 0..4 {
        let sent = house.send(lines((0..3).map(|number| event(batch * 3 + number, 1, "ListUsers"))));
        let (receipt, kept) = tokio::join!(sent, tail.next());
        receipt.expect("it is kept");
        let kept = kept.expect("it reads");
        assert!(kept.iter().all(|kept| kept.text.contains(&format!("\"e-{}\"", kept.offset))));
        offsets.extend(kept.into_iter().map(|kept| kept.offset));
    }
    assert_eq!(offsets, (0..12).collect::<Vec<_>>());
    assert_eq!(late.next().await.expect("it reads").iter().map(|kept| kept.offset).collect::<Vec<_>>(), [5]);
    let mut now = house.pipeline.tail(&ctx(ORGANIZATION), None).await.expect("it opens");
    assert_eq!(now.ready().await.expect("it reads"), []);
    house.send(event(12, 1, "ListUsers")).await.expect("it is kept");
    assert_eq!(now.next().await.expect("it reads")[0].offset, 12);
    house.close().await;
    assert!(now.next().await.is_err(), "there will be no more");

    let house = House::open(dir.path()).await;
    assert_eq!(house.log().await.len(), 13);
}

#[tokio::test]
async fn of_a_large_batch_a_follower_holds_a_part() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    let large = |number| {
        let agent = "x".repeat(1_000_000);
        event(number, 1, "ListUsers")
            .replace(r#""readOnly""#, &format!(r#""userAgent":"{agent}","readOnly""#))
    };
    let receipt = house.send(lines((0..9).map(large))).await.expect("it is kept");
    assert_eq!((receipt.accepted, receipt.rejected), (9, vec![]));
    for (from, parts) in [(0, vec![4, 4, 1]), (3, vec![4, 2]), (8, vec![1])] {
        let mut tail = house.pipeline.tail(&ctx(ORGANIZATION), Some(from)).await.expect("it opens");
        let mut next = from;
        for part in parts {
            let kept = tail.ready().await.expect("it reads");
            assert_eq!(kept.len(), part);
            for kept in kept {
                assert_eq!(kept.offset, next);
                assert!(kept.text.contains(&format!("\"e-{next}\"")));
                next += 1;
            }
        }
        assert_eq!(tail.ready().await.expect("it reads"), []);
    }
}
