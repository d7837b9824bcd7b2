//! Microsoft Azure and Entra: activity log, directory audit, sign-ins, risk detections, and alerts of
//! Privileged Identity Management; as diagnostic settings write them (the event in `properties`), and as
//! Microsoft Graph answers them (the same names at the top).

use crate::class::Actions::{Contains, Every};
use crate::source::{Actor, Find, How, Mapping, Paths, Secrets, Source, at, text};
use crate::{Class, IdentityKind, Logsource, PrincipalKind};
use sonic_rs::{JsonValueTrait as _, Value};
use std::borrow::Cow;

const TENANT: Paths = &["tenantId", "properties.tenantId", "properties.homeTenantId"];

fn category(event: &Value) -> &str {
    text(event, &["category", "Category"]).unwrap_or_default()
}

/// The Azure activity log: what was done to resources of a subscription.
pub(crate) static ACTIVITY: Source = Source {
    name: "azure.activity",
    nicknames: &["azure.activitylogs"],
    logsource: |_| Logsource::of("azure", "activitylogs"),
    further: &[],
    recognises: |event| {
        let named = text(event, &["operationName", "operationName.value", "OperationNameValue"]).is_some();
        let on = text(event, &["resourceId", "ResourceId"]).is_some();
        let categories = [
            "Administrative",
            "Alert",
            "Autoscale",
            "Policy",
            "Recommendation",
            "ResourceHealth",
            "Security",
            "ServiceHealth",
            "Action",
            "Write",
            "Delete",
        ];
        let category = text(event, &["category.value", "category", "CategoryValue"]).unwrap_or_default();
        named && on && categories.contains(&category) && at(event, "properties.initiatedBy").is_none()
    },
    how: How::Table(Mapping {
        time: &["time", "eventTimestamp", "TimeGenerated"],
        service: Find::By(|event| {
            let operation = operation(event)?;
            Some(Cow::Borrowed(operation.split('/').next().unwrap_or(operation)))
        }),
        action: Find::By(|event| operation(event).map(Cow::Borrowed)),
        failure: |event| {
            let status = text(event, &["resultType", "status.value", "ActivityStatusValue"])?;
            let failed = status.eq_ignore_ascii_case("failure") || status.eq_ignore_ascii_case("failed");
            failed.then(|| text(event, &["resultSignature", "subStatus.value"]).unwrap_or(status))
        },
        read_only: |event| {
            let operation = operation(event)?;
            Some(operation.len() >= 5 && operation[operation.len() - 5..].eq_ignore_ascii_case("/read"))
        },
        classes: &[("", Contains(&["/roleAssignments/", "/ROLEASSIGNMENTS/"]), Class::AccountChange)],
        target: &["resourceId", "ResourceId"],
        region: &["location", "resourceLocation"],
        source_ip: &["callerIpAddress", "httpRequest.clientIpAddress", "CallerIpAddress"],
        event_id: &["properties.eventDataId", "eventDataId", "correlationId", "CorrelationId"],
        actor: caller,
        ..Mapping::EMPTY
    }),
    account: |event| {
        let resource = text(event, &["resourceId", "ResourceId"])?;
        let mut parts = resource.split('/').skip_while(|part| !part.eq_ignore_ascii_case("subscriptions"));
        parts.nth(1)
    },
    secrets: Secrets::COMMON,
    aliases: &[
        ("OperationNameValue", &["operationName.value", "operationName"]),
        ("CategoryValue", &["category.value", "category"]),
        ("ResourceProviderValue", &["resourceProviderName.value", "resourceProvider.value"]),
        ("ResourceId", &["resourceId"]),
        ("ActivityStatusValue", &["status.value", "resultType"]),
        ("properties.message", &["operationName.localizedValue", "operationName.value", "operationName"]),
    ],
    tops: &[
        "ActivityStatusValue",
        "Caller",
        "CallerIpAddress",
        "CategoryValue",
        "CorrelationId",
        "OperationNameValue",
        "ResourceId",
        "ResourceProviderValue",
        "TimeGenerated",
        "authorization",
        "caller",
        "callerIpAddress",
        "category",
        "channels",
        "claims",
        "correlationId",
        "description",
        "durationMs",
        "eventDataId",
        "eventName",
        "eventTimestamp",
        "httpRequest",
        "id",
        "identity",
        "level",
        "location",
        "operationId",
        "operationName",
        "properties",
        "resourceGroupName",
        "resourceId",
        "resourceProviderName",
        "resourceType",
        "resultSignature",
        "resultType",
        "status",
        "subStatus",
        "submissionTimestamp",
        "subscriptionId",
        "tenantId",
        "time",
    ],
    closed: &[],
};

