//! What intruders do: each plot a chain of steps, written from how the attack works in the provider's
//! API. Techniques are those of ATT&CK v19, as the rules name them.

use crate::calls::{Call, read, write};
use crate::cast::Kind;
use crate::event::Guise;
use serde::{Deserialize, Serialize};

macro_rules! plots {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $victims:expr, $steps:ident;)*) => {
        /// A kind of attack.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Plot {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }
        impl Plot {
            /// Every plot.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The plot's code, in kebab case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Whose credentials the intruder comes by.
            pub(crate) const fn victims(self) -> &'static [Kind] {
                match self { $(Self::$name => $victims,)* }
            }

            pub(crate) fn steps(self) -> &'static [Step] {
                match self { $(Self::$name => &$steps,)* }
            }
        }
    };
}

plots! {
    /// A stolen access key: look around, make an administrator, read secrets, stop the trail.
    StolenKey = "stolen-key", &[Kind::Key], STOLEN_KEY;
    /// A role's credentials taken off an instance: snapshots are shared with everybody.
    SharedSnapshot = "shared-snapshot", &[Kind::Service, Kind::Cron], SHARED_SNAPSHOT;
    /// A pipeline that trusts too widely: a role's trust is opened to a foreign account, which comes in.
    TrustBackdoor = "trust-backdoor", &[Kind::Pipeline], TRUST_BACKDOOR;
    /// A role that reads every secret there is.
    SecretsHarvest = "secrets-harvest", &[Kind::Service], SECRETS_HARVEST;
    /// A key that gives its user a password, who then signs in to the console.
    ConsoleTakeover = "console-takeover", &[Kind::Key], CONSOLE_TAKEOVER;
    /// Sight is taken away before anything else is done.
    DefenceDown = "defence-down", &[Kind::Key, Kind::Pipeline], DEFENCE_DOWN;
    /// Compute for somebody else's coins, in a region nobody uses.
    Hijack = "hijack", &[Kind::Key], HIJACK;
    /// A function that keeps the door open.
    FunctionBackdoor = "function-backdoor", &[Kind::Pipeline, Kind::Key], FUNCTION_BACKDOOR;
    /// A federation trust that lets the intruder sign their own way in.
    Federation = "federation", &[Kind::Key], FEDERATION;
    /// Backups go, then the data.
    Ransom = "ransom", &[Kind::Key, Kind::Cron], RANSOM;
    /// From the control plane onto the machines.
    Lateral = "lateral", &[Kind::Service, Kind::Key], LATERAL;
    /// Somebody else's prompts on this organization's bill.
    Models = "models", &[Kind::Key], MODELS;
    /// The database's backups are copied out.
    DatabaseCopy = "database-copy", &[Kind::Cron, Kind::Key], DATABASE_COPY;
}

/// One step of a chain: a call made once or several times.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) technique: &'static str,
    pub(crate) guise: Guise,
    /// How many times, at least and at most.
    pub(crate) times: (u8, u8),
    /// How likely one call is to be denied, in percent.
    pub(crate) denied: u8,
    pub(crate) call: Call,
}

const fn once(technique: &'static str, call: Call) -> Step {
    Step { technique, guise: Guise::Itself, times: (1, 1), denied: 0, call }
}

const fn tries(technique: &'static str, times: (u8, u8), denied: u8, call: Call) -> Step {
    Step { technique, guise: Guise::Itself, times, denied, call }
}

const fn in_guise(guise: Guise, step: Step) -> Step {
    Step { guise, ..step }
}

const WHO_AM_I: Step = once("T1087.004", read("sts", "GetCallerIdentity", 0, "null"));
const ANY_SECRET: &str =
    r#"{"secretId":"arn:aws:secretsmanager:$region:$account:secret:prod/service-$number-Qx4k2P"}"#;
const TRAIL: &str = r#"{"name":"arn:aws:cloudtrail:$region:$account:trail/organization"}"#;

