//! The imperative shell: use cases over ports, driven by the decisions of `sluice-decide`.
//!
//! Edges call [`Engine`] and nothing below it. The engine holds the catalog in memory (a warm request reads
//! no database), feeds events to the decision core and carries its commands out on the backend. It knows no
//! wire format and no vendor code: every refusal is a [`sluice_domain::Error`], every execution an
//! [`sluice_domain::Invocation`].

mod accounts;
mod aliases;
mod api;
mod catalog;
mod clock;
mod code;
mod concurrency;
mod deploy;
#[cfg(test)]
mod fixture;
mod invoke;
mod links;
mod metrics;
mod pools;
mod qualifier;
mod quotas;
mod receipts;
mod records;
mod scope;
mod serving;
mod starts;
mod undivided;
mod versions;
mod views;

pub use aliases::{AliasOwner, NewAlias};
pub use api::{
    AccessKey, CodeSource, Config, Deps, Engine, InvokeRequest, NewFunction, NewNamespace, RecordQuery, Tapes, Usage,
};
pub use clock::Running;
pub use concurrency::{ConcurrencyView, NamespaceConcurrency, ProvisionStatus, ProvisionView};
pub use pools::{BlankView, InstanceView};
pub use qualifier::{FunctionAt, ServiceAt};
pub use receipts::{Explanation, cause as cause_in_words, headers as receipt_headers};
pub use scope::Tape;
pub use undivided::{Droppable, Undivided};
pub use views::{ChangePreview, Estimates, LimitView, PoolView, Preview, ProvisionPreview, ScopeLimits, UsageView};