fn operation(event: &Value) -> Option<&str> {
    text(event, &["operationName", "operationName.value", "OperationNameValue"])
}

/// Who called the resource manager, by the claims of the token.
fn caller(event: &Value) -> Actor<'_> {
    const OBJECT: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
    let claims = at(event, "identity.claims").or_else(|| event.get("claims"));
    let claim = |name: &str| claims.and_then(|claims| claims.get(name)?.as_str());
    let object = claim(OBJECT).or_else(|| text(event, &["identity.authorization.evidence.principalId"]));
    let name = claim("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn")
        .or_else(|| claim("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"))
        .or_else(|| text(event, &["caller", "Caller"]));
    let app = claim("idtyp") == Some("app")
        || text(event, &["identity.authorization.evidence.principalType"]) == Some("ServicePrincipal");
    let Some(native) = object.or(name) else { return Actor::UNKNOWN };
    if app {
        return Actor::of("azure", (PrincipalKind::App, IdentityKind::App), native, None)
            .called(name.or(claim("appid")));
    }
    let person = name.is_some_and(|name| name.contains('@'));
    Actor {
        person,
        ..Actor::of("azure", (PrincipalKind::User, IdentityKind::User), native, None).called(name)
    }
}

/// The directory's audit log. What PIM did there is also looked for by rules about PIM.
pub(crate) static AUDIT: Source = Source {
    name: "azure.audit",
    nicknames: &["entra.audit", "azure.auditlogs"],
    logsource: |text| {
        let by = text(&["properties.loggedByService", "loggedByService"]);
        let also: &[&str] = if by == Some("PIM") { &["pim"] } else { &[] };
        Logsource { also, ..Logsource::of("azure", "auditlogs") }
    },
    further: &[Logsource { also: &["pim"], ..Logsource::of("azure", "auditlogs") }],
    recognises: |event| {
        category(event) == "AuditLogs"
            || (text(event, &["activityDisplayName", "properties.activityDisplayName"]).is_some()
                && (event.get("initiatedBy").is_some() || at(event, "properties.initiatedBy").is_some()))
    },
    how: How::Table(Mapping {
        time: &["properties.activityDateTime", "activityDateTime", "time"],
        service: Find::By(|event| {
            Some(Cow::Borrowed(
                text(event, &["properties.loggedByService", "loggedByService"]).unwrap_or("directory"),
            ))
        }),
        action: Find::At(&["properties.activityDisplayName", "activityDisplayName", "operationName"]),
        failure: |event| {
            let result = text(event, &["properties.result", "result"])?;
            let reason = &["properties.resultReason", "resultReason"];
            (result == "failure" || result == "timeout").then(|| text(event, reason).unwrap_or(result))
        },
        read_only: |_| Some(false),
        classes: &[
            ("", Contains(&["group"]), Class::GroupManagement),
            (
                "",
                Contains(&[
                    "user",
                    "role",
                    "service principal",
                    "application",
                    "credential",
                    "password",
                    "Password",
                ]),
                Class::AccountChange,
            ),
        ],
        target: &[
            "properties.targetResources.userPrincipalName",
            "properties.targetResources.displayName",
            "properties.targetResources.id",
            "targetResources.userPrincipalName",
            "targetResources.displayName",
            "targetResources.id",
        ],
        source_ip: &[
            "properties.initiatedBy.user.ipAddress",
            "initiatedBy.user.ipAddress",
            "callerIpAddress",
        ],
        event_id: &["properties.id", "id"],
        actor: |event| match at(event, "properties.initiatedBy").or_else(|| event.get("initiatedBy")) {
            Some(by) => initiator(by, text(event, TENANT)),
            None => Actor::UNKNOWN,
        },
        ..Mapping::EMPTY
    }),
    account: |event| text(event, TENANT),
    secrets: Secrets::COMMON,
    aliases: &[
        ("ActivityDisplayName", &["properties.activityDisplayName", "activityDisplayName", "operationName"]),
        ("ActivityType", &["properties.activityDisplayName", "activityDisplayName", "operationName"]),
        ("activityType", &["properties.activityDisplayName", "activityDisplayName", "operationName"]),
        ("OperationName", &["operationName", "properties.activityDisplayName", "activityDisplayName"]),
        ("operationName", &["properties.activityDisplayName", "activityDisplayName"]),
        ("properties.message", &["properties.activityDisplayName", "activityDisplayName", "operationName"]),
        ("Category", &["properties.category", "category"]),
        ("category", &["properties.category"]),
        ("LoggedByService", &["properties.loggedByService", "loggedByService"]),
        ("Status", &["properties.result", "result", "resultSignature", "properties.resultReason"]),
        ("properties.result", &["result"]),
        ("failure_status_reason", &["properties.resultReason", "resultReason"]),
        ("Target", &["properties.targetResources.userPrincipalName", "targetResources.userPrincipalName"]),
        (
            "Initiatedby",
            &["properties.initiatedBy.user.userPrincipalName", "initiatedBy.user.userPrincipalName"],
        ),
        ("TargetResources", &["properties.targetResources.type", "targetResources.type"]),
        (
            "TargetResources.modifiedProperties",
            &[
                "properties.targetResources.modifiedProperties.displayName",
                "targetResources.modifiedProperties.displayName",
            ],
        ),
        (
            "TargetResources.ModifiedProperties.DisplayName",
            &[
                "properties.targetResources.modifiedProperties.displayName",
                "targetResources.modifiedProperties.displayName",
            ],
        ),
        (
            "TargetResources.ModifiedProperties.NewValue",
            &[
                "properties.targetResources.modifiedProperties.newValue",
                "targetResources.modifiedProperties.newValue",
            ],
        ),
        (
            "TargetResources.modifiedProperties.newValue",
            &[
                "properties.targetResources.modifiedProperties.newValue",
                "targetResources.modifiedProperties.newValue",
            ],
        ),
        ("targetResources.type", &["properties.targetResources.type"]),
        (
            "properties.targetResources",
            &[
                "properties.targetResources.type",
                "properties.targetResources.displayName",
                "targetResources.type",
            ],
        ),
        (
            "additionalDetails.additionalInfo",
            &["properties.additionalDetails.value", "additionalDetails.value"],
        ),
        ("ConsentContext.IsAdminConsent", &["properties.targetResources.modifiedProperties.newValue"]),
    ],
    tops: &[
        "Level",
        "activityDateTime",
        "activityDisplayName",
        "additionalDetails",
        "callerIpAddress",
        "category",
        "correlationId",
        "durationMs",
        "id",
        "identity",
        "initiatedBy",
        "loggedByService",
        "operationName",
        "operationType",
        "operationVersion",
        "properties",
        "resourceId",
        "result",
        "resultDescription",
        "resultReason",
        "resultSignature",
        "resultType",
        "targetResources",
        "tenantId",
        "time",
    ],
    closed: &[],
};

