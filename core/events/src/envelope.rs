//! Events that arrive inside another message, one each: EventBridge, CloudWatch Logs (as EKS delivers its
//! audit log), Pub/Sub, CloudEvents. Lists of events are taken apart before, by [`frame`](crate::frame()).

use crate::Format;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sonic_rs::{JsonValueTrait as _, Value};

/// How many messages may stand inside each other.
pub(crate) const MAX_LEVELS: usize = 3;

/// The event inside a message, as JSON text; `None` where it is none of the messages known here.
pub(crate) fn inner(message: &Value) -> Option<String> {
    let text = |name: &str| message.get(name).and_then(|value| value.as_str());
    let json = |text: &str| text.trim_start().starts_with('{').then(|| text.to_owned());
    // EventBridge.
    if text("detail-type").is_some() && message.get("detail").is_some_and(|detail| detail.is_object()) {
        return sonic_rs::to_string(message.get("detail")?).ok();
    }
    // One entry of a CloudWatch Logs subscription.
    if message.get("timestamp").is_some_and(|time| time.is_number())
        && let (Some(_), Some(entry)) = (text("id"), text("message"))
    {
        return json(entry);
    }
    // Pub/Sub, pushed (with `message` around) or pulled.
    for around in [message.get("message"), Some(message)].into_iter().flatten() {
        let id = around.get("messageId").or_else(|| around.get("message_id"));
        if let (Some(_), Some(data)) = (id, around.get("data").and_then(|data| data.as_str())) {
            return json(&String::from_utf8(STANDARD.decode(data).ok()?).ok()?);
        }
    }
    // CloudEvents around an event that is known for itself.
    if text("specversion").is_some() {
        let data = message.get("data").filter(|data| Format::of(data).is_some())?;
        return sonic_rs::to_string(data).ok();
    }
    None
}
