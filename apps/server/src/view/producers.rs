//! Producers on the wire.

use api::producers::Producer;

/// A producer.
pub(crate) fn producer(producer: keys::Producer) -> Producer {
    Producer {
        id: producer.id,
        name: producer.name,
        public_key: crypto::text::encode(producer.key.as_bytes()),
        added: producer.created_at,
        revoked: producer.revoked_at,
    }
}
