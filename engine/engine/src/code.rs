//! Code packages: stored when a function is made or changed, kept while someone needs them, swept afterwards.

use crate::{
    CodeSource, Engine,
    catalog::{Inner, port_error},
};
use bytes::Bytes;
use sluice_domain::{
    CodePackage, Dialect, Entity, Error, Family, Field, Function, FunctionConfig, FunctionKey, KnownRuntime, Quota,
    QuotaProfile, Result,
};
use sluice_ports::{PackageLimits, PortResult};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

/// Files and directories in one package.
const PACKAGE_ENTRIES: u64 = 100_000;
/// Source files compiled ahead, at most; the rest is compiled when it is imported.
const COMPILED_FILES: usize = 5_000;
/// Files larger than this are not shown inline.
const SHOWN_FILE_BYTES: u64 = 1 << 20;
/// How often packages that nothing refers to are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Who holds one keeps a package, whether or not the catalog names it: a request that is about to name it, and all
/// that still runs a revision that the catalog has forgotten.
#[derive(Debug)]
pub struct Claim;

/// The claims on all packages.
#[derive(Default)]
pub struct CodeInUse {
    held: Mutex<HashMap<String, Weak<Claim>>>,
    /// Held while one package is removed.
    removing: tokio::sync::Mutex<()>,
}

impl CodeInUse {
    /// For a package that may be on its way out: what is stored after this stays.
    async fn claim(&self, sha256: &str) -> Arc<Claim> {
        let _removing = self.removing.lock().await;
        self.hold(sha256)
    }

    /// For a package that the catalog names.
    pub fn hold(&self, sha256: &str) -> Arc<Claim> {
        let mut held = self.held.lock().expect("claims lock");
        if let Some(claim) = held.get(sha256).and_then(Weak::upgrade) {
            return claim;
        }
        let claim = Arc::new(Claim);
        held.insert(sha256.to_owned(), Arc::downgrade(&claim));
        claim
    }

    /// The packages that are claimed now.
    fn claimed(&self) -> BTreeSet<String> {
        let mut held = self.held.lock().expect("claims lock");
        held.retain(|_, claim| claim.strong_count() > 0);
        held.keys().cloned().collect()
    }

    fn is_claimed(&self, sha256: &str) -> bool {
        self.held.lock().expect("claims lock").get(sha256).is_some_and(|claim| claim.strong_count() > 0)
    }
}

impl Engine {
    /// The package as it was uploaded.
    pub async fn code(&self, function: &Function) -> Result<Bytes> {
        self.inner.deps.blobs.get(&function.code.sha256).await.map_err(port_error)
    }

    /// One text file of the package; none when it is absent, large or not text.
    pub async fn code_file(&self, function: &Function, path: &str) -> Result<Option<String>> {
        match self.inner.deps.packages.read(&function.code, path, SHOWN_FILE_BYTES).await {
            Ok(content) => Ok(String::from_utf8(content.to_vec()).ok()),
            Err(_) => Ok(None),
        }
    }

    /// Turns any source of code into a stored package within the quotas. The caller holds the claim until the catalog
    /// names the package.
    pub(crate) async fn store_code(
        &self,
        key: &FunctionKey,
        config: &FunctionConfig,
        source: CodeSource,
        quota: &QuotaProfile,
    ) -> Result<(CodePackage, Arc<Claim>)> {
        let packages = &self.inner.deps.packages;
        let zip = match source {
            CodeSource::Stored(package) => return self.claim_known(package).await,
            CodeSource::Zip(zip) => zip,
            CodeSource::Inline { file, content } => packages.zip_single(&file, &content).map_err(port_error)?,
            CodeSource::Sample => {
                let (file, content) = sample(key.dialect, config)?;
                packages.zip_single(&file, content.as_bytes()).map_err(port_error)?
            }
        };
        if zip.len() > quota.code_zip_bytes() {
            let message = format!(
                "the package is {} bytes; at most {} MB are allowed in a request",
                zip.len(),
                quota.code_zip_mb
            );
            return Err(Error::invalid(Field::CodeZip, message));
        }
        if let Some(limit) = quota.code_total_gb {
            let used = self.usage(&key.scope, key.dialect).code_bytes;
            if (used + zip.len() as u64) as f64 > limit * (1u64 << 30) as f64 {
                let message = format!("code of all functions in region {} would exceed {limit} GB", key.scope.region);
                return Err(Error::quota(Quota::CodeTotal, message));
            }
        }
        let unzipped = quota.code_unzipped_mb.unwrap_or(10_240.0) * 1_048_576.0;
        let limits = PackageLimits { unzipped_bytes: unzipped as u64, entries: PACKAGE_ENTRIES };
        let package = packages.unpack(zip.clone(), limits).await.map_err(port_error)?;
        // A sweep may have removed what was unpacked just before the claim: `prepare` unpacks again from the blob.
        let claim = self.inner.code_in_use.claim(&package.sha256).await;
        self.inner.deps.blobs.put(zip).await.map_err(port_error)?;
        Ok((package, claim))
    }