/// `initiatedBy`: a user or an application.
fn initiator<'e>(by: &'e Value, tenant: Option<&'e str>) -> Actor<'e> {
    if let Some(id) = text(by, &["app.servicePrincipalId", "app.appId"]) {
        return Actor::of("azure", (PrincipalKind::App, IdentityKind::App), id, tenant)
            .called(text(by, &["app.displayName", "app.servicePrincipalName"]));
    }
    if let Some(name) = text(by, &["app.displayName"]) {
        // A service of Microsoft names neither.
        let kind = (PrincipalKind::Service, IdentityKind::Service);
        let native = format!("service/{name}");
        return Actor { provider_owned: true, ..Actor::of("azure", kind, native, tenant).called(Some(name)) };
    }
    match text(by, &["user.id"]) {
        Some(id) => {
            let kind = (PrincipalKind::User, IdentityKind::User);
            Actor {
                person: true,
                ..Actor::of("azure", kind, id, tenant)
                    .called(text(by, &["user.userPrincipalName", "user.displayName"]))
            }
        }
        None => Actor::UNKNOWN,
    }
}

/// Sign-ins of users, of service principals and of managed identities.
pub(crate) static SIGNIN: Source = Source {
    name: "azure.signin",
    nicknames: &["entra.signin", "azure.signinlogs"],
    logsource: |_| Logsource::of("azure", "signinlogs"),
    further: &[],
    recognises: |event| {
        let category = category(event);
        category.ends_with("SignInLogs")
            || (text(event, &["createdDateTime"]).is_some()
                && text(event, &["conditionalAccessStatus", "servicePrincipalId", "appDisplayName"])
                    .is_some()
                && text(event, &["userPrincipalName", "servicePrincipalName", "userId"]).is_some()
                && event.get("riskEventType").is_none())
    },
    how: How::Table(Mapping {
        time: &["properties.createdDateTime", "createdDateTime", "time"],
        service: Find::By(|event| {
            let resource = text(event, &["properties.resourceDisplayName", "resourceDisplayName"]);
            Some(Cow::Borrowed(resource.unwrap_or("Microsoft Entra ID")))
        }),
        action: Find::Is("Sign-in"),
        failure: |event| {
            let code = at(event, "properties.status.errorCode").or_else(|| at(event, "status.errorCode"));
            let failed = match code {
                Some(code) => code.as_i64() != Some(0),
                None => text(event, &["resultType"]).is_some_and(|code| code != "0"),
            };
            let reason = &[
                "properties.status.failureReason",
                "status.failureReason",
                "resultDescription",
                "resultType",
            ];
            failed.then(|| text(event, reason).unwrap_or("Failure"))
        },
        classes: &[("", Every, Class::Authentication)],
        target: &["properties.resourceDisplayName", "resourceDisplayName"],
        region: &["properties.location.countryOrRegion", "location.countryOrRegion", "location"],
        source_ip: &["properties.ipAddress", "ipAddress", "callerIpAddress"],
        user_agent: &["properties.userAgent", "userAgent"],
        event_id: &["properties.id", "id"],
        actor: signed_in,
        ..Mapping::EMPTY
    }),
    account: |event| text(event, TENANT),
    secrets: Secrets::COMMON,
    aliases: &[
        ("ResultType", &["properties.status.errorCode", "status.errorCode", "resultType"]),
        (
            "ResultDescription",
            &["properties.status.failureReason", "status.failureReason", "resultDescription"],
        ),
        (
            "Resultdescription",
            &["properties.status.failureReason", "status.failureReason", "resultDescription"],
        ),
        ("AuthenticationRequirement", &["properties.authenticationRequirement", "authenticationRequirement"]),
        (
            "Status",
            &[
                "properties.status.additionalDetails",
                "status.additionalDetails",
                "properties.conditionalAccessStatus",
            ],
        ),
        ("userAgent", &["properties.userAgent"]),
        ("properties.message", &["properties.authenticationProtocol", "authenticationProtocol"]),
        ("DeviceDetail.trusttype", &["properties.deviceDetail.trustType", "deviceDetail.trustType"]),
        ("DeviceDetail.deviceId", &["properties.deviceDetail.deviceId", "deviceDetail.deviceId"]),
        ("DeviceDetail.isCompliant", &["properties.deviceDetail.isCompliant", "deviceDetail.isCompliant"]),
        ("RiskState", &["properties.riskState", "riskState"]),
        ("ResourceDisplayName", &["properties.resourceDisplayName", "resourceDisplayName"]),
        ("conditionalAccessStatus", &["properties.conditionalAccessStatus"]),
        ("NetworkLocationDetails", &["properties.networkLocationDetails", "networkLocationDetails"]),
        ("ActivityDetails", &["operationName"]),
        ("ClientApp", &["properties.clientAppUsed", "clientAppUsed"]),
        ("Username", &["properties.userPrincipalName", "userPrincipalName"]),
    ],
    tops: &[
        "Level",
        "appDisplayName",
        "appId",
        "appliedConditionalAccessPolicies",
        "authenticationProtocol",
        "authenticationRequirement",
        "callerIpAddress",
        "category",
        "clientAppUsed",
        "conditionalAccessStatus",
        "correlationId",
        "createdDateTime",
        "deviceDetail",
        "durationMs",
        "id",
        "identity",
        "ipAddress",
        "isInteractive",
        "location",
        "networkLocationDetails",
        "operationName",
        "operationVersion",
        "properties",
        "resourceDisplayName",
        "resourceId",
        "resultDescription",
        "resultSignature",
        "resultType",
        "riskDetail",
        "riskLevelDuringSignIn",
        "riskState",
        "servicePrincipalId",
        "servicePrincipalName",
        "status",
        "tenantId",
        "time",
        "userAgent",
        "userDisplayName",
        "userId",
        "userPrincipalName",
    ],
    closed: &[],
};

