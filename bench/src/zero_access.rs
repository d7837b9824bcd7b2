//! `zero-access`: from an attack's arrival to the first reveal that is refused, over 200 identities, on a
//! node that has nothing else to do.
//!
//! One identity at a time: its credential reveals a dataset again and again over a connection of its own
//! while its attack is sent over another. The time runs from before the attack is sent, so it holds the
//! request as well; and until a reveal has been refused in full, so it holds the reveal that was under way.

use crate::Failure;
use crate::home::{BRAKE, Home};
use crate::machine::now;
use crate::report::{Report, quantile};
use api::Client;
use api::client::{Error, Upload};
use api::datasets::{Protect, ProtectRequest, Reveal, RevealRequest};
use base::Kind;
use bytes::{Bytes, BytesMut};
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

/// Enough in debug to see it work.
const IDENTITIES: usize = if cfg!(debug_assertions) { 20 } else { 200 };
const ACCOUNT: &str = "111122223333";
const CSV: &str = "id,email\n1,ada@example.com\n2,bruno@example.com\n";
/// After which an identity that still reads is a failure, not a figure.
const LIMIT: Duration = Duration::from_secs(10);

/// A CSV that was protected, with its manifest.
struct Protected {
    output: Bytes,
    manifest: Bytes,
}

fn key(who: usize) -> String {
    format!("AKIABENCHKEY{who:08}")
}

fn event(id: &str, who: usize, action: &str) -> String {
    let user = format!("program-{who}");
    let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
    json!({
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": format!("AIDABENCHUSER{who:08}"),
            "arn": format!("arn:aws:iam::{ACCOUNT}:user/{user}"),
            "accountId": ACCOUNT,
            "accessKeyId": key(who),
            "userName": user,
        },
        "eventTime": "2026-03-02T09:30:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": action,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.18.0.7",
        "userAgent": "aws-sdk-go-v2/1.32.2",
        "requestParameters": {"userName": user, "policyArn": policy},
        "responseElements": null,
        "requestID": id,
        "eventID": id,
        "readOnly": false,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    })
    .to_string()
}

/// Runs it.
pub(crate) async fn measure() -> Result<Report, Failure> {
    let home = Home::open(vec![ACCOUNT.to_owned()]).await?;
    let known: Vec<String> =
        (0..IDENTITIES).map(|who| event(&format!("known-{who}"), who, "GetUser")).collect();
    let receipt = home.send(Bytes::from(known.join("\n"))).await?;
    if let Some(rejected) = receipt.rejected.first() {
        return Err(format!("event {} was rejected: {}", rejected.index, rejected.message).into());
    }
    let identities: HashMap<String, _> =
        home.identities().await?.into_iter().map(|identity| (identity.name.clone(), identity)).collect();
    let protected = protect(&home.admin).await?;
    let (mut times, mut receipts, mut allowed) = (Vec::new(), Vec::new(), Vec::new());
    for who in 0..IDENTITIES {
        let identity = identities.get(&key(who)).ok_or_else(|| format!("{} is not known", key(who)))?;
        let client = home.bound(identity).await?;
        let asked = now();
        if refused(&client, &protected).await? {
            return Err("a reveal was refused before the attack".into());
        }
        allowed.push(asked.elapsed().as_secs_f64() * 1e3);
        let attack = Bytes::from(event(&format!("attack-{who}"), who, "AttachUserPolicy"));
        let begun = now();
        let send = async { Ok((home.send(attack).await?, begun.elapsed())) };
        let until_refused = async {
            while !refused(&client, &protected).await? {
                if begun.elapsed() > LIMIT {
                    return Err("an identity was not cut off".into());
                }
            }
            Ok::<_, Failure>(begun.elapsed())
        };
        let ((receipt, received), time) = futures::try_join!(send, until_refused)?;
        if receipt.accepted != 1 {
            return Err("an attack was not accepted".into());
        }
        times.push(time.as_secs_f64() * 1e3);
        receipts.push(received.as_secs_f64() * 1e3);
    }
    home.close().await;
    times.sort_by(f64::total_cmp);
    receipts.sort_by(f64::total_cmp);
    allowed.sort_by(f64::total_cmp);
    let at = |share| format!("{:.2} ms", quantile(&times, share));
    Ok(Report {
        bench: "zero-access",
        unit: "ms",
        ours: quantile(&times, 0.99),
        other: None,
        mode: format!(
            "p99 over {IDENTITIES} identities, one at a time, idle; from before the attack is sent to the first \
             refused reveal; durable, response automatic, brake limit raised to {BRAKE}; loopback HTTP, client \
             in the same process"
        ),
        more: vec![
            ("p50", at(0.5)),
            ("p90", at(0.9)),
            ("largest", at(1.0)),
            (
                "the activity to its receipt",
                format!("p50 {:.2} ms, p99 {:.2} ms", quantile(&receipts, 0.5), quantile(&receipts, 0.99)),
            ),
            ("one reveal while allowed", format!("p50 {:.2} ms", quantile(&allowed, 0.5))),
        ],
    })
}

async fn protect(client: &Client) -> Result<Protected, Failure> {
    let fields = Some("email".to_owned());
    let request = ProtectRequest { dataset: "customers".to_owned(), fields, ..ProtectRequest::default() };
    let mut parts = client.parts::<Protect>(&request, Upload::whole(CSV)).await?;
    let (mut output, mut manifest) = (BytesMut::new(), BytesMut::new());
    while let Some(name) = parts.part().await? {
        let into = if name == "manifest" { &mut manifest } else { &mut output };
        while let Some(chunk) = parts.chunk().await? {
            into.extend_from_slice(&chunk);
        }
    }
    Ok(Protected { output: output.freeze(), manifest: manifest.freeze() })
}

/// Whether a reveal is refused, at its beginning or in its course.
async fn refused(client: &Client, protected: &Protected) -> Result<bool, Failure> {
    let upload = Upload::whole(protected.output.clone()).behind([protected.manifest.clone()]);
    let result = async {
        let mut download = client.download::<Reveal>(&RevealRequest::default(), upload).await?;
        while download.chunk().await?.is_some() {}
        Ok(())
    };
    match result.await {
        Ok(()) => Ok(false),
        Err(Error::Refused(problem)) if matches!(problem.kind, Kind::Refused | Kind::NotSignedIn) => Ok(true),
        Err(other) => Err(other.into()),
    }
}