    /// Claims the code of another function, which may have been deleted since its caller saw it.
    async fn claim_known(&self, package: CodePackage) -> Result<(CodePackage, Arc<Claim>)> {
        let claim = self.inner.code_in_use.claim(&package.sha256).await;
        match is_named(&self.inner, &package.sha256) {
            true => Ok((package, claim)),
            false => Err(Error::not_found(Entity::Function, "the function whose code is asked for has been deleted")),
        }
    }
}

/// A hello-world under the name that the handler asks for.
fn sample(dialect: Dialect, config: &FunctionConfig) -> Result<(String, String)> {
    let family = KnownRuntime::find(dialect, &config.runtime).map(|known| known.family);
    let (file, function) = config.handler.rsplit_once('.').unwrap_or(("index", "main_handler"));
    match family {
        Some(Family::Python) => Ok((
            format!("{file}.py"),
            format!("def {function}(event, context):\n    print(\"hello world\")\n    return \"hello world\"\n"),
        )),
        Some(Family::Node) => Ok((
            format!("{file}.js"),
            format!(
                "exports.{function} = async (event, context) => {{\n  console.log('hello world');\n  return 'hello world';\n}};\n"
            ),
        )),
        _ => Err(Error::missing(Field::Code, format!("code is required for runtime '{}'", config.runtime))),
    }
}

/// Unpacks if need be, and compiles.
pub(crate) async fn prepare(engine: &Engine, function: &Function) -> Result<()> {
    let deps = &engine.inner.deps;
    if !deps.packages.is_unpacked(&function.code).await.map_err(port_error)? {
        let zip = deps.blobs.get(&function.code.sha256).await.map_err(port_error)?;
        let limits = PackageLimits { unzipped_bytes: u64::MAX, entries: PACKAGE_ENTRIES };
        deps.packages.unpack(zip, limits).await.map_err(port_error)?;
    }
    let family = KnownRuntime::find(function.key.dialect, &function.config.runtime).map(|known| known.family);
    if family == Some(Family::Python)
        && let Err(error) = compile(engine, function).await
    {
        // Only speed is lost: what is not compiled ahead is compiled when it is imported.
        tracing::warn!(function = %function.key.name, %error, "could not compile ahead");
    }
    Ok(())
}

async fn compile(engine: &Engine, function: &Function) -> sluice_ports::PortResult<()> {
    let deps = &engine.inner.deps;
    let files = deps.packages.files(&function.code, "py", COMPILED_FILES).await?;
    // The package may be another function's too, compiled already.
    if files.is_empty() || !deps.packages.files(&function.code, "pyc", 1).await?.is_empty() {
        return Ok(());
    }
    let directory = deps.packages.directory(&function.code);
    let compiled = deps.backend.compile(function.key.dialect, &function.config.runtime, directory, files).await?;
    deps.packages.add(&function.code, compiled).await
}

/// Removes packages and blobs that nobody needs any more.
pub(crate) async fn sweep_loop(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = sweep(&inner).await {
            tracing::warn!(%error, "could not remove unused code");
        }
    }
}

pub(crate) async fn sweep(inner: &Inner) -> PortResult<()> {
    let deps = &inner.deps;
    // A package without a blob is what a request left that ended between storing the two.
    let mut unused: BTreeSet<String> = deps.packages.list().await?.into_iter().collect();
    unused.extend(deps.blobs.list().await?);
    for claimed in inner.code_in_use.claimed() {
        unused.remove(&claimed);
    }
    for named in inner.catalog.read().expect("catalog lock").packages() {
        unused.remove(named);
    }
    for sha256 in unused {
        // Removing takes time, in which functions come: each package is looked at again when it is its turn.
        let _removing = inner.code_in_use.removing.lock().await;
        if inner.code_in_use.is_claimed(&sha256) || is_named(inner, &sha256) {
            continue;
        }
        if let Err(error) = remove(inner, &sha256).await {
            tracing::warn!(package = %sha256, %error, "could not remove unused code");
        }
    }
    Ok(())
}

async fn remove(inner: &Inner, sha256: &str) -> PortResult<()> {
    let package = CodePackage { sha256: sha256.to_owned(), ..CodePackage::default() };
    inner.deps.packages.remove(&package).await?;
    inner.deps.blobs.delete(sha256).await
}

fn is_named(inner: &Inner, sha256: &str) -> bool {
    inner.catalog.read().expect("catalog lock").packages().any(|named| named == sha256)
}

#[cfg(test)]
mod tests;