static STOLEN_KEY: [Step; 14] = [
    WHO_AM_I,
    tries("T1087.004", (1, 2), 20, read("iam", "ListUsers", 0, "null")),
    tries("T1069.003", (1, 3), 30, read("iam", "ListAttachedUserPolicies", 0, r#"{"userName":"$name"}"#)),
    tries("T1619", (1, 1), 0, read("s3", "ListBuckets", 0, r#"{"Host":"s3.amazonaws.com"}"#)),
    tries("T1580", (2, 4), 20, read("ec2", "DescribeInstances", 0, r#"{"instancesSet":{},"filterSet":{}}"#)),
    tries("T1526", (1, 2), 0, read("secretsmanager", "ListSecrets", 0, r#"{"maxResults":100}"#)),
    once("T1136.003", write("iam", "CreateUser", 0, r#"{"userName":"$newuser"}"#)
        .gives(r#"{"user":{"path":"/","userName":"$newuser","userId":"$newid","arn":"arn:aws:iam::$account:user/$newuser"}}"#)),
    once("T1098.003", write("iam", "AttachUserPolicy", 0, r#"{"userName":"$newuser","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}"#)),
    once("T1098.001", write("iam", "CreateAccessKey", 0, r#"{"userName":"$newuser"}"#)
        .gives(r#"{"accessKey":{"userName":"$newuser","accessKeyId":"$newkey","status":"Active"}}"#)),
    tries("T1555.006", (4, 8), 10, read("secretsmanager", "GetSecretValue", 0, ANY_SECRET)),
    tries("T1530", (6, 14), 0, read("s3", "GetObject", 0, r#"{"bucketName":"customer-exports-$account","Host":"customer-exports-$account.s3.$region.amazonaws.com","key":"$object"}"#).data()),
    in_guise(Guise::Created, WHO_AM_I),
    once("T1685.002", write("cloudtrail", "StopLogging", 0, TRAIL)),
    once("T1685.002", write("cloudtrail", "DeleteTrail", 0, TRAIL)),
];

static SHARED_SNAPSHOT: [Step; 5] = [
    WHO_AM_I,
    tries("T1580", (1, 3), 20, read("ec2", "DescribeVolumes", 0, r#"{"volumeSet":{},"filterSet":{}}"#)),
    tries("T1580", (1, 2), 0, read("ec2", "DescribeSnapshots", 0, r#"{"snapshotSet":{},"ownersSet":{"items":[{"owner":"self"}]},"filterSet":{}}"#)),
    once("T1578.001", write("ec2", "CreateSnapshot", 0, r#"{"volumeId":"$volume","description":"migration"}"#)
        .gives(r#"{"requestId":"$uuid","snapshotId":"$snapshot","volumeId":"$volume","status":"pending"}"#)),
    once("T1537", write("ec2", "ModifySnapshotAttribute", 0, r#"{"snapshotId":"$snapshot","attributeType":"CREATE_VOLUME_PERMISSION","createVolumePermission":{"add":{"items":[{"group":"all"}]}}}"#)
        .gives(r#"{"requestId":"$uuid","_return":true}"#)),
];

static TRUST_BACKDOOR: [Step; 5] = [
    WHO_AM_I,
    tries("T1087.004", (1, 2), 0, read("iam", "ListRoles", 0, r#"{"maxItems":1000}"#)),
    tries("T1069.003", (1, 3), 20, read("iam", "ListRolePolicies", 0, r#"{"roleName":"$name"}"#)),
    once("T1098.003", write("iam", "UpdateAssumeRolePolicy", 0, r#"{"roleName":"$role","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::$foreign:root\"},\"Action\":\"sts:AssumeRole\"}]}"}"#)),
    in_guise(Guise::Foreign, once("T1078.004", write("sts", "AssumeRole", 0, r#"{"roleArn":"arn:aws:iam::$account:role/$role","roleSessionName":"maintenance","durationSeconds":3600}"#)
        .gives(r#"{"assumedRoleUser":{"assumedRoleId":"AROA$hex:maintenance","arn":"arn:aws:sts::$account:assumed-role/$role/maintenance"}}"#))),
];

static SECRETS_HARVEST: [Step; 5] = [
    WHO_AM_I,
    tries("T1526", (1, 3), 0, read("secretsmanager", "ListSecrets", 0, r#"{"maxResults":100}"#)),
    tries(
        "T1555.006",
        (2, 4),
        0,
        read(
            "secretsmanager",
            "BatchGetSecretValue",
            0,
            r#"{"filters":[{"key":"tag-key","values":["env"]}],"maxResults":20}"#,
        ),
    ),
    tries("T1555.006", (8, 16), 20, read("secretsmanager", "GetSecretValue", 0, ANY_SECRET)),
    tries(
        "T1552.007",
        (2, 5),
        10,
        read(
            "ssm",
            "GetParametersByPath",
            0,
            r#"{"path":"/","recursive":true,"withDecryption":true,"maxResults":10}"#,
        ),
    ),
];

static CONSOLE_TAKEOVER: [Step; 4] = [
    WHO_AM_I,
    tries("T1087.004", (1, 2), 30, read("iam", "GetUser", 0, r#"{"userName":"$name"}"#)),
    once(
        "T1098",
        write("iam", "CreateLoginProfile", 0, r#"{"userName":"$name","passwordResetRequired":false}"#)
            .gives(r#"{"loginProfile":{"userName":"$name","passwordResetRequired":false}}"#),
    ),
    in_guise(
        Guise::SigningIn { mfa: false },
        once("T1078.004", write("signin", "ConsoleLogin", 0, "null").gives(r#"{"ConsoleLogin":"Success"}"#)),
    ),
];

static DEFENCE_DOWN: [Step; 7] = [
    WHO_AM_I,
    tries("T1526", (1, 1), 0, read("cloudtrail", "DescribeTrails", 0, r#"{"trailNameList":[]}"#)),
    tries("T1526", (1, 1), 0, read("guardduty", "ListDetectors", 0, "null")),
    once("T1685", write("guardduty", "DeleteDetector", 0, r#"{"detectorId":"$hex"}"#)),
    once(
        "T1685.002",
        write("config", "StopConfigurationRecorder", 0, r#"{"configurationRecorderName":"default"}"#),
    ),
    once(
        "T1685.002",
        write(
            "ec2",
            "DeleteFlowLogs",
            0,
            r#"{"DeleteFlowLogsRequest":{"FlowLogId":{"tag":1,"content":"fl-0$hex"}}}"#,
        )
        .gives(r#"{"DeleteFlowLogsResponse":{"unsuccessful":"","requestId":"$uuid"}}"#),
    ),
    once("T1685.002", write("cloudtrail", "StopLogging", 0, TRAIL)),
];

static HIJACK: [Step; 5] = [
    WHO_AM_I,
    tries(
        "T1580",
        (3, 6),
        20,
        read("ec2", "DescribeInstanceTypeOfferings", 0, r#"{"locationType":"region"}"#),
    ),
    tries("T1580", (1, 2), 0, read("servicequotas", "ListServiceQuotas", 0, r#"{"serviceCode":"ec2"}"#)),
    once(
        "T1098.001",
        write("ec2", "CreateKeyPair", 0, r#"{"keyName":"node-$hex","keyType":"rsa","keyFormat":"pem"}"#),
    ),
    tries(
        "T1496.001",
        (4, 10),
        30,
        write(
            "ec2",
            "RunInstances",
            0,
            r#"{"instancesSet":{"items":[{"imageId":"ami-0$hex","minCount":8,"maxCount":32,"keyName":"node-$hex"}]},"instanceType":"p4d.24xlarge","disableApiTermination":true}"#,
        ),
    ),
];

static FUNCTION_BACKDOOR: [Step; 5] = [
    WHO_AM_I,
    tries("T1526", (1, 2), 0, read("lambda", "ListFunctions20150331", 0, "null")),
    once(
        "T1525",
        write(
            "lambda",
            "CreateFunction20150331",
            0,
            r#"{"functionName":"metrics-$hex","runtime":"python3.12","role":"arn:aws:iam::$account:role/$role","handler":"app.handler","timeout":900}"#,
        ),
    ),
    once(
        "T1546",
        write("lambda", "CreateFunctionUrlConfig", 0, r#"{"functionName":"metrics-$hex","authType":"NONE"}"#),
    ),
    once(
        "T1546",
        write(
            "lambda",
            "AddPermission20150331v2",
            0,
            r#"{"functionName":"metrics-$hex","statementId":"open","action":"lambda:InvokeFunctionUrl","principal":"*","functionUrlAuthType":"NONE"}"#,
        ),
    ),
];

static FEDERATION: [Step; 4] = [
    WHO_AM_I,
    tries("T1482", (1, 2), 0, read("iam", "ListOpenIDConnectProviders", 0, "null")),
    once(
        "T1484.002",
        write(
            "iam",
            "CreateOpenIDConnectProvider",
            0,
            r#"{"url":"https://login.example.net/$hex","clientIDList":["sts.amazonaws.com"],"thumbprintList":["$hex$hex"]}"#,
        ),
    ),
    once(
        "T1098.003",
        write(
            "iam",
            "UpdateAssumeRolePolicy",
            0,
            r#"{"roleName":"OrganizationAccountAccessRole","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"arn:aws:iam::$account:oidc-provider/login.example.net/$hex\"},\"Action\":\"sts:AssumeRoleWithWebIdentity\"}]}"}"#,
        ),
    ),
];

static RANSOM: [Step; 7] = [
    WHO_AM_I,
    tries("T1619", (1, 2), 0, read("s3", "ListBuckets", 0, r#"{"Host":"s3.amazonaws.com"}"#)),
    tries(
        "T1580",
        (1, 2),
        0,
        read("backup", "ListRecoveryPointsByBackupVault", 0, r#"{"backupVaultName":"Default"}"#),
    ),
    tries(
        "T1490",
        (2, 5),
        10,
        write(
            "backup",
            "DeleteRecoveryPoint",
            0,
            r#"{"backupVaultName":"Default","recoveryPointArn":"arn:aws:backup:$region:$account:recovery-point:$uuid"}"#,
        ),
    ),
    once(
        "T1490",
        write(
            "s3",
            "PutBucketVersioning",
            0,
            r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","versioning":"","VersioningConfiguration":{"Status":"Suspended"}}"#,
        ),
    ),
    tries(
        "T1485",
        (10, 25),
        5,
        write(
            "s3",
            "DeleteObject",
            0,
            r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","key":"$object"}"#,
        )
        .data(),
    ),
    once(
        "T1486",
        write(
            "kms",
            "ScheduleKeyDeletion",
            0,
            r#"{"keyId":"arn:aws:kms:$region:$account:key/$key","pendingWindowInDays":7}"#,
        ),
    ),
];

static LATERAL: [Step; 4] = [
    WHO_AM_I,
    tries("T1580", (1, 3), 10, read("ssm", "DescribeInstanceInformation", 0, r#"{"maxResults":50}"#)),
    tries(
        "T1651",
        (2, 6),
        20,
        write(
            "ssm",
            "SendCommand",
            0,
            r#"{"instanceIds":["$instance"],"documentName":"AWS-RunShellScript","parameters":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
        ),
    ),
    tries("T1021.007", (1, 3), 20, write("ssm", "StartSession", 0, r#"{"target":"$instance"}"#)),
];

static MODELS: [Step; 4] = [
    WHO_AM_I,
    tries("T1526", (1, 2), 10, read("bedrock", "ListFoundationModels", 0, "null")),
    tries("T1526", (1, 3), 20, read("bedrock", "GetModelInvocationLoggingConfiguration", 0, "null")),
    tries(
        "T1496.004",
        (8, 20),
        20,
        read("bedrock", "InvokeModel", 0, r#"{"modelId":"anthropic.claude-3-5-sonnet-20240620-v1:0"}"#),
    ),
];

static DATABASE_COPY: [Step; 5] = [
    WHO_AM_I,
    tries("T1580", (1, 2), 0, read("rds", "DescribeDBInstances", 0, "null")),
    tries("T1580", (1, 2), 0, read("rds", "DescribeDBSnapshots", 0, r#"{"snapshotType":"manual"}"#)),
    once(
        "T1578.001",
        write(
            "rds",
            "CreateDBSnapshot",
            0,
            r#"{"dBInstanceIdentifier":"main","dBSnapshotIdentifier":"copy-$hex"}"#,
        ),
    ),
    once(
        "T1537",
        write(
            "rds",
            "ModifyDBSnapshotAttribute",
            0,
            r#"{"dBSnapshotIdentifier":"copy-$hex","attributeName":"restore","valuesToAdd":["$foreign"]}"#,
        ),
    ),
];