fn signed_in(event: &Value) -> Actor<'_> {
    let tenant = text(event, TENANT);
    let app = text(event, &["properties.servicePrincipalId", "servicePrincipalId"]);
    let failed = at(event, "properties.status.errorCode").or_else(|| at(event, "status.errorCode"));
    let authenticated = failed.is_none_or(|code| code.as_i64() == Some(0))
        && text(event, &["resultType"]).is_none_or(|code| code == "0");
    let actor = match (app, text(event, &["properties.userId", "userId"])) {
        (Some(id), _) => {
            let name = text(
                event,
                &["properties.servicePrincipalName", "servicePrincipalName", "properties.appDisplayName"],
            );
            Actor::of("azure", (PrincipalKind::App, IdentityKind::App), id, tenant).called(name)
        }
        (None, Some(id)) => {
            let name = text(event, &["properties.userPrincipalName", "userPrincipalName"]);
            let kind = (PrincipalKind::User, IdentityKind::User);
            Actor { person: true, ..Actor::of("azure", kind, id, tenant).called(name) }
        }
        (None, None) => return Actor::UNKNOWN,
    };
    Actor { authenticated, ..actor }
}

/// Alerts of Privileged Identity Management. Before risk detections, which have the same field.
pub(crate) static PIM: Source = Source {
    name: "azure.pim",
    nicknames: &["entra.pim"],
    logsource: |_| Logsource::of("azure", "pim"),
    further: &[],
    recognises: |event| {
        text(event, &["riskEventType", "properties.riskEventType", "@odata.type"])
            .is_some_and(|kind| kind.ends_with("AlertIncident"))
    },
    how: RISK_TABLE,
    account: |event| text(event, TENANT),
    secrets: Secrets::COMMON,
    aliases: &[("riskEventType", &["properties.riskEventType"])],
    tops: TOPS_OF_RISK,
    closed: &[],
};

