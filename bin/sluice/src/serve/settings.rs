//! What the server can be told, and by whom: a file, the environment, flags; the later wins, key by key.
//!
//! One struct is the schema of all three. Environment variables go through the parser of the flags, so a value
//! means the same everywhere, and a key cannot exist in one place only. `docs/configuration.md` explains each.

use anyhow::{Context, bail};
use clap::{Args, CommandFactory, Parser, ValueEnum, builder::BoolishValueParser};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fmt, fs, io,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

/// What one source says. Absent means that it says nothing.
#[derive(Args, Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Where everything is kept [default: $XDG_DATA_HOME/sluice or ~/.local/share/sluice]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address of the API of all dialects [default: 127.0.0.1:9400]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Region of calls that name none [default: ap-guangzhou]
    #[arg(long)]
    pub region: Option<String>,
    /// Run functions without isolation where this host cannot isolate them: only for code you trust
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub insecure_no_sandbox: Option<bool>,
    /// Refuse runtimes whose exact version is not installed
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub strict_runtimes: Option<bool>,
    /// Most blank sandboxes kept ready for cold starts [default: 16]
    #[arg(long, value_name = "N")]
    pub blanks_max: Option<usize>,
    /// Threads that serve requests [default: one per 4 cores]
    #[arg(long, value_name = "N")]
    pub data_threads: Option<NonZeroUsize>,
    /// Seconds that requests in progress have when the server stops [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub drain_s: Option<u64>,
    /// Connections open at one time [default: 16384]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<NonZeroUsize>,
    /// MiB that the bodies of all requests in progress may take together [default: 512]
    #[arg(long, value_name = "MIB")]
    pub body_budget_mib: Option<NonZeroUsize>,
    /// Whose time decisions go by: `virtual` starts at the real now and moves only by `POST /admin/v1/clock/advance` [default: real]
    #[arg(long, value_name = "CLOCK")]
    pub clock: Option<ClockMode>,
    /// Record every input of a decision in this file, for `sluice replay` and `sluice simulate`
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// What to log: a level, or target=level pairs [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// Form of log lines [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockMode {
    Real,
    Virtual,
}

/// Every setting, with its default where nothing was said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    pub region: String,
    pub insecure_no_sandbox: bool,
    pub strict_runtimes: bool,
    pub blanks_max: usize,
    pub data_threads: usize,
    pub drain_s: u64,
    pub max_connections: usize,
    pub body_budget_mib: usize,
    pub clock: ClockMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<PathBuf>,
    pub log: String,
    pub log_format: LogFormat,
}

/// Variables with our prefix that are not settings of the server.
const OTHER_VARIABLES: [&str; 9] = [
    "SLUICE_CONFIG",
    "SLUICE_ACCOUNT_ID",
    "SLUICE_ACCESS_KEY_ID",
    "SLUICE_ACCESS_KEY_SECRET",
    "SLUICE_ADMIN_TOKEN",
    "SLUICE_ENDPOINT",
    "SLUICE_DIALECT",
    "SLUICE_NAMESPACE",
    "SLUICE_RESOLV_CONF",
];

/// Puts the three sources together. `file` is the one that was asked for by name.
pub fn resolve(flags: Layer, environment: &HashMap<String, String>, file: Option<PathBuf>) -> anyhow::Result<Settings> {
    let named = file.or_else(|| environment.get("SLUICE_CONFIG").map(PathBuf::from));
    let given = flags.over(from_environment(environment)?);
    let file = match named {
        Some(path) => {
            read_file(&path)?.with_context(|| format!("there is no configuration file {}", path.display()))?
        }
        None => file_in_data_dir(&given, environment)?,
    };
    given.over(file).complete(environment)
}

fn file_in_data_dir(given: &Layer, environment: &HashMap<String, String>) -> anyhow::Result<Layer> {
    let data_dir = given.data_dir.clone().unwrap_or_else(|| super::default_data_dir(environment));
    let path = data_dir.join("sluice.toml");
    let layer = read_file(&path)?.unwrap_or_default();
    if layer.data_dir.is_some() {
        bail!("{} sets data_dir, but was found by it: give the file with --config instead", path.display());
    }
    Ok(layer)
}

