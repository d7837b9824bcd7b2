//! Who acted, by CloudTrail's `userIdentity`, and the identity that this folds to.
//!
//! What decides is set by AWS alone: the type, ARNs, the account, whether the session's credential came
//! from the console, whether a one-time code was checked. What the caller can set (user agent, session
//! name, `sourceIdentity`) is kept and decides nothing. The reasons stand in
//! `docs/decisions/0030-who-acted.md`.

use super::{Top, truth};
use crate::{Facts, IdentityKey, IdentityKind, Outcome, Principal, PrincipalKind, Session};
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _, Object, Value};
use std::borrow::Cow;

/// Error codes with which AWS says that it does not know who called.
const UNAUTHENTICATED: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "NotSignedUp",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

/// The parts of `userIdentity`.
#[derive(Default)]
struct Who<'e> {
    kind: Option<&'e str>,
    arn: Option<Arn<'e>>,
    account: Option<&'e str>,
    principal: Option<&'e str>,
    user: Option<&'e str>,
    key: Option<&'e str>,
    invoked_by: Option<&'e str>,
    provider: Option<&'e str>,
    issuer: Option<Arn<'e>>,
    mfa: bool,
    session: Session<'e>,
    behalf_store: Option<&'e str>,
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, cut open.
#[derive(Clone, Copy)]
struct Arn<'e> {
    text: &'e str,
    partition: &'e str,
    account: &'e str,
    resource: &'e str,
}

impl<'e> Arn<'e> {
    fn parse(text: &'e str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (scheme, partition, _service, _region) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        (scheme == "arn" && !resource.is_empty()).then_some(Self { text, partition, account, resource })
    }

    fn key(self, kind: IdentityKind) -> IdentityKey<'e> {
        key(kind, Cow::Borrowed(self.text), Some(self.account))
    }
}

fn key<'e>(kind: IdentityKind, native: Cow<'e, str>, account: Option<&'e str>) -> IdentityKey<'e> {
    IdentityKey { provider: "aws", kind, name: native.clone(), native, account }
}

fn text<'e>(object: Option<&'e Object>, name: &str) -> Option<&'e str> {
    object?.get(&name).and_then(|value| value.as_str()).filter(|text| !text.is_empty())
}

fn inner<'e>(object: Option<&'e Object>, name: &str) -> Option<&'e Object> {
    object?.get(&name).and_then(Value::as_object)
}

impl<'e> Who<'e> {
    fn of(identity: Option<&'e Object>) -> Self {
        let mut who = Self::default();
        let (mut context, mut behalf) = (None, None);
        for (name, value) in identity.into_iter().flatten() {
            let text = || value.as_str().filter(|text| !text.is_empty());
            match (name.len(), name) {
                (3, "arn") => who.arn = text().and_then(Arn::parse),
                (4, "type") => who.kind = text(),
                (8, "userName") => who.user = text(),
                (9, "accountId") => who.account = text(),
                (9, "invokedBy") => who.invoked_by = text(),
                (10, "onBehalfOf") => behalf = value.as_object(),
                (11, "accessKeyId") => who.key = text(),
                (11, "principalId") => who.principal = text(),
                (14, "sessionContext") => context = value.as_object(),
                (16, "identityProvider") => who.provider = text(),
                _ => {}
            }
        }
        if context.is_some() {
            who.read_context(context);
        }
        who.session.invoked_by = who.invoked_by;
        who.session.access_key = who.key;
        who.session.on_behalf_of = text(behalf, "userId");
        who.behalf_store = text(behalf, "identityStoreArn");
        who.session.name = who.arn.and_then(|arn| {
            let named = arn.resource.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/'));
            named.map(|(_, name)| name).or_else(|| arn.resource.strip_prefix("federated-user/"))
        });
        who
    }

