//! Which log an event is from, recognised from the event itself.

use std::{fmt, str::FromStr};

/// A log format with a normalizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// AWS CloudTrail.
    AwsCloudTrail,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 1] = [Self::AwsCloudTrail];

    /// The format's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsCloudTrail => "aws.cloudtrail",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a format known here: expected aws.cloudtrail")]
pub struct WrongFormat;

impl FromStr for Format {
    type Err = WrongFormat;

    /// By its name, or by its name without the provider's.
    fn from_str(text: &str) -> Result<Self, WrongFormat> {
        if text == "cloudtrail" {
            return Ok(Self::AwsCloudTrail);
        }
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or(WrongFormat)
    }
}
