//! What identities do all day: workloads, each a handful of API calls.
//!
//! Request and response are JSON with `$name` in place of what differs; [`crate::template`] fills it in.

use crate::cast::Kind;

/// One API call.
#[derive(Debug)]
pub(crate) struct Call {
    /// The part of the event source before `.amazonaws.com`.
    pub(crate) service: &'static str,
    pub(crate) action: &'static str,
    pub(crate) read_only: bool,
    /// A data event, as against a management event.
    pub(crate) data: bool,
    /// In percent: how likely it is in its turn (in order), or its share (at random).
    pub(crate) often: u8,
    pub(crate) request: &'static str,
    pub(crate) response: &'static str,
}

/// A handful of calls that one run makes.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) calls: &'static [Call],
    /// Whether a run makes them in order, or draws some at random.
    pub(crate) ordered: bool,
    /// How many a run draws, at least and at most; in order it is the whole list.
    pub(crate) length: (u8, u8),
    /// Milliseconds between two calls, at least and at most.
    pub(crate) pace: (u32, u32),
    /// How a run begins.
    pub(crate) opening: Opening,
}

/// What stands at the beginning of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Nothing: the credentials are at hand.
    None,
    /// Now and then, a service of the cloud assumes the role.
    Service(&'static str),
    /// The pipeline exchanges its web identity for the role.
    WebIdentity,
    /// The person signs in to the console.
    SignIn,
}

impl Workload {
    /// Activities of a run, in the mean.
    pub(crate) fn mean(&self) -> f64 {
        let calls = if self.ordered {
            self.calls.iter().map(|call| f64::from(call.often) / 100.0).sum()
        } else {
            f64::from(self.length.0 + self.length.1) / 2.0
        };
        calls
            + match self.opening {
                Opening::None => 0.0,
                Opening::Service(_) => OPENING_SHARE,
                Opening::WebIdentity | Opening::SignIn => 1.0,
            }
    }
}

/// How often a run of a service begins with its role being assumed.
pub(crate) const OPENING_SHARE: f64 = 0.1;

pub(crate) const fn read(
    service: &'static str,
    action: &'static str,
    often: u8,
    request: &'static str,
) -> Call {
    Call { service, action, read_only: true, data: false, often, request, response: "null" }
}

pub(crate) const fn write(
    service: &'static str,
    action: &'static str,
    often: u8,
    request: &'static str,
) -> Call {
    Call { service, action, read_only: false, data: false, often, request, response: "null" }
}

impl Call {
    pub(crate) const fn data(mut self) -> Self {
        self.data = true;
        self
    }

    pub(crate) const fn gives(mut self, response: &'static str) -> Self {
        self.response = response;
        self
    }
}

const fn at_random(calls: &'static [Call], length: (u8, u8), opening: Opening) -> Workload {
    Workload { calls, ordered: false, length, pace: (40, 4_000), opening }
}

const fn in_order(calls: &'static [Call], opening: Opening) -> Workload {
    Workload { calls, ordered: true, length: (0, 0), pace: (300, 9_000), opening }
}