    fn read_context(&mut self, context: Option<&'e Object>) {
        let web = inner(context, "webIdFederationData");
        let subject = inner(web, "attributes")
            .into_iter()
            .flatten()
            .find(|(name, _)| name.ends_with(":sub") || *name == "sub")
            .and_then(|(_, value)| value.as_str());
        self.session.federated_subject = subject.or_else(|| text(web, "federatedProvider"));
        self.session.source_identity = text(context, "sourceIdentity");
        self.issuer = text(inner(context, "sessionIssuer"), "arn").and_then(Arn::parse);
        let attributes = inner(context, "attributes");
        let checked = attributes.and_then(|attributes| attributes.get(&"mfaAuthenticated"));
        self.mfa = checked.and_then(truth).unwrap_or(false);
    }

    /// By AWS's type; where it gives none, or one that is new, by the shape of the ARN.
    fn principal_kind(&self, service_event: bool) -> PrincipalKind {
        match self.kind {
            Some("IAMUser") => PrincipalKind::User,
            Some("AssumedRole") => PrincipalKind::AssumedRole,
            Some("Role") => PrincipalKind::Role,
            Some("FederatedUser") => PrincipalKind::FederatedUser,
            Some("WebIdentityUser") => PrincipalKind::WebIdentity,
            Some("SAMLUser") => PrincipalKind::Saml,
            Some("Directory") => PrincipalKind::Directory,
            Some("AWSAccount") => PrincipalKind::Account,
            Some("AWSService") => PrincipalKind::Service,
            Some("IdentityCenterUser") => PrincipalKind::IdentityCenter,
            Some("Root") => PrincipalKind::Root,
            Some("Unknown") => PrincipalKind::Unknown,
            _ => match self.arn.map(|arn| arn.resource) {
                Some("root") => PrincipalKind::Root,
                Some(resource) if resource.starts_with("user/") => PrincipalKind::User,
                Some(resource) if resource.starts_with("assumed-role/") => PrincipalKind::AssumedRole,
                Some(resource) if resource.starts_with("role/") => PrincipalKind::Role,
                Some(resource) if resource.starts_with("federated-user/") => PrincipalKind::FederatedUser,
                Some(_) => PrincipalKind::Unknown,
                None if self.kind.is_none() && (service_event || self.invoked_by.is_some()) => {
                    PrincipalKind::Service
                }
                None => PrincipalKind::Unknown,
            },
        }
    }

