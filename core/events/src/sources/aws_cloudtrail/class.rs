//! The OCSF class of a call: a table from service and action.

use crate::Class;
use crate::class::Actions::{Begins, Every, Named};
use crate::class::Line;

/// What is anything but API Activity.
pub(super) const TABLE: &[Line] = &[
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

#[cfg(test)]
mod tests {
    use super::TABLE;
    use crate::class;

    #[test]
    fn one_call_of_each_class() {
        assert_eq!(class::of(TABLE, "signin.amazonaws.com", "ConsoleLogin").uid(), 3002);
        assert_eq!(class::of(TABLE, "sts.amazonaws.com", "AssumeRoleWithSAML").uid(), 3002);
        assert_eq!(class::of(TABLE, "sts.amazonaws.com", "GetCallerIdentity").uid(), 6003);
        assert_eq!(class::of(TABLE, "iam.amazonaws.com", "CreateAccessKey").uid(), 3001);
        assert_eq!(class::of(TABLE, "iam.amazonaws.com", "AddUserToGroup").uid(), 3006);
        assert_eq!(class::of(TABLE, "s3.amazonaws.com", "GetObject").uid(), 6005);
        assert_eq!(class::of(TABLE, "ec2.amazonaws.com", "RunInstances").uid(), 6003);
    }
}
