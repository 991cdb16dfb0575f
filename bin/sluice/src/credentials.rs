//! Who may call: the account, its key pair, and the admin token.
//!
//! Taken from the environment where it is set there, otherwise from `credentials.toml` in the data directory,
//! otherwise made by the server at its first start. Secrets that came from the environment are not written to
//! disk; the account id always is, because the functions in the catalog belong to it.

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

const FILE: &str = "credentials.toml";
const ACCOUNT_ID: &str = "SLUICE_ACCOUNT_ID";
const KEY_ID: &str = "SLUICE_ACCESS_KEY_ID";
const KEY_SECRET: &str = "SLUICE_ACCESS_KEY_SECRET";
const ADMIN_TOKEN: &str = "SLUICE_ADMIN_TOKEN";

/// A complete set.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub account_id: String,
    pub access_key_id: String,
    pub access_key_secret: SecretString,
    pub admin_token: SecretString,
}

/// The file, or what is known so far.
#[derive(Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    account_id: Option<String>,
    access_key_id: Option<String>,
    access_key_secret: Option<String>,
    admin_token: Option<String>,
}

/// The server's set, and whether its key pair is a new one that should be shown.
pub fn establish(directory: &Path, environment: &HashMap<String, String>) -> anyhow::Result<(Credentials, bool)> {
    let given = from_environment(environment)?;
    let kept = read(directory)?;
    let mut file = kept.clone();
    file.account_id = Some(account_id(&given, &kept)?);
    let fresh = given.access_key_id.is_none() && kept.access_key_id.is_none();
    if fresh {
        file.access_key_id = Some(format!("SLUICE{}", random_text(18)?));
        file.access_key_secret = Some(random_text(40)?);
    }
    if given.admin_token.is_none() && kept.admin_token.is_none() {
        file.admin_token = Some(random_text(40)?);
    }
    if file != kept {
        write(directory, &file)?;
    }
    Ok((given.over(file).complete()?, fresh))
}

/// What a client command uses; parts that are set nowhere are missing.
pub struct Known {
    pub key: Option<(String, SecretString)>,
    pub account_id: Option<String>,
    pub admin_token: Option<SecretString>,
}

/// The set as far as it is known to a client.
pub fn known(directory: &Path, environment: &HashMap<String, String>) -> anyhow::Result<Known> {
    let all = from_environment(environment)?.over(read(directory)?);
    Ok(Known {
        key: all.access_key_id.zip(all.access_key_secret.map(SecretString::from)),
        account_id: all.account_id,
        admin_token: all.admin_token.map(SecretString::from),
    })
}

impl Stored {
    /// A key pair stays together: an id from one place never meets a secret from another.
    fn over(self, below: Stored) -> Stored {
        let pair = if self.access_key_id.is_some() { &self } else { &below };
        Stored {
            access_key_id: pair.access_key_id.clone(),
            access_key_secret: pair.access_key_secret.clone(),
            account_id: self.account_id.or(below.account_id),
            admin_token: self.admin_token.or(below.admin_token),
        }
    }

    fn complete(self) -> anyhow::Result<Credentials> {
        let have = |field: Option<String>, name: &str| field.with_context(|| format!("{FILE} has no {name}"));
        Ok(Credentials {
            account_id: have(self.account_id, "account_id")?,
            access_key_id: have(self.access_key_id, "access_key_id")?,
            access_key_secret: have(self.access_key_secret, "access_key_secret")?.into(),
            admin_token: have(self.admin_token, "admin_token")?.into(),
        })
    }
}

fn from_environment(environment: &HashMap<String, String>) -> anyhow::Result<Stored> {
    let value = |name: &str| environment.get(name).filter(|text| !text.is_empty()).cloned();
    let (id, secret) = (value(KEY_ID), value(KEY_SECRET));
    if id.is_some() != secret.is_some() {
        bail!("only one of {KEY_ID} and {KEY_SECRET} is set: set both, or none");
    }
    Ok(Stored {
        account_id: value(ACCOUNT_ID),
        access_key_id: id,
        access_key_secret: secret,
        admin_token: value(ADMIN_TOKEN),
    })
}

fn account_id(given: &Stored, kept: &Stored) -> anyhow::Result<String> {
    let id = match given.account_id.clone().or_else(|| kept.account_id.clone()) {
        Some(id) => id,
        None => generated_account_id()?,
    };
    if !(1..=20).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("account id '{id}' must be 1 to 20 decimal digits ({ACCOUNT_ID}, or account_id in {FILE})");
    }
    Ok(id)
}

/// Ten digits, the first of them a 1, as the vendors' ids look.
fn generated_account_id() -> io::Result<String> {
    let digits = random_bytes::<9>()?.map(|byte| char::from(b'0' + byte % 10));
    Ok(std::iter::once('1').chain(digits).collect())
}

fn random_text(length: usize) -> io::Result<String> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bytes = random_bytes::<64>()?;
    Ok(bytes.iter().take(length).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

/// Bytes from the kernel's generator.
pub fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read(directory: &Path) -> anyhow::Result<Stored> {
    let path = directory.join(FILE);
    match fs::read_to_string(&path) {
        // The parser's message would quote the line, which may hold a secret.
        Ok(text) => toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            anyhow::anyhow!("{} is not valid near line {line}", path.display())
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Stored::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write(directory: &Path, stored: &Stored) -> anyhow::Result<()> {
    let path = directory.join(FILE);
    let unfinished = directory.join("credentials.toml.new");
    let store = || -> anyhow::Result<()> {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(toml::to_string(stored)?.as_bytes())?;
        file.sync_all()?;
        Ok(fs::rename(&unfinished, &path)?)
    };
    store().with_context(|| format!("cannot write {}", path.display()))
}

impl Credentials {
    /// What a user needs in order to sign calls, as lines for a shell.
    pub fn shown_once(&self) -> String {
        format!(
            "{ACCOUNT_ID}={}\n{KEY_ID}={}\n{KEY_SECRET}={}\n",
            self.account_id,
            self.access_key_id,
            self.access_key_secret.expose_secret()
        )
    }
}

#[cfg(test)]
mod tests;
