//! Which call is which stage of an attack, over all sources: by what the call does, never by whom or to what.
//!
//! Names are compared without regard to case; some providers write theirs in either.

use super::Stage;
use Stage::{
    BackupsRemoved, CredentialMade, DataDestroyed, DataRead, LogsStopped, PrivilegeRaised, SecretsRead,
};
use std::cmp::Ordering;

/// A product, a service of it (empty: any), a call, and the stage that it is.
type Line = (&'static str, &'static str, &'static str, Stage);

/// Sorted by product, then call, then service.
static TABLE: &[Line] = &[
    ("aws", "iam.amazonaws.com", "AddUserToGroup", PrivilegeRaised),
    ("aws", "iam.amazonaws.com", "AttachGroupPolicy", PrivilegeRaised),
    ("aws", "iam.amazonaws.com", "AttachRolePolicy", PrivilegeRaised),
    ("aws", "iam.amazonaws.com", "AttachUserPolicy", PrivilegeRaised),
    ("aws", "dynamodb.amazonaws.com", "BatchGetItem", DataRead),
    ("aws", "secretsmanager.amazonaws.com", "BatchGetSecretValue", SecretsRead),
    ("aws", "iam.amazonaws.com", "CreateAccessKey", CredentialMade),
    ("aws", "iam.amazonaws.com", "CreateLoginProfile", CredentialMade),
    ("aws", "iam.amazonaws.com", "CreatePolicyVersion", PrivilegeRaised),
    ("aws", "iam.amazonaws.com", "CreateServiceSpecificCredential", CredentialMade),
    ("aws", "rds.amazonaws.com", "DeleteDBClusterSnapshot", BackupsRemoved),
    ("aws", "rds.amazonaws.com", "DeleteDBInstance", DataDestroyed),
    ("aws", "rds.amazonaws.com", "DeleteDBSnapshot", BackupsRemoved),
    ("aws", "guardduty.amazonaws.com", "DeleteDetector", LogsStopped),
    ("aws", "ec2.amazonaws.com", "DeleteFlowLogs", LogsStopped),
    ("aws", "logs.amazonaws.com", "DeleteLogGroup", LogsStopped),
    ("aws", "s3.amazonaws.com", "DeleteObject", DataDestroyed),
    ("aws", "s3.amazonaws.com", "DeleteObjects", DataDestroyed),
    ("aws", "backup.amazonaws.com", "DeleteRecoveryPoint", BackupsRemoved),
    ("aws", "ec2.amazonaws.com", "DeleteSnapshot", BackupsRemoved),
    ("aws", "dynamodb.amazonaws.com", "DeleteTable", DataDestroyed),
    ("aws", "cloudtrail.amazonaws.com", "DeleteTrail", LogsStopped),
    ("aws", "dynamodb.amazonaws.com", "ExportTableToPointInTime", DataRead),
    ("aws", "s3.amazonaws.com", "GetObject", DataRead),
    ("aws", "ssm.amazonaws.com", "GetParametersByPath", SecretsRead),
    ("aws", "secretsmanager.amazonaws.com", "GetSecretValue", SecretsRead),
    ("aws", "iam.amazonaws.com", "PutGroupPolicy", PrivilegeRaised),
    ("aws", "iam.amazonaws.com", "PutRolePolicy", PrivilegeRaised),
    ("aws", "iam.amazonaws.com", "PutUserPolicy", PrivilegeRaised),
    ("aws", "dynamodb.amazonaws.com", "Scan", DataRead),
    ("aws", "iam.amazonaws.com", "SetDefaultPolicyVersion", PrivilegeRaised),
    ("aws", "config.amazonaws.com", "StopConfigurationRecorder", LogsStopped),
    ("aws", "cloudtrail.amazonaws.com", "StopLogging", LogsStopped),
    ("aws", "iam.amazonaws.com", "UpdateAssumeRolePolicy", PrivilegeRaised),
    ("aws", "iam.amazonaws.com", "UploadSigningCertificate", CredentialMade),
    ("aws", "iam.amazonaws.com", "UploadSSHPublicKey", CredentialMade),
    ("azure", "", "Add app role assignment to service principal", PrivilegeRaised),
    ("azure", "", "Add member to role", PrivilegeRaised),
    ("azure", "", "Add service principal credentials", CredentialMade),
    ("azure", "", "Microsoft.Authorization/roleAssignments/write", PrivilegeRaised),
    ("azure", "", "Microsoft.Insights/diagnosticSettings/delete", LogsStopped),
    ("azure", "", "Microsoft.KeyVault/vaults/secrets/read", SecretsRead),
    ("azure", "", "Microsoft.Network/networkWatchers/flowLogs/delete", LogsStopped),
    ("azure", "", "Microsoft.RecoveryServices/vaults/delete", BackupsRemoved),
    ("azure", "", "Microsoft.Sql/servers/databases/delete", DataDestroyed),
    ("azure", "", "Microsoft.Sql/servers/databases/export/action", DataRead),
    ("azure", "", "Microsoft.Storage/storageAccounts/delete", DataDestroyed),
    ("azure", "", "Microsoft.Storage/storageAccounts/listAccountSas/action", CredentialMade),
    ("azure", "", "Microsoft.Storage/storageAccounts/listKeys/action", DataRead),
    ("azure", "", "Update application – Certificates and secrets management", CredentialMade),
    (
        "gcp",
        "secretmanager.googleapis.com",
        "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
        SecretsRead,
    ),
    ("gcp", "iam.googleapis.com", "google.iam.admin.v1.CreateServiceAccountKey", CredentialMade),
    ("gcp", "iam.googleapis.com", "google.iam.admin.v1.UpdateRole", PrivilegeRaised),
    ("gcp", "logging.googleapis.com", "google.logging.v2.ConfigServiceV2.DeleteBucket", LogsStopped),
    ("gcp", "logging.googleapis.com", "google.logging.v2.ConfigServiceV2.DeleteSink", LogsStopped),
    ("gcp", "", "SetIamPolicy", PrivilegeRaised),
    ("gcp", "storage.googleapis.com", "storage.buckets.delete", DataDestroyed),
    ("gcp", "storage.googleapis.com", "storage.objects.delete", DataDestroyed),
    ("gcp", "storage.googleapis.com", "storage.objects.get", DataRead),
    ("github", "", "git.clone", DataRead),
    ("github", "", "hook.create", DataRead),
    ("github", "", "org.audit_log_streaming.disabled", LogsStopped),
    ("github", "", "org.update_member", PrivilegeRaised),
    ("github", "", "personal_access_token.create", CredentialMade),
    ("github", "", "public_key.create", CredentialMade),
    ("github", "", "repo.destroy", DataDestroyed),
    ("kubernetes", "clusterrolebindings", "create", PrivilegeRaised),
    ("kubernetes", "rolebindings", "create", PrivilegeRaised),
    ("kubernetes", "serviceaccounts/token", "create", CredentialMade),
    ("kubernetes", "persistentvolumes", "delete", DataDestroyed),
    ("kubernetes", "secrets", "get", SecretsRead),
    ("kubernetes", "secrets", "list", SecretsRead),
    ("kubernetes", "clusterrolebindings", "patch", PrivilegeRaised),
    ("kubernetes", "clusterrolebindings", "update", PrivilegeRaised),
    ("m365", "", "Add-MailboxPermission", PrivilegeRaised),
    ("m365", "", "FileDownloaded", DataRead),
    ("m365", "", "New-InboxRule", DataRead),
    ("m365", "", "Set-AdminAuditLogConfig", LogsStopped),
    ("okta", "", "group.privilege.grant", PrivilegeRaised),
    ("okta", "", "system.api_token.create", CredentialMade),
    ("okta", "", "system.log_stream.lifecycle.deactivate", LogsStopped),
    ("okta", "", "system.log_stream.lifecycle.delete", LogsStopped),
    ("okta", "", "user.account.privilege.grant", PrivilegeRaised),
];

/// The stage that a call is, where it is one. Cost: a binary search.
pub(super) fn stage(product: &str, service: &str, action: &str) -> Option<Stage> {
    let from = TABLE.partition_point(|(of, _, call, _)| {
        of.cmp(&product).then_with(|| compare(call, action)) == Ordering::Less
    });
    let here = TABLE
        .iter()
        .skip(from)
        .take_while(|(of, _, call, _)| *of == product && compare(call, action) == Ordering::Equal);
    here.into_iter().find(|(_, of, _, _)| of.is_empty() || *of == service).map(|(_, _, _, stage)| *stage)
}

fn compare(one: &str, other: &str) -> Ordering {
    let lower = u8::to_ascii_lowercase;
    one.as_bytes().iter().map(lower).cmp(other.as_bytes().iter().map(lower))
}

#[cfg(test)]
mod tests {
    use super::{Stage, TABLE, compare, stage};

    #[test]
    fn every_line_is_found_and_nothing_else() {
        assert!(TABLE.is_sorted_by(|one, other| {
            one.0.cmp(other.0).then_with(|| compare(one.2, other.2)).then_with(|| one.1.cmp(other.1)).is_lt()
        }));
        for (product, service, call, expected) in TABLE {
            assert_eq!(stage(product, service, call), Some(*expected), "{call}");
            assert_eq!(stage(product, service, &call.to_uppercase()), Some(*expected), "{call}");
        }
        assert_eq!(stage("kubernetes", "pods", "create"), None);
        assert_eq!(stage("aws", "kms.amazonaws.com", "CreateAccessKey"), None);
        assert_eq!(stage("aws", "iam.amazonaws.com", "CreateAccessKeys"), None);
        assert_eq!(stage("", "", ""), None);
        assert_eq!(Stage::ALL.len(), 8);
    }
}
