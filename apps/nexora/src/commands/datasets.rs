//! `datasets`.

use super::care::goes_on;
use super::{next, page};
use crate::cli::{Datasets, Policy};
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use api::datasets::{
    Create, CreateRequest, Dataset, DatasetRequest, Detail, ForgetOutput, ForgetOutputRequest, Forgotten,
    List, ListRequest, Outputs, OutputsRequest, ProtectedOutput, SetPolicy, SetPolicyRequest,
};
use api::{Client, Page};
use base::Kind;
use fields::FieldPolicy;
use std::fs;

impl Show for Dataset {
    fn table(&self) -> String {
        facts([
            ("dataset", Some(self.id.to_string())),
            ("name", Some(self.name.clone())),
            ("created", Some(self.created.to_string())),
        ]) + &self.policy.as_ref().map(described).unwrap_or_default()
    }
}

impl Show for Page<Dataset> {
    fn table(&self) -> String {
        rows(
            ["dataset", "name", "created"],
            self.items
                .iter()
                .map(|dataset| [dataset.id.to_string(), dataset.name.clone(), dataset.created.to_string()]),
        )
    }
}

impl Show for Detail {
    fn table(&self) -> String {
        let mut out = self.dataset.table() + &facts([("key", Some(self.key.to_string()))]);
        if !self.versions.is_empty() {
            out.push('\n');
            out.push_str(&rows(
                ["under key", "in use", "outputs", "rows", "bytes"],
                self.versions.iter().map(|version| {
                    [
                        version.key.to_string(),
                        if version.current { "yes" } else { "no" }.to_owned(),
                        version.outputs.to_string(),
                        version.rows.to_string(),
                        version.bytes.to_string(),
                    ]
                }),
            ));
        }
        if let Some(reencryption) = &self.reencryption {
            out.push('\n');
            out.push_str(&reencryption.table());
        }
        out
    }
}

impl Show for Page<ProtectedOutput> {
    fn table(&self) -> String {
        rows(
            ["run", "under key", "in use", "rows", "bytes", "format", "written", "where"],
            self.items.iter().map(|output| {
                [
                    output.run.to_string(),
                    output.key.to_string(),
                    if output.current { "yes" } else { "no" }.to_owned(),
                    output.rows.to_string(),
                    output.bytes.to_string(),
                    output.format.clone(),
                    output.created.to_string(),
                    output.location.clone().unwrap_or_else(|| "-".to_owned()),
                ]
            }),
        )
    }
}

impl Show for Forgotten {
    fn table(&self) -> String {
        facts([("no more", Some(self.run.to_string()))])
    }
}

/// A field policy, a field a line.
fn described(policy: &FieldPolicy) -> String {
    let mut out = facts([("row key", policy.row_key().map(ToString::to_string))]);
    out.push('\n');
    out + &rows(
        ["field", "mode"],
        policy.fields().iter().map(|field| [field.path.to_string(), field.mode.to_string()]),
    )
}

/// The field policy that the command line names, if it names one.
pub(super) fn policy(named: &Policy) -> Result<Option<FieldPolicy>, Failure> {
    if let Some(fields) = &named.fields {
        return Ok(Some(api::datasets::policy(fields, named.row_key.as_deref())?));
    }
    let Some(file) = &named.policy else { return Ok(None) };
    let text = fs::read(file).map_err(|error| Failure::file(file, &error))?;
    let wrong = |error| Failure::new(Kind::BadInput, format!("{}: {error}", file.display()));
    serde_json::from_slice(&text).map(Some).map_err(wrong)
}

/// Runs `datasets`.
pub(crate) async fn run(client: &Client, output: Output, command: Datasets) -> Result<(), Failure> {
    match command {
        Datasets::Create { name, policy: named } => {
            let request = CreateRequest { dataset: name, policy: policy(&named)? };
            output.show(&client.call::<Create>(&request).await?)
        }
        Datasets::SetPolicy { name, policy: named } => {
            let Some(policy) = policy(&named)? else {
                return Err(Failure::new(Kind::BadInput, "which policy? say --fields or --policy"));
            };
            output.show(&client.call::<SetPolicy>(&SetPolicyRequest { dataset: name, policy }).await?)
        }
        Datasets::Ls { paging } => {
            let (limit, after) = page(paging);
            let listed = client.call::<List>(&ListRequest { limit, after }).await?;
            output.show(&listed)?;
            next(output, listed.next.as_deref());
            Ok(())
        }
        Datasets::Show { name } => {
            output.show(&client.call::<api::datasets::Show>(&DatasetRequest { dataset: name }).await?)
        }
        Datasets::Outputs { name, old, paging } => {
            let (limit, after) = page(paging);
            let listed = client.call::<Outputs>(&OutputsRequest { dataset: name, old, limit, after }).await?;
            output.show(&listed)?;
            next(output, listed.next.as_deref());
            Ok(())
        }
        Datasets::ForgetOutput { name, run, care } => {
            if goes_on(output, care, &format!("record that the output of {run} is no more"))? {
                let request = ForgetOutputRequest { dataset: name, run };
                output.show(&client.call::<ForgetOutput>(&request).await?)?;
            }
            Ok(())
        }
    }
}
