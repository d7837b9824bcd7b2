//! Writes one CloudTrail record, version 1.10, as the service delivers it.

use crate::calls::Call;
use crate::cast::{Kind, Member, key_text};
use crate::random::{Random, mix};
use crate::template::{self, Thread, fill, uuid};
use base::Timestamp;
use std::fmt::Write;

/// Who stands in `userIdentity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guise {
    /// The member, with the credentials of its kind.
    Itself,
    /// The member, signing in to the console; `mfa` says whether with a second factor.
    SigningIn { mfa: bool },
    /// The pipeline's web identity, which asks for the role.
    WebIdentity,
    /// A service of the cloud, which assumes the member's role.
    Cloud(&'static str),
    /// A user that an intruder made in this run, with their new access key.
    Created,
    /// A principal of another account.
    Foreign,
    /// Nobody who could be authenticated.
    Nobody,
}

/// Everything one record says.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) time: Timestamp,
    pub(crate) guise: Guise,
    pub(crate) member: &'a Member,
    pub(crate) thread: Thread<'a>,
    /// When the credentials in use were handed out.
    pub(crate) session: Timestamp,
    pub(crate) address: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) call: &'a Call,
    pub(crate) error: Option<(&'static str, &'static str)>,
}

/// Services without a region: their events are reported from us-east-1.
const GLOBAL: [&str; 7] = ["iam", "cloudfront", "route53", "organizations", "ce", "health", "signin"];

