//! The OCSF class of a call: a table from service and action.

use crate::Class;

/// How an action is compared.
enum Actions {
    /// All of the service.
    Every,
    /// These names.
    Named(&'static [&'static str]),
    /// These beginnings.
    Begins(&'static [&'static str]),
}

use Actions::{Begins, Every, Named};

/// The first line that fits decides; what fits none is API Activity.
const TABLE: &[(&str, Actions, Class)] = &[
    ("signin.amazonaws.com", Every, Class::Authentication),
    (
        "sso.amazonaws.com",
        Named(&["Authenticate", "Federate", "Logout", "UserAuthentication"]),
        Class::Authentication,
    ),
    (
        "sts.amazonaws.com",
        Begins(&["AssumeR", "GetFederationToken", "GetSessionToken"]),
        Class::Authentication,
    ),
    ("rolesanywhere.amazonaws.com", Named(&["CreateSession"]), Class::Authentication),
    (
        "cognito-idp.amazonaws.com",
        Named(&[
            "AdminInitiateAuth",
            "InitiateAuth",
            "AdminRespondToAuthChallenge",
            "RespondToAuthChallenge",
        ]),
        Class::Authentication,
    ),
    (
        "iam.amazonaws.com",
        Named(&[
            "CreateGroup",
            "DeleteGroup",
            "UpdateGroup",
            "AddUserToGroup",
            "RemoveUserFromGroup",
            "AttachGroupPolicy",
            "DetachGroupPolicy",
            "PutGroupPolicy",
            "DeleteGroupPolicy",
        ]),
        Class::GroupManagement,
    ),
    (
        "identitystore.amazonaws.com",
        Named(&[
            "CreateGroup",
            "DeleteGroup",
            "UpdateGroup",
            "CreateGroupMembership",
            "DeleteGroupMembership",
        ]),
        Class::GroupManagement,
    ),
    (
        "iam.amazonaws.com",
        Named(&[
            "CreateUser",
            "DeleteUser",
            "UpdateUser",
            "CreateRole",
            "DeleteRole",
            "UpdateRole",
            "UpdateAssumeRolePolicy",
            "CreateServiceLinkedRole",
            "DeleteServiceLinkedRole",
            "CreateAccessKey",
            "DeleteAccessKey",
            "UpdateAccessKey",
            "CreateLoginProfile",
            "DeleteLoginProfile",
            "UpdateLoginProfile",
            "ChangePassword",
            "AttachUserPolicy",
            "DetachUserPolicy",
            "PutUserPolicy",
            "DeleteUserPolicy",
            "AttachRolePolicy",
            "DetachRolePolicy",
            "PutRolePolicy",
            "DeleteRolePolicy",
            "PutUserPermissionsBoundary",
            "DeleteUserPermissionsBoundary",
            "PutRolePermissionsBoundary",
            "DeleteRolePermissionsBoundary",
            "EnableMFADevice",
            "DeactivateMFADevice",
            "DeleteVirtualMFADevice",
            "UploadSSHPublicKey",
            "UploadSigningCertificate",
            "CreateServiceSpecificCredential",
            "ResetServiceSpecificCredential",
        ]),
        Class::AccountChange,
    ),
    ("identitystore.amazonaws.com", Named(&["CreateUser", "DeleteUser", "UpdateUser"]), Class::AccountChange),
    (
        "cognito-idp.amazonaws.com",
        Begins(&[
            "AdminCreateUser",
            "AdminDeleteUser",
            "AdminDisableUser",
            "AdminEnableUser",
            "AdminSetUser",
        ]),
        Class::AccountChange,
    ),
    (
        "s3.amazonaws.com",
        Named(&[
            "GetObject",
            "HeadObject",
            "PutObject",
            "CopyObject",
            "DeleteObject",
            "DeleteObjects",
            "SelectObjectContent",
            "RestoreObject",
            "CompleteMultipartUpload",
        ]),
        Class::DatastoreActivity,
    ),
    (
        "dynamodb.amazonaws.com",
        Named(&[
            "GetItem",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "Query",
            "Scan",
            "BatchGetItem",
            "BatchWriteItem",
            "TransactGetItems",
            "TransactWriteItems",
            "ExecuteStatement",
            "BatchExecuteStatement",
            "ExecuteTransaction",
            "ExportTableToPointInTime",
        ]),
        Class::DatastoreActivity,
    ),
    (
        "rdsdata.amazonaws.com",
        Named(&["ExecuteStatement", "BatchExecuteStatement", "ExecuteSql"]),
        Class::DatastoreActivity,
    ),
    (
        "redshift-data.amazonaws.com",
        Named(&["ExecuteStatement", "BatchExecuteStatement", "GetStatementResult"]),
        Class::DatastoreActivity,
    ),
    ("athena.amazonaws.com", Named(&["StartQueryExecution", "GetQueryResults"]), Class::DatastoreActivity),
];

/// The class of a call.
pub(super) fn of(service: &str, action: &str) -> Class {
    let fits = |actions: &Actions| match actions {
        Every => true,
        Named(names) => names.contains(&action),
        Begins(beginnings) => beginnings.iter().any(|beginning| action.starts_with(beginning)),
    };
    let line = TABLE.iter().find(|(of, actions, _)| *of == service && fits(actions));
    line.map_or(Class::ApiActivity, |(_, _, class)| *class)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn one_call_of_each_class() {
        assert_eq!(of("signin.amazonaws.com", "ConsoleLogin").uid(), 3002);
        assert_eq!(of("sts.amazonaws.com", "AssumeRoleWithSAML").uid(), 3002);
        assert_eq!(of("sts.amazonaws.com", "GetCallerIdentity").uid(), 6003);
        assert_eq!(of("iam.amazonaws.com", "CreateAccessKey").uid(), 3001);
        assert_eq!(of("iam.amazonaws.com", "AddUserToGroup").uid(), 3006);
        assert_eq!(of("s3.amazonaws.com", "GetObject").uid(), 6005);
        assert_eq!(of("ec2.amazonaws.com", "RunInstances").uid(), 6003);
    }
}