fn read_file(path: &Path) -> anyhow::Result<Option<Layer>> {
    match fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map(Some).with_context(|| format!("{} is not valid", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The flags alone, for values that come from elsewhere.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Single {
    #[command(flatten)]
    layer: Layer,
}

fn from_environment(environment: &HashMap<String, String>) -> anyhow::Result<Layer> {
    let mut all = Layer::default();
    for flag in flags() {
        let name = variable(&flag);
        let Some(value) = environment.get(&name).filter(|value| !value.is_empty()) else { continue };
        let single = Single::try_parse_from([format!("--{flag}={value}")])
            .map_err(|error| anyhow::anyhow!("{name}: {}", first_line(&error)))?;
        all = single.layer.over(all);
    }
    Ok(all)
}

fn flags() -> Vec<String> {
    Single::command().get_arguments().filter_map(|argument| argument.get_long().map(str::to_owned)).collect()
}

fn variable(flag: &str) -> String {
    format!("SLUICE_{}", flag.replace('-', "_").to_uppercase())
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// A misspelt variable changes nothing silently; it may also belong to another program, so it is no error.
pub fn warn_of_unknown_variables(environment: &HashMap<String, String>) {
    for name in unknown_variables(environment) {
        tracing::warn!(name, "this environment variable is not a setting");
    }
}

fn unknown_variables(environment: &HashMap<String, String>) -> Vec<&str> {
    let known: Vec<String> = flags().iter().map(|flag| variable(flag)).collect();
    let is_known = |name: &str| OTHER_VARIABLES.contains(&name) || known.iter().any(|other| other == name);
    environment.keys().map(String::as_str).filter(|name| name.starts_with("SLUICE_") && !is_known(name)).collect()
}

impl Layer {
    fn over(self, below: Layer) -> Layer {
        Layer {
            data_dir: self.data_dir.or(below.data_dir),
            listen: self.listen.or(below.listen),
            region: self.region.or(below.region),
            insecure_no_sandbox: self.insecure_no_sandbox.or(below.insecure_no_sandbox),
            strict_runtimes: self.strict_runtimes.or(below.strict_runtimes),
            blanks_max: self.blanks_max.or(below.blanks_max),
            data_threads: self.data_threads.or(below.data_threads),
            drain_s: self.drain_s.or(below.drain_s),
            max_connections: self.max_connections.or(below.max_connections),
            body_budget_mib: self.body_budget_mib.or(below.body_budget_mib),
            clock: self.clock.or(below.clock),
            journal: self.journal.or(below.journal),
            log: self.log.or(below.log),
            log_format: self.log_format.or(below.log_format),
        }
    }

    fn complete(self, environment: &HashMap<String, String>) -> anyhow::Result<Settings> {
        let region = self.region.unwrap_or_else(|| "ap-guangzhou".to_owned());
        let legal = (1..=64).contains(&region.len()) && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !legal {
            bail!("region '{region}' must be 1 to 64 letters, digits or '-'");
        }
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Settings {
            data_dir: self.data_dir.unwrap_or_else(|| super::default_data_dir(environment)),
            listen: self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9400))),
            region,
            insecure_no_sandbox: self.insecure_no_sandbox.unwrap_or(false),
            strict_runtimes: self.strict_runtimes.unwrap_or(false),
            blanks_max: self.blanks_max.unwrap_or(16),
            data_threads: self.data_threads.map_or(cores.div_ceil(4), NonZeroUsize::get),
            drain_s: self.drain_s.unwrap_or(30),
            max_connections: self.max_connections.map_or(16_384, NonZeroUsize::get),
            body_budget_mib: self.body_budget_mib.map_or(512, NonZeroUsize::get),
            clock: self.clock.unwrap_or(ClockMode::Real),
            journal: self.journal,
            log: self.log.unwrap_or_else(|| "info".to_owned()),
            log_format: self.log_format.unwrap_or(LogFormat::Text),
        })
    }
}

impl fmt::Display for Settings {
    /// As a configuration file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(toml::to_string(self).map_err(|_| fmt::Error)?.trim_end())
    }
}

#[cfg(test)]
mod tests;