pub(crate) const KITS: [&str; 6] = [
    "Boto3/1.35.36 md/Botocore#1.35.36 ua/2.0 os/linux#6.1.109-118.189.amzn2023.x86_64 md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.35.36",
    "aws-sdk-go-v2/1.32.2 ua/2.1 os/linux lang/go#1.23.2 md/GOOS#linux md/GOARCH#amd64 api/s3#1.65.3 m/E",
    "aws-sdk-java/2.28.16 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.109-118.189.amzn2023.aarch64 lang/java#21.0.4 md/OpenJDK_64-Bit_Server_VM md/vendor#Amazon.com_Inc. md/en_US cfg/retry-mode#standard",
    "aws-sdk-js/3.668.0 ua/2.1 os/linux#5.10.226-235.879.amzn2.x86_64 lang/js md/nodejs#20.18.0 api/sqs#3.668.0 exec-env/AWS_Lambda_nodejs20.x",
    "aws-sdk-rust/1.3.3 ua/2.1 api/dynamodb/1.49.0 os/linux lang/rust/1.81.0 exec-env/AWS_ECS_FARGATE",
    "aws-cli/2.18.5 md/awscrt#0.21.2 ua/2.0 os/linux#6.8.0-45-generic md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off",
];
pub(crate) const DEPLOYERS: [&str; 3] = [
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.7 (+https://www.terraform.io) terraform-provider-aws/5.70.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.31.0 ua/2.0 os/linux lang/go#1.23.1 md/GOOS#linux md/GOARCH#amd64",
    "aws-cli/2.17.63 md/awscrt#0.21.2 ua/2.0 os/linux#6.8.0-1015-azure md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython exec-env/GitHubActions cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#cloudformation.deploy",
    "aws-sdk-js/3.637.0 ua/2.0 os/linux#6.8.0-1015-azure lang/js md/nodejs#20.17.0 api/cloudformation#3.637.0 aws-cdk/2.160.0",
];
pub(crate) const BROWSERS: [&str; 3] = [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36 Edg/129.0.0.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
];

const GET_OBJECT: &str =
    r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","key":"$object"}"#;
const LIST_OBJECTS: &str = r#"{"list-type":"2","bucketName":"$bucket","encoding-type":"url","prefix":"$name/","Host":"$bucket.s3.$region.amazonaws.com"}"#;
const DECRYPT: &str = r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","keyId":"arn:aws:kms:$region:$account:key/$key","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$bucket"}}"#;
const DATA_KEY: &str = r#"{"keySpec":"AES_256","keyId":"arn:aws:kms:$region:$account:key/$key","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$bucket"}}"#;
const TABLE: &str = r#"{"tableName":"$name","key":{"id":"$hex"},"returnConsumedCapacity":"TOTAL"}"#;
const QUEUE: &str = r#"{"queueUrl":"https://sqs.$region.amazonaws.com/$account/$name"}"#;
const SECRET: &str = r#"{"secretId":"arn:aws:secretsmanager:$region:$account:secret:$name/config-a1B2c3"}"#;
const PARAMETER: &str = r#"{"name":"/$name/settings","withDecryption":true}"#;

const OBJECTS: [Call; 5] = [
    read("s3", "GetObject", 45, GET_OBJECT).data(),
    write("s3", "PutObject", 25, GET_OBJECT).data().gives(r#"{"x-amz-server-side-encryption":"aws:kms"}"#),
    read("s3", "ListObjects", 10, LIST_OBJECTS).data(),
    read("kms", "Decrypt", 12, DECRYPT),
    read("kms", "GenerateDataKey", 8, DATA_KEY),
];
const TABLES: [Call; 4] = [
    read("dynamodb", "GetItem", 45, TABLE).data(),
    write("dynamodb", "PutItem", 25, TABLE).data(),
    read("dynamodb", "Query", 25, r#"{"tableName":"$name","keyConditionExpression":"id = :id","limit":50}"#)
        .data(),
    read("dynamodb", "DescribeTable", 5, r#"{"tableName":"$name"}"#),
];
const QUEUES: [Call; 4] = [
    read("sqs", "ReceiveMessage", 40, QUEUE).data(),
    write("sqs", "DeleteMessage", 35, QUEUE).data(),
    write("sqs", "SendMessage", 15, QUEUE).data(),
    read("sqs", "GetQueueAttributes", 10, QUEUE),
];
const SETTINGS: [Call; 4] = [
    read("secretsmanager", "GetSecretValue", 35, SECRET),
    read(
        "kms",
        "Decrypt",
        25,
        r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","keyId":"arn:aws:kms:$region:$account:key/$key","encryptionContext":{"SecretARN":"arn:aws:secretsmanager:$region:$account:secret:$name/config-a1B2c3"}}"#,
    ),
    read("ssm", "GetParameter", 30, PARAMETER),
    read("s3", "GetObject", 10, GET_OBJECT).data(),
];
const WATCH: [Call; 6] = [
    read("monitoring", "DescribeAlarms", 30, r#"{"maxRecords":100}"#),
    read(
        "monitoring",
        "GetMetricData",
        30,
        r#"{"metricDataQueries":[{"id":"m1","metricStat":{"metric":{"namespace":"AWS/SQS","metricName":"ApproximateNumberOfMessagesVisible"},"period":60,"stat":"Average"}}]}"#,
    ),
    read(
        "ec2",
        "DescribeInstances",
        15,
        r#"{"instancesSet":{},"filterSet":{"items":[{"name":"tag:service","valueSet":{"items":[{"value":"$name"}]}}]}}"#,
    ),
    read("ecs", "DescribeServices", 15, r#"{"cluster":"$region-main","services":["$name"]}"#),
    read(
        "elasticloadbalancing",
        "DescribeTargetHealth",
        5,
        r#"{"targetGroupArn":"arn:aws:elasticloadbalancing:$region:$account:targetgroup/$name/0f1e2d3c4b5a6978"}"#,
    ),
    read("logs", "FilterLogEvents", 5, r#"{"logGroupName":"/ecs/$name","limit":100}"#),
];
const MAIL: [Call; 3] = [
    write(
        "ses",
        "SendEmail",
        55,
        r#"{"fromEmailAddress":"HIDDEN_DUE_TO_SECURITY_REASONS","destination":"HIDDEN_DUE_TO_SECURITY_REASONS","content":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
    ),
    read("s3", "GetObject", 30, GET_OBJECT).data(),
    read("ses", "GetSendQuota", 15, "null"),
];
const STREAMS: [Call; 3] = [
    write("kinesis", "PutRecords", 60, r#"{"streamName":"$name"}"#).data(),
    read("kinesis", "GetRecords", 30, r#"{"streamName":"$name","limit":500}"#).data(),
    read("kinesis", "DescribeStreamSummary", 10, r#"{"streamName":"$name"}"#),
];

const BACKUP: [Call; 5] = [
    read("ec2", "DescribeVolumes", 100, r#"{"volumeSet":{},"filterSet":{"items":[{"name":"tag:backup","valueSet":{"items":[{"value":"daily"}]}}]}}"#),
    write("ec2", "CreateSnapshot", 100, r#"{"volumeId":"$volume","description":"daily $name"}"#)
        .gives(r#"{"requestId":"$uuid","snapshotId":"$snapshot","volumeId":"$volume","status":"pending","volumeSize":"100","description":"daily $name"}"#),
    read("ec2", "DescribeSnapshots", 100, r#"{"snapshotSet":{},"ownersSet":{"items":[{"owner":"self"}]},"filterSet":{}}"#),
    write("ec2", "DeleteSnapshot", 70, r#"{"snapshotId":"$snapshot"}"#).gives(r#"{"requestId":"$uuid","_return":true}"#),
    write("rds", "CreateDBSnapshot", 30, r#"{"dBInstanceIdentifier":"$name","dBSnapshotIdentifier":"$name-$hex"}"#),
];
const REPORT: [Call; 5] = [
    write("athena", "StartQueryExecution", 100, r#"{"queryString":"HIDDEN_DUE_TO_SECURITY_REASONS","clientRequestToken":"$uuid","workGroup":"$name"}"#)
        .gives(r#"{"queryExecutionId":"$uuid"}"#),
    read("athena", "GetQueryExecution", 100, r#"{"queryExecutionId":"$uuid"}"#),
    read("glue", "GetTable", 80, r#"{"databaseName":"warehouse","name":"$name"}"#),
    read("athena", "GetQueryResults", 90, r#"{"queryExecutionId":"$uuid","maxResults":1000}"#),
    write("s3", "PutObject", 90, GET_OBJECT).data(),
];
const ROTATION: [Call; 4] = [
    read("secretsmanager", "DescribeSecret", 100, SECRET),
    write("secretsmanager", "PutSecretValue", 90, SECRET)
        .gives(r#"{"aRN":"arn:aws:secretsmanager:$region:$account:secret:$name/config-a1B2c3"}"#),
    read("secretsmanager", "GetSecretValue", 100, SECRET),
    write("secretsmanager", "UpdateSecretVersionStage", 90, SECRET),
];
const TIDY: [Call; 4] = [
    read("ecr", "DescribeImages", 100, r#"{"repositoryName":"$name","maxResults":1000}"#),
    write(
        "ecr",
        "BatchDeleteImage",
        60,
        r#"{"repositoryName":"$name","imageIds":[{"imageDigest":"sha256:$hex$hex$hex$hex"}]}"#,
    ),
    read("logs", "DescribeLogGroups", 100, r#"{"limit":50}"#),
    read("ec2", "DescribeInstances", 100, r#"{"instancesSet":{},"filterSet":{}}"#),
];
/// A posture scanner: it reads everything, every time, and is harmless.
const SCAN: [Call; 10] = [
    read("sts", "GetCallerIdentity", 100, "null"),
    read("iam", "ListUsers", 100, r#"{"maxItems":1000}"#),
    read("iam", "ListRoles", 100, r#"{"maxItems":1000}"#),
    read("iam", "ListAccessKeys", 100, r#"{"userName":"$name"}"#),
    read("s3", "ListBuckets", 100, r#"{"Host":"s3.amazonaws.com"}"#),
    read(
        "s3",
        "GetBucketPolicyStatus",
        100,
        r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","policyStatus":""}"#,
    ),
    read(
        "ec2",
        "DescribeSecurityGroups",
        100,
        r#"{"securityGroupSet":{},"securityGroupIdSet":{},"filterSet":{}}"#,
    ),
    read(
        "ec2",
        "DescribeSnapshots",
        100,
        r#"{"snapshotSet":{},"ownersSet":{"items":[{"owner":"self"}]},"filterSet":{}}"#,
    ),
    read("cloudtrail", "DescribeTrails", 100, r#"{"trailNameList":[],"includeShadowTrails":false}"#),
    read("kms", "ListKeys", 100, r#"{"limit":1000}"#),
];

const DEPLOY: [Call; 11] = [
    read("sts", "GetCallerIdentity", 90, "null"),
    read("ecr", "GetAuthorizationToken", 80, "null"),
    write("ecr", "PutImage", 80, r#"{"registryId":"$account","repositoryName":"$name","imageTag":"$hex"}"#),
    read("cloudformation", "DescribeStacks", 100, r#"{"stackName":"$name"}"#),
    write("cloudformation", "CreateChangeSet", 90, r#"{"stackName":"$name","changeSetName":"release-$hex","changeSetType":"UPDATE","capabilities":["CAPABILITY_NAMED_IAM"]}"#)
        .gives(r#"{"id":"arn:aws:cloudformation:$region:$account:changeSet/release-$hex/$uuid","stackId":"arn:aws:cloudformation:$region:$account:stack/$name/$uuid"}"#),
    read("cloudformation", "DescribeChangeSet", 90, r#"{"changeSetName":"release-$hex","stackName":"$name"}"#),
    write("cloudformation", "ExecuteChangeSet", 85, r#"{"changeSetName":"release-$hex","stackName":"$name"}"#),
    write("ecs", "RegisterTaskDefinition", 70, r#"{"family":"$name","networkMode":"awsvpc","cpu":"512","memory":"1024","executionRoleArn":"arn:aws:iam::$account:role/ecsTaskExecutionRole"}"#),
    write("ecs", "UpdateService", 70, r#"{"cluster":"$region-main","service":"$name","taskDefinition":"$name:$number"}"#),
    read("ecs", "DescribeServices", 95, r#"{"cluster":"$region-main","services":["$name"]}"#),
    read("cloudformation", "DescribeStackEvents", 95, r#"{"stackName":"$name"}"#),
];
const RELEASE: [Call; 6] = [
    read("sts", "GetCallerIdentity", 90, "null"),
    write("s3", "PutObject", 100, GET_OBJECT).data(),
    write(
        "lambda",
        "UpdateFunctionCode20150331v2",
        95,
        r#"{"functionName":"$name","s3Bucket":"$bucket","s3Key":"$object","publish":true,"dryRun":false}"#,
    ),
    read("lambda", "GetFunction20150331v2", 95, r#"{"functionName":"$name"}"#),
    write(
        "lambda",
        "UpdateAlias20150331",
        80,
        r#"{"functionName":"$name","name":"live","functionVersion":"$number"}"#,
    ),
    write(
        "cloudfront",
        "CreateInvalidation",
        40,
        r#"{"distributionId":"E2QWRUHAPOMQZL","invalidationBatch":{"paths":{"quantity":1,"items":["/*"]},"callerReference":"$uuid"}}"#,
    ),
];
const PLAN: [Call; 9] = [
    read("sts", "GetCallerIdentity", 100, "null"),
    read("s3", "GetObject", 100, r#"{"bucketName":"$account-tfstate","Host":"$account-tfstate.s3.$region.amazonaws.com","key":"$name/terraform.tfstate"}"#).data(),
    read("dynamodb", "GetItem", 100, r#"{"tableName":"terraform-locks","key":{"LockID":"$name"}}"#).data(),
    read("ec2", "DescribeVpcs", 100, r#"{"vpcSet":{},"filterSet":{}}"#),
    read("ec2", "DescribeSecurityGroups", 95, r#"{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"sg-0$hex"}]},"filterSet":{}}"#),
    read("iam", "GetRole", 95, r#"{"roleName":"$name"}"#),
    read("iam", "ListAttachedRolePolicies", 90, r#"{"roleName":"$name"}"#),
    read("rds", "DescribeDBInstances", 80, r#"{"dBInstanceIdentifier":"$name"}"#),
    write("s3", "PutObject", 60, r#"{"bucketName":"$account-tfstate","Host":"$account-tfstate.s3.$region.amazonaws.com","key":"$name/terraform.tfstate"}"#).data(),
];

const BROWSE: [Call; 10] = [
    read("ec2", "DescribeInstances", 14, r#"{"instancesSet":{},"filterSet":{},"maxResults":50}"#),
    read("ec2", "DescribeRegions", 8, r#"{"regionSet":{}}"#),
    read("monitoring", "DescribeAlarms", 14, r#"{"maxRecords":100}"#),
    read("monitoring", "ListMetrics", 8, r#"{"namespace":"AWS/Lambda"}"#),
    read("logs", "DescribeLogGroups", 12, r#"{"limit":50}"#),
    read("logs", "FilterLogEvents", 12, r#"{"logGroupName":"/aws/lambda/$name","limit":100}"#),
    read("lambda", "ListFunctions20150331", 12, r#"{"maxItems":50}"#),
    read(
        "health",
        "DescribeEventAggregates",
        6,
        r#"{"filter":{"eventStatusCodes":["open","upcoming"]},"aggregateField":"eventTypeCategory"}"#,
    ),
    read("ecs", "ListClusters", 8, "null"),
    read("cloudformation", "DescribeStacks", 6, "null"),
];
const COSTS: [Call; 4] = [
    read(
        "ce",
        "GetCostAndUsage",
        50,
        r#"{"timePeriod":{"start":"2026-02-01","end":"2026-03-01"},"granularity":"MONTHLY","metrics":["UnblendedCost"]}"#,
    ),
    read("ce", "GetCostForecast", 20, r#"{"metric":"UNBLENDED_COST","granularity":"MONTHLY"}"#),
    read("health", "DescribeEventAggregates", 10, r#"{"aggregateField":"eventTypeCategory"}"#),
    read("ec2", "DescribeInstances", 20, r#"{"instancesSet":{},"filterSet":{},"maxResults":50}"#),
];
/// What somebody on call looks at, and does, while a service is down.
const ON_CALL: [Call; 7] = [
    read("monitoring", "DescribeAlarms", 100, r#"{"stateValue":"ALARM","maxRecords":100}"#),
    read("ecs", "DescribeServices", 100, r#"{"cluster":"$region-main","services":["$name"]}"#),
    write(
        "logs",
        "StartQuery",
        90,
        r#"{"logGroupName":"/ecs/$name","queryString":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
    ),
    read("logs", "GetQueryResults", 90, r#"{"queryId":"$uuid"}"#),
    read("rds", "DescribeDBInstances", 70, "null"),
    write(
        "ecs",
        "UpdateService",
        70,
        r#"{"cluster":"$region-main","service":"$name","desiredCount":6,"forceNewDeployment":true}"#,
    ),
    read("ecs", "DescribeServices", 90, r#"{"cluster":"$region-main","services":["$name"]}"#),
];

static KEY_WORK: [Workload; 6] = [
    at_random(&OBJECTS, (2, 6), Opening::None),
    at_random(&TABLES, (2, 6), Opening::None),
    at_random(&QUEUES, (2, 6), Opening::None),
    at_random(&WATCH, (2, 5), Opening::None),
    at_random(&MAIL, (1, 5), Opening::None),
    at_random(&STREAMS, (2, 6), Opening::None),
];
static SERVICE_WORK: [Workload; 5] = [
    at_random(&OBJECTS, (2, 6), Opening::Service("lambda.amazonaws.com")),
    at_random(&TABLES, (2, 8), Opening::Service("ecs-tasks.amazonaws.com")),
    at_random(&QUEUES, (2, 8), Opening::Service("lambda.amazonaws.com")),
    at_random(&SETTINGS, (1, 4), Opening::Service("ecs-tasks.amazonaws.com")),
    at_random(&STREAMS, (2, 6), Opening::Service("ec2.amazonaws.com")),
];
static CRON_WORK: [Workload; 5] = [
    in_order(&BACKUP, Opening::Service("lambda.amazonaws.com")),
    in_order(&REPORT, Opening::Service("scheduler.amazonaws.com")),
    in_order(&ROTATION, Opening::Service("lambda.amazonaws.com")),
    in_order(&TIDY, Opening::Service("lambda.amazonaws.com")),
    in_order(&SCAN, Opening::Service("lambda.amazonaws.com")),
];
static PIPELINE_WORK: [Workload; 3] = [
    in_order(&DEPLOY, Opening::WebIdentity),
    in_order(&RELEASE, Opening::WebIdentity),
    in_order(&PLAN, Opening::WebIdentity),
];
const PERSON_PACE: (u32, u32) = (2_000, 90_000);
static PEOPLE_WORK: [Workload; 2] = [
    Workload { pace: PERSON_PACE, ..at_random(&BROWSE, (4, 14), Opening::SignIn) },
    Workload { pace: PERSON_PACE, ..at_random(&COSTS, (3, 9), Opening::SignIn) },
];
/// See [`ON_CALL`].
pub(crate) static ON_CALL_WORK: Workload =
    Workload { pace: (1_000, 40_000), ..in_order(&ON_CALL, Opening::SignIn) };

/// What an identity of this kind may be at work on.
pub(crate) fn workloads(kind: Kind) -> &'static [Workload] {
    match kind {
        Kind::Key => &KEY_WORK,
        Kind::Service => &SERVICE_WORK,
        Kind::Cron => &CRON_WORK,
        Kind::Pipeline => &PIPELINE_WORK,
        Kind::Employee | Kind::Operator => &PEOPLE_WORK,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, workloads};

    #[test]
    fn shares_of_calls_drawn_at_random_come_to_a_hundred() {
        for kind in [Kind::Key, Kind::Service, Kind::Cron, Kind::Pipeline, Kind::Employee] {
            for workload in workloads(kind).iter().filter(|workload| !workload.ordered) {
                let sum: u32 = workload.calls.iter().map(|call| u32::from(call.often)).sum();
                assert_eq!(sum, 100, "{:?}", workload.calls[0]);
            }
        }
    }
}