/// Risk detections of Entra ID Protection, of users and of service principals.
pub(crate) static RISK: Source = Source {
    name: "azure.risk",
    nicknames: &["entra.risk", "azure.riskdetection"],
    logsource: |_| Logsource::of("azure", "riskdetection"),
    further: &[],
    recognises: |event| {
        matches!(category(event), "UserRiskEvents" | "ServicePrincipalRiskEvents")
            || text(event, &["riskEventType", "properties.riskEventType"]).is_some()
    },
    how: RISK_TABLE,
    account: |event| text(event, TENANT),
    secrets: Secrets::COMMON,
    aliases: &[("riskEventType", &["properties.riskEventType"])],
    tops: TOPS_OF_RISK,
    closed: &[],
};

const TOPS_OF_RISK: &[&str] = &[
    "@odata.type",
    "Level",
    "activity",
    "activityDateTime",
    "additionalInfo",
    "appId",
    "callerIpAddress",
    "category",
    "correlationId",
    "createdDateTime",
    "detectedDateTime",
    "detectionTimingType",
    "durationMs",
    "id",
    "identity",
    "ipAddress",
    "keyIds",
    "lastUpdatedDateTime",
    "location",
    "operationName",
    "properties",
    "requestId",
    "resourceId",
    "resultSignature",
    "riskDetail",
    "riskEventType",
    "riskLevel",
    "riskState",
    "riskType",
    "servicePrincipalDisplayName",
    "servicePrincipalId",
    "source",
    "tenantId",
    "time",
    "tokenIssuerType",
    "userDisplayName",
    "userId",
    "userPrincipalName",
];

/// A detection is about somebody, who did not necessarily act: nobody is authenticated by it.
const RISK_TABLE: How = How::Table(Mapping {
    time: &[
        "properties.activityDateTime",
        "activityDateTime",
        "properties.detectedDateTime",
        "detectedDateTime",
        "createdDateTime",
        "time",
    ],
    service: Find::Is("Identity Protection"),
    action: Find::At(&["riskEventType", "properties.riskEventType", "@odata.type", "operationName"]),
    target: &[
        "properties.userPrincipalName",
        "userPrincipalName",
        "properties.servicePrincipalDisplayName",
        "servicePrincipalDisplayName",
    ],
    source_ip: &["properties.ipAddress", "ipAddress"],
    event_id: &["properties.id", "id"],
    actor: |event| Actor { authenticated: false, person: false, ..signed_in(event) },
    ..Mapping::EMPTY
});
