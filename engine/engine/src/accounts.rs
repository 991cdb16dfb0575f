//! Who may sign calls.

use crate::{AccessKey, Engine};

impl Engine {
    /// The key pair with this id.
    pub fn access_key(&self, id: &str) -> Option<&AccessKey> {
        self.inner.deps.keys.iter().find(|key| key.id == id)
    }
}
