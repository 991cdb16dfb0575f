//! Links that let a client fetch code without signing, for a short time.

use crate::Engine;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use sluice_domain::{Entity, Error, Function, Result};

/// How long a link works.
const LINK_MILLIS: i64 = 10 * 60 * 1000;

impl Engine {
    /// A path on this server, `/code/{sha256}.zip?expires=…&mac=…`.
    pub fn code_link(&self, function: &Function) -> String {
        let sha256 = &function.code.sha256;
        let expires = self.real_now().plus_millis(LINK_MILLIS).seconds();
        format!("/code/{sha256}.zip?expires={expires}&mac={}", self.link_mac(sha256, expires))
    }

    /// The zip that a link of [`Engine::code_link`] names.
    pub async fn open_code_link(&self, path_and_query: &str) -> Result<Bytes> {
        let refuse = || Error::not_found(Entity::Code, "the link is wrong or has expired: ask for a new one");
        let (sha256, query) =
            path_and_query.strip_prefix("/code/").and_then(|rest| rest.split_once(".zip?")).ok_or_else(refuse)?;
        let field = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let expires: i64 = field("expires").and_then(|text| text.parse().ok()).ok_or_else(refuse)?;
        let mac = field("mac").ok_or_else(refuse)?;
        let is_name = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_name
            || !same(mac.as_bytes(), self.link_mac(sha256, expires).as_bytes())
            || expires < self.real_now().seconds()
        {
            return Err(refuse());
        }
        self.inner.deps.blobs.get(sha256).await.map_err(|_| refuse())
    }

    /// Keyed by a hash in both positions, so that neither end of the message can be extended.
    fn link_mac(&self, sha256: &str, expires: i64) -> String {
        let key = &self.inner.config.link_key;
        let inner = Sha256::new().chain_update(key).chain_update(format!("{sha256}:{expires}")).finalize();
        let outer = Sha256::new().chain_update(key).chain_update(inner).finalize();
        outer.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}
