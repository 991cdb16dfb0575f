//! Which server, whose API, and which functions: the arguments that all client commands share.

use super::{Admin, Platform, fc::Fc, output::Format, scf::Scf, transport::Transport};
use crate::credentials::{self, Known};
use anyhow::Context;
use secrecy::SecretString;
use sluice_domain::Dialect;
use std::{collections::HashMap, path::PathBuf};

// No doc comment: clap would take it for the help text of the command.
#[derive(clap::Args)]
#[command(next_help_heading = "Server")]
pub struct Server {
    /// Address of the server
    #[arg(long, value_name = "URL", env = "SLUICE_ENDPOINT", default_value = "http://127.0.0.1:9400")]
    endpoint: String,
    /// Data directory of the server, for its credentials.toml
    #[arg(long, value_name = "DIR", env = "SLUICE_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Server")]
pub struct Target {
    #[command(flatten)]
    server: Server,
    /// Whose API to speak, and whose functions to see: scf or fc
    #[arg(long, env = "SLUICE_DIALECT", default_value = "scf")]
    pub dialect: Dialect,
    /// Region of the call [default: that of the server]
    #[arg(long, env = "SLUICE_REGION")]
    region: Option<String>,
    /// SCF namespace or FC service
    #[arg(long, visible_alias = "service", env = "SLUICE_NAMESPACE", default_value = "default")]
    namespace: String,
    /// How to print results
    #[arg(long, value_enum, default_value_t)]
    pub output: Format,
}

/// What a dialect's client needs to know.
pub struct Session {
    pub transport: Transport,
    pub key_id: String,
    pub key_secret: SecretString,
    pub account: Option<String>,
    pub region: Option<String>,
    pub namespace: String,
}

impl Target {
    pub fn platform(&self) -> anyhow::Result<Box<dyn Platform>> {
        let known = self.server.credentials()?;
        let (key_id, key_secret) = known.key.with_context(|| {
            self.server.nothing_known("access key", "SLUICE_ACCESS_KEY_ID and SLUICE_ACCESS_KEY_SECRET")
        })?;
        let session = Session {
            transport: Transport::new(&self.server.endpoint)?,
            key_id,
            key_secret,
            account: known.account_id,
            region: self.region.clone(),
            namespace: self.namespace.clone(),
        };
        Ok(match self.dialect {
            Dialect::Scf => Box::new(Scf::new(session)),
            Dialect::Fc => Box::new(Fc::new(session, self.admin().ok())?),
        })
    }

    /// The native API, for what a dialect cannot say.
    pub fn admin(&self) -> anyhow::Result<Admin> {
        self.server.admin(self.region.clone())
    }
}

impl Server {
    pub fn address(&self) -> &str {
        &self.endpoint
    }

    /// The native API; `region` is that of calls that concern one.
    pub fn admin(&self, region: Option<String>) -> anyhow::Result<Admin> {
        let token =
            self.credentials()?.admin_token.with_context(|| self.nothing_known("admin token", "SLUICE_ADMIN_TOKEN"))?;
        Ok(Admin::new(Transport::new(&self.endpoint)?, token, region))
    }

    fn credentials(&self) -> anyhow::Result<Known> {
        let environment: HashMap<String, String> = std::env::vars().collect();
        credentials::known(&self.directory(&environment), &environment)
    }

    fn directory(&self, environment: &HashMap<String, String>) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| crate::serve::default_data_dir(environment))
    }

    fn nothing_known(&self, what: &str, variables: &str) -> String {
        let directory = self.directory(&std::env::vars().collect());
        format!(
            "no {what}: set {variables}, or name the server's data directory with --data-dir ({} has none)",
            directory.display()
        )
    }
}
