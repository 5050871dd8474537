//! Bytes as hexadecimal text in serialised forms, so that no byte of a command is ever changed by an encoding.

use serde::{Deserialize, Deserializer, Serializer};

/// Writes bytes as lower-case hexadecimal.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

/// Reads hexadecimal text.
///
/// # Errors
/// When the text is not hexadecimal.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(text).map_err(serde::de::Error::custom)
}