    /// The role of a session: by its issuer, else from the session's own ARN, which names the role
    /// without its path.
    fn role(&self) -> Option<IdentityKey<'e>> {
        if let Some(issuer) = self.issuer {
            return Some(issuer.key(kind_of_issuer(issuer)));
        }
        let arn = self.arn?;
        if arn.resource.starts_with("role/") {
            return Some(arn.key(IdentityKind::Role));
        }
        let (role, _session) = arn.resource.strip_prefix("assumed-role/")?.split_once('/')?;
        let native = format!("arn:{}:iam::{}:role/{role}", arn.partition, arn.account);
        Some(key(IdentityKind::Role, Cow::Owned(native), Some(arn.account)))
    }

    fn root(&self) -> Option<IdentityKey<'e>> {
        if let Some(arn) = self.arn.filter(|arn| arn.resource == "root") {
            return Some(arn.key(IdentityKind::Root));
        }
        let account = self.account?;
        Some(key(IdentityKind::Root, Cow::Owned(format!("arn:aws:iam::{account}:root")), Some(account)))
    }

    /// Its name alone is no identity: the same name in two accounts is two, so the account is part of it.
    fn access_key(&self) -> Option<IdentityKey<'e>> {
        let id = self.key.filter(|id| is_long_lived(id))?;
        let account = self.arn.map(|arn| arn.account).or(self.account);
        let native = Cow::Owned(format!("{}/{id}", account.unwrap_or_default()));
        Some(IdentityKey {
            provider: "aws",
            kind: IdentityKind::AccessKey,
            native,
            name: Cow::Borrowed(id),
            account,
        })
    }

    /// An identity that AWS names by parts rather than an ARN.
    fn named(&self, kind: IdentityKind, parts: &[Option<&'e str>]) -> Option<IdentityKey<'e>> {
        let parts = parts.iter().copied().collect::<Option<Vec<_>>>()?;
        let native = format!("{}/{}", kind.as_str(), parts.join("/"));
        Some(key(kind, Cow::Owned(native), self.account))
    }
}

fn kind_of_issuer(issuer: Arn<'_>) -> IdentityKind {
    match issuer.resource {
        "root" => IdentityKind::Root,
        resource if resource.starts_with("user/") => IdentityKind::User,
        _ => IdentityKind::Role,
    }
}

/// `AKIA` and at least 12 more capitals and digits, as AWS issues long-lived keys.
fn is_long_lived(id: &str) -> bool {
    id.len() >= 16
        && id.starts_with("AKIA")
        && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether the role is one that IAM Identity Center made for people. IAM reserves the path for AWS; only
/// where the ARN tells no path does the name decide.
fn is_for_people(role: &str, path_known: bool) -> bool {
    let resource = role.splitn(6, ':').nth(5).unwrap_or_default();
    let name = resource.rsplit('/').next().unwrap_or_default();
    name.starts_with("AWSReservedSSO_")
        && (!path_known || resource.starts_with("role/aws-reserved/sso.amazonaws.com/"))
}

/// The principal of an event.
pub(super) fn principal<'e>(
    top: &Top<'e>,
    service: &'e str,
    action: &'e str,
    outcome: Outcome<'e>,
) -> Principal<'e> {
    let who = Who::of(top.identity);
    let mut kind = who.principal_kind(top.kind == Some("AwsServiceEvent"));
    let failed = outcome.failed();
    let mut owner = None;
    let identity = match kind {
        PrincipalKind::User => {
            let user = who.arn.map(|arn| arn.key(IdentityKind::User));
            match who.access_key() {
                Some(key) => {
                    kind = PrincipalKind::AccessKey;
                    owner = user;
                    Some(key)
                }
                None => user,
            }
        }
        PrincipalKind::AssumedRole | PrincipalKind::Role => who.role(),
        // Without its issuer a federated user is only a name that the caller chose.
        PrincipalKind::FederatedUser => who.issuer.map(|issuer| issuer.key(kind_of_issuer(issuer))),
        // With the reporting account, for the same reason as an access key.
        PrincipalKind::WebIdentity => who
            .named(IdentityKind::WebIdentity, &[top.recipient, who.principal])
            .or_else(|| who.named(IdentityKind::WebIdentity, &[top.recipient, who.provider, who.user])),
        PrincipalKind::Saml => who
            .named(IdentityKind::Saml, &[who.principal])
            .or_else(|| who.named(IdentityKind::Saml, &[who.provider, who.user])),
        PrincipalKind::Directory => match who.arn {
            Some(arn) => Some(arn.key(IdentityKind::Directory)),
            None => who.named(IdentityKind::Directory, &[who.account, who.principal]),
        },
        PrincipalKind::Account => who.named(IdentityKind::Account, &[who.account]),
        PrincipalKind::Service => {
            who.named(IdentityKind::Service, &[Some(who.invoked_by.unwrap_or(service))])
        }
        PrincipalKind::IdentityCenter => {
            who.named(IdentityKind::IdentityCenter, &[who.behalf_store, who.session.on_behalf_of])
        }
        PrincipalKind::Root => who.root(),
        // Not kinds that CloudTrail names.
        PrincipalKind::AccessKey
        | PrincipalKind::ServiceAccount
        | PrincipalKind::App
        | PrincipalKind::Token
        | PrincipalKind::Agent
        | PrincipalKind::Unknown => None,
    };
    let facts = facts(top, &who, kind, identity.as_ref(), failed);
    let identity = identity.filter(|_| kind != PrincipalKind::Account || facts.authenticated);
    let person = is_person(top, &who, kind, identity.as_ref(), action, facts);
    Principal {
        name: name(&who, identity.as_ref(), service),
        creates: identity.is_some() && facts.authenticated && !failed,
        person_evidence: person && facts.authenticated && !failed && !facts.cross_account,
        person_role: saml_role(top, service, action, failed),
        facts: Facts { interactive: facts.interactive || person, ..facts },
        kind,
        identity,
        owner,
        session: who.session,
        delegation: Vec::new(),
    }
}

