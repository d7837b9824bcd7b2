//! What of an activity is remembered: keyed hashes of its values. No text of an event is kept.

use crate::siphash;
use events::Activity;
use std::net::IpAddr;

/// The hashes of one activity, keyed by the organization. Values of different kinds never hash alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    pub(crate) service: u64,
    /// Service and action.
    pub(crate) action: u64,
    pub(crate) network: Option<u64>,
    pub(crate) region: Option<u64>,
    pub(crate) agent: Option<u64>,
    pub(crate) target: Option<u64>,
    /// Whether it changes something, as far as the provider says.
    pub(crate) writes: bool,
}

/// What kind of value a hash is of.
#[derive(Clone, Copy)]
enum Of {
    Service = 1,
    Action,
    Network,
    Region,
    Agent,
    Target,
    Pair,
}

fn salted(of: Of, hash: u64) -> u64 {
    let mixed = (hash ^ of as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 29)
}

impl Sight {
    pub(crate) fn of(activity: &Activity<'_>, key: &[u8; 16]) -> Self {
        let hash = |of: Of, text: &str| salted(of, siphash::hash(key, text.as_bytes()));
        let service = hash(Of::Service, &activity.service);
        Self {
            service,
            action: salted(Of::Action, hash(Of::Action, &activity.action) ^ service.rotate_left(13)),
            network: activity.source_ip.map(|from| network(from, key)),
            region: activity.region.map(|region| hash(Of::Region, region)),
            agent: activity.user_agent.map(|agent| hash(Of::Agent, family(agent))),
            target: activity.target.map(|target| hash(Of::Target, target)),
            writes: activity.read_only == Some(false),
        }
    }

    /// This action after another.
    pub(crate) fn pair(&self, previous: u32) -> u64 {
        salted(
            Of::Pair,
            self.action.rotate_left(21) ^ u64::from(previous).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        )
    }

    /// What stands for the action in an identity's record.
    pub(crate) const fn short(&self) -> u32 {
        (self.action >> 32) as u32
    }
}

/// The network of an address: /24, /48, or /16 of the private ranges, in which machines come and go; the name where it
/// is no address but a service.
fn network(from: &str, key: &[u8; 16]) -> u64 {
    let hash = |bytes: &[u8]| salted(Of::Network, siphash::hash(key, bytes));
    match from.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            let [one, two, three, _] = address.octets();
            if address.is_private() { hash(&[4, one, two]) } else { hash(&[4, one, two, three]) }
        }
        Ok(IpAddr::V6(address)) => hash(address.octets().get(..6).unwrap_or_default()),
        Err(_) => hash(from.as_bytes()),
    }
}

/// The network in words.
pub(crate) fn network_name(from: &str) -> String {
    match from.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            let [one, two, three, _] = address.octets();
            if address.is_private() {
                format!("{one}.{two}.0.0/16")
            } else {
                format!("{one}.{two}.{three}.0/24")
            }
        }
        Ok(IpAddr::V6(address)) => {
            let [one, two, three, ..] = address.segments();
            format!("{one:x}:{two:x}:{three:x}::/48")
        }
        Err(_) => crate::finding::clip(from),
    }
}

/// The kind of client: the name before the first version.
pub(crate) fn family(agent: &str) -> &str {
    let agent = agent.trim_start_matches(['[', ' ']);
    let end = agent.find(['/', ' ', ';', ',', '(']).unwrap_or(agent.len());
    agent.get(..end).unwrap_or(agent)
}

#[cfg(test)]
mod tests {
    use super::{family, network, network_name};

    #[test]
    fn networks_and_families() {
        let same = |one: &str, other: &str| network(one, &[1; 16]) == network(other, &[1; 16]);
        assert!(same("198.51.100.7", "198.51.100.250") && !same("198.51.100.7", "198.51.101.7"));
        assert!(same("10.1.2.3", "10.1.200.9") && !same("10.1.2.3", "10.2.2.3"));
        assert!(same("2001:db8:1::5", "2001:db8:1:77::9") && !same("2001:db8:1::5", "2001:db8:2::5"));
        assert!(!same("lambda.amazonaws.com", "ec2.amazonaws.com"));
        assert_ne!(network("10.1.2.3", &[1; 16]), network("10.1.2.3", &[2; 16]));
        assert_eq!(network_name("2001:db8:1::5"), "2001:db8:1::/48");
        assert_eq!(family("aws-cli/2.18.5 md/awscrt#0.21.2"), "aws-cli");
        assert_eq!(family("[Boto3/1.35]"), "Boto3");
        assert_eq!(family("kubectl"), "kubectl");
        assert_eq!(family(""), "");
    }
}
