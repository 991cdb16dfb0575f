//! How documents become text and back.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sluice_domain::{
    Alias, Dialect, Function, Namespace, OnDemandLimit, Profile, Provision, QuotaProfile, Scope, ServiceVersion,
    Version,
};
use sluice_ports::StoredQuota;

/// What is stored as text.
pub(crate) trait Document: Serialize + DeserializeOwned {
    const KIND: &'static str;
}

macro_rules! documents {
    ($($kind:literal: $name:ident),* $(,)?) => {
        $(impl Document for $name {
            const KIND: &'static str = $kind;
        })*
    };
}

documents! {
    "namespace": Namespace,
    "function": Function,
    "version": Version,
    "service version": ServiceVersion,
    "alias": Alias,
    "provision": Provision,
    "on-demand limit": OnDemandLimit,
    "quota": QuotaDocument,
}

/// [`StoredQuota`] as it is stored.
///
/// A program that knows more limits than the one that wrote it takes what is missing from the named profile; a limit
/// that it does not know is an error, because leaving it out would lift it.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "WrittenQuota")]
pub(crate) struct QuotaDocument {
    scope: Scope,
    dialect: Dialect,
    quota: QuotaProfile,
}

#[derive(Deserialize)]
struct WrittenQuota {
    scope: Scope,
    dialect: Dialect,
    quota: Map<String, Value>,
}

impl TryFrom<WrittenQuota> for QuotaDocument {
    type Error = String;
    fn try_from(WrittenQuota { scope, dialect, quota }: WrittenQuota) -> Result<Self, String> {
        if !quota.contains_key("profile") {
            return Err("it names no profile".to_owned());
        }
        // A patch that names a profile starts from that profile, whatever it is laid over.
        let complete = QuotaProfile::named(Profile::Scf128).patched(&quota);
        Ok(Self { scope, dialect, quota: complete.map_err(|error| error.message)? })
    }
}

impl From<StoredQuota> for QuotaDocument {
    fn from(StoredQuota { scope, dialect, quota }: StoredQuota) -> Self {
        Self { scope, dialect, quota }
    }
}

impl From<QuotaDocument> for StoredQuota {
    fn from(QuotaDocument { scope, dialect, quota }: QuotaDocument) -> Self {
        Self { scope, dialect, quota }
    }
}

/// An error about a document that quotes nothing of it: serde's own message may, and documents hold secrets.
pub(crate) fn without_values(kind: &str, error: &serde_json::Error) -> String {
    format!("a stored {kind} is not as expected ({:?} error at column {})", error.classify(), error.column())
}