fn facts(
    top: &Top<'_>,
    who: &Who<'_>,
    kind: PrincipalKind,
    identity: Option<&IdentityKey<'_>>,
    failed: bool,
) -> Facts {
    let anonymous = who.account.is_none_or(|account| !account.bytes().all(|byte| byte.is_ascii_digit()));
    let unknown_caller = match kind {
        PrincipalKind::Unknown => true,
        PrincipalKind::Account => anonymous,
        // These events are the sign-in itself: where it failed, nobody was authenticated.
        PrincipalKind::WebIdentity | PrincipalKind::Saml => failed,
        _ => false,
    };
    let failed_sign_in = failed && top.source == Some("signin.amazonaws.com");
    let unauthenticated = top.error.is_some_and(|code| UNAUTHENTICATED.contains(&code));
    let provider_owned = kind == PrincipalKind::Service
        || identity.is_some_and(|identity| {
            identity.kind == IdentityKind::Role && identity.native.contains(":role/aws-service-role/")
        });
    // Everything that names an account must name the one that reports: else it is another's identity.
    let accounts = [who.account, who.arn.map(|arn| arn.account), who.issuer.map(|issuer| issuer.account)];
    let cross_account = kind != PrincipalKind::Service
        && top.recipient.is_some_and(|recipient| {
            accounts.into_iter().flatten().any(|account| !account.is_empty() && account != recipient)
        });
    Facts {
        authenticated: !unknown_caller && !failed_sign_in && !unauthenticated,
        failed,
        cross_account,
        interactive: top.console || who.mfa,
        provider_owned,
    }
}

fn is_person(
    top: &Top<'_>,
    who: &Who<'_>,
    kind: PrincipalKind,
    identity: Option<&IdentityKey<'_>>,
    action: &str,
    facts: Facts,
) -> bool {
    match kind {
        PrincipalKind::Root | PrincipalKind::IdentityCenter | PrincipalKind::Saml => true,
        PrincipalKind::User => {
            let signed_in = top.source == Some("signin.amazonaws.com") && action == "ConsoleLogin";
            (signed_in || top.console) && facts.authenticated
        }
        PrincipalKind::AssumedRole | PrincipalKind::Role => {
            identity.is_some_and(|role| is_for_people(&role.native, who.issuer.is_some()))
        }
        _ => false,
    }
}

/// The role whose sessions a SAML provider opens: it is used by people.
fn saml_role<'e>(top: &Top<'e>, service: &str, action: &str, failed: bool) -> Option<IdentityKey<'e>> {
    if failed || service != "sts.amazonaws.com" || action != "AssumeRoleWithSAML" {
        return None;
    }
    let role = text(top.request, "roleArn").and_then(Arn::parse)?;
    let ours = top.recipient.is_none_or(|recipient| recipient == role.account);
    (ours && role.resource.starts_with("role/")).then(|| role.key(IdentityKind::Role))
}

fn name<'e>(who: &Who<'e>, identity: Option<&IdentityKey<'e>>, service: &'e str) -> Cow<'e, str> {
    if let Some(arn) = who.arn {
        return Cow::Borrowed(arn.text);
    }
    if let Some(identity) = identity {
        return identity.name.clone();
    }
    Cow::Borrowed(who.user.or(who.principal).or(who.invoked_by).or(who.account).unwrap_or(service))
}
