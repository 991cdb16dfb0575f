use super::tc3::SigningKey;
use secrecy::{ExposeSecret, SecretString};
use std::sync::RwLock;

/// Derived signing keys of recent callers: four HMACs that a warm request need not repeat.
///
/// Small and bounded. Only keys that have verified a request are kept, so that strangers cannot push out
/// those in use.
#[derive(Default)]
pub struct SigningKeys(RwLock<Vec<Entry>>);

struct Entry {
    secret_id: String,
    /// Compared on each use, so that a changed secret makes the entry void.
    secret: SecretString,
    date: String,
    service: String,
    key: SigningKey,
}

const KEPT: usize = 64;

impl SigningKeys {
    pub fn get(&self, secret_id: &str, secret: &SecretString, date: &str, service: &str) -> Option<SigningKey> {
        let entries = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let found = entries.iter().find(|entry| {
            entry.secret_id == secret_id
                && entry.date == date
                && entry.service == service
                && entry.secret.expose_secret() == secret.expose_secret()
        });
        found.map(|entry| entry.key.clone())
    }

    pub fn keep(&self, secret_id: &str, secret: &SecretString, date: &str, service: &str, key: SigningKey) {
        let mut entries = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if entries.len() >= KEPT {
            entries.remove(0);
        }
        entries.push(Entry {
            secret_id: secret_id.to_owned(),
            secret: secret.clone(),
            date: date.to_owned(),
            service: service.to_owned(),
            key,
        });
    }
}