impl Record<'_> {
    /// Appends the record, one line without a line end, and gives its event id.
    pub(crate) fn write(&self, out: &mut String, random: &mut Random) -> String {
        let call = self.call;
        let mut event_id = String::with_capacity(36);
        uuid(&mut event_id, random.next(), random.next());
        let region = if GLOBAL.contains(&call.service) { "us-east-1" } else { self.member.region };
        let sign_in = call.service == "signin";

        out.push_str(r#"{"eventVersion":"1.10","userIdentity":"#);
        self.identity(out);
        out.push_str(r#","eventTime":""#);
        second(out, self.time);
        // A `String` takes every write, here and below.
        let _ = write!(
            out,
            r#"","eventSource":"{}.amazonaws.com","eventName":"{}","awsRegion":"{region}","sourceIPAddress":"{}","userAgent":"{}""#,
            call.service, call.action, self.address, self.agent
        );
        if let Some((code, message)) = self.error {
            // A failed sign-in has a message and no code.
            if !code.is_empty() {
                let _ = write!(out, r#","errorCode":"{code}""#);
            }
            let _ = write!(out, r#","errorMessage":"{message}""#);
        }
        out.push_str(r#","requestParameters":"#);
        fill(out, call.request, self.member, self.thread, random);
        out.push_str(r#","responseElements":"#);
        match (self.error.is_some(), sign_in) {
            (true, true) => out.push_str(r#"{"ConsoleLogin":"Failure"}"#),
            (true, false) => out.push_str("null"),
            (false, _) => fill(out, call.response, self.member, self.thread, random),
        }
        self.additional(out, random);
        if !sign_in {
            out.push_str(r#","requestID":""#);
            uuid(out, random.next(), random.next());
            out.push('"');
        }
        let _ = write!(out, r#","eventID":"{event_id}","readOnly":{}"#, call.read_only);
        self.resources(out);
        let _ = write!(
            out,
            r#","eventType":"{}","managementEvent":{},"recipientAccountId":"{}","eventCategory":"{}""#,
            if sign_in { "AwsConsoleSignIn" } else { "AwsApiCall" },
            !call.data,
            self.member.account,
            if call.data { "Data" } else { "Management" }
        );
        if !matches!(self.guise, Guise::Cloud(_)) {
            let _ = write!(
                out,
                r#","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{}.{region}.amazonaws.com"}}"#,
                call.service
            );
        }
        out.push('}');
        event_id
    }

    fn identity(&self, out: &mut String) {
        let member = self.member;
        let account = &member.account;
        let _ = match self.guise {
            Guise::Cloud(service) => write!(out, r#"{{"type":"AWSService","invokedBy":"{service}"}}"#),
            Guise::WebIdentity => {
                let name = &member.name;
                write!(
                    out,
                    r#"{{"type":"WebIdentityUser","principalId":"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:repo:example/{name}:ref:refs/heads/main","userName":"repo:example/{name}:ref:refs/heads/main","identityProvider":"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"}}"#
                )
            }
            Guise::Foreign => write!(
                out,
                r#"{{"type":"AWSAccount","principalId":"{}","accountId":"{}"}}"#,
                key_text("AIDA", mix(self.thread.run ^ 11), 17),
                self.thread.foreign
            ),
            Guise::Nobody => write!(
                out,
                r#"{{"type":"IAMUser","principalId":"","accountId":"{account}","accessKeyId":"","userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}}"#
            ),
            Guise::Created => {
                let name = template::new_user(member, self.thread.run);
                write!(
                    out,
                    r#"{{"type":"IAMUser","principalId":"{}","arn":"arn:aws:iam::{account}:user/{name}","accountId":"{account}","accessKeyId":"{}","userName":"{name}"}}"#,
                    key_text("AIDA", mix(self.thread.run ^ mix(8)), 17),
                    template::new_key(self.thread.run)
                )
            }
            Guise::SigningIn { .. } if member.kind != Kind::Employee => write!(
                out,
                r#"{{"type":"IAMUser","principalId":"{}","arn":"arn:aws:iam::{account}:user/{name}","accountId":"{account}","userName":"{name}"}}"#,
                member.principal_id,
                name = member.name
            ),
            Guise::Itself | Guise::SigningIn { .. } => {
                self.itself(out);
                Ok(())
            }
        };
    }

    /// The credentials that a member of this kind works with.
    fn itself(&self, out: &mut String) {
        let member = self.member;
        let Member { account, name, principal_id, .. } = member;
        let _ = match member.kind {
            Kind::Key => write!(
                out,
                r#"{{"type":"IAMUser","principalId":"{principal_id}","arn":"arn:aws:iam::{account}:user/{name}","accountId":"{account}","accessKeyId":"{}","userName":"{name}"}}"#,
                member.key_id
            ),
            Kind::Operator => write!(
                out,
                r#"{{"type":"IAMUser","principalId":"{principal_id}","arn":"arn:aws:iam::{account}:user/{name}","accountId":"{account}","accessKeyId":"{}","userName":"{name}","sessionContext":{{"attributes":{{"creationDate":"{}","mfaAuthenticated":"true"}}}}}}"#,
                self.temporary_key(),
                Second(self.session)
            ),
            Kind::Service | Kind::Cron | Kind::Pipeline | Kind::Employee => {
                let (role, session) = (member.role_name(), &member.session_name);
                let _ = write!(
                    out,
                    r#"{{"type":"AssumedRole","principalId":"{principal_id}:{session}","arn":"arn:aws:sts::{account}:assumed-role/{role}/{session}","accountId":"{account}","accessKeyId":"{}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"{principal_id}","arn":"arn:aws:iam::{account}:role/{}","accountId":"{account}","userName":"{role}"}}"#,
                    self.temporary_key(),
                    member.role_path(),
                );
                if member.kind == Kind::Pipeline {
                    let _ = write!(
                        out,
                        r#","webIdFederationData":{{"federatedProvider":"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com","attributes":{{}}}}"#
                    );
                }
                let _ = write!(
                    out,
                    r#","attributes":{{"creationDate":"{}","mfaAuthenticated":"false"}}"#,
                    Second(self.session)
                );
                out.write_str(if session.starts_with("i-0") { r#","ec2RoleDelivery":"2.0"}}"# } else { "}}" })
            }
        };
    }

    fn temporary_key(&self) -> String {
        key_text("ASIA", mix(u64::from(self.member.who)) ^ self.session.micros().unsigned_abs(), 16)
    }

    fn additional(&self, out: &mut String, random: &mut Random) {
        let _ = match (self.call.service, self.guise) {
            ("signin", guise) => write!(
                out,
                r#","additionalEventData":{{"LoginTo":"https://console.aws.amazon.com/console/home?state=hashArgs%23&isauthcode=true","MobileVersion":"No","MFAUsed":"{}"}}"#,
                if guise == (Guise::SigningIn { mfa: true }) { "Yes" } else { "No" }
            ),
            ("s3", _) => write!(
                out,
                r#","additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":{},"AuthenticationMethod":"AuthHeader","x-amz-id-2":"{:022x}{:022x}","bytesTransferredOut":{}}}"#,
                random.below(4_096),
                random.next(),
                random.next(),
                random.below(65_536)
            ),
            _ => Ok(()),
        };
    }

    fn resources(&self, out: &mut String) {
        let Member { account, region, name, .. } = self.member;
        let (kind, arn) = match self.call.service {
            "s3" if self.call.request.contains("$bucket") => {
                ("AWS::S3::Bucket", format!("arn:aws:s3:::{name}-{}-data", &account[..4]))
            }
            "dynamodb" => {
                ("AWS::DynamoDB::Table", format!("arn:aws:dynamodb:{region}:{account}:table/{name}"))
            }
            "sqs" => ("AWS::SQS::Queue", format!("arn:aws:sqs:{region}:{account}:{name}")),
            _ => return,
        };
        let _ = write!(out, r#","resources":[{{"accountId":"{account}","type":"{kind}","ARN":"{arn}"}}]"#);
    }
}

/// A time to the second, as in the log.
struct Second(Timestamp);

impl std::fmt::Display for Second {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::with_capacity(20);
        second(&mut text, self.0);
        f.write_str(&text)
    }
}

/// Appends `2026-03-02T09:30:00Z`. The day is turned into a date by Howard Hinnant's `civil_from_days`.
fn second(out: &mut String, time: Timestamp) {
    let seconds = time.seconds();
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    );
}

#[cfg(test)]
mod tests {
    use super::second;
    use base::Timestamp;

    #[test]
    fn seconds_are_those_of_the_time_library() {
        for step in -200..4_000_i64 {
            let time = Timestamp::from_millis(step * 12_345_678_901);
            let mut text = String::new();
            second(&mut text, time);
            assert_eq!(text.trim_end_matches('Z'), &time.to_string()[..19]);
        }
    }
}
