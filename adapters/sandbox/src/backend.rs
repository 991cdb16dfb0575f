//! The `Backend` port over sandboxes.
//!
//! A start takes a blank if there is one: set its limits, attach the code, tell it what to be. Otherwise it makes
//! a sandbox and forks a process into it from the interpreter's template, or executes the interpreter where the
//! language cannot fork or the function's environment must be there from the first instruction.

use crate::{
    bootstrap,
    cgroup::Hierarchy,
    client::Launcher,
    connection::Connection,
    descriptors::{self, start_error},
    dns, environment,
    frame::{self, Frame},
    free_memory::FreeMemory,
    freezer::Freezer,
    instance,
    launcher::Settings,
    log::{Collector, Limits},
    network::Network,
    runtimes::{Interpreter, Runtimes},
    sandbox::{Maker, Sandbox},
    scratch::ScratchMaker,
    slots::{Slots, code_mount},
    start,
    stock::Stock,
    wire::{Order, Process},
};
use async_trait::async_trait;
use sluice_domain::{Dialect, Family, KnownRuntime, RuntimeStatus};
use sluice_ports::{Ahead, Assignment, Backend, Blank, CompiledFile, PortError, PortResult, StartError, Started};
use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// Settings of the backend.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Eight hex digits that mark everything this server makes on the host.
    pub tag: String,
    /// For scratch images and the launcher's root.
    pub run_dir: PathBuf,
    /// Directory with runtime bundles, each `NAME/bin/…`.
    pub bundles: Option<PathBuf>,
    /// Upstream name servers are read from here.
    pub resolv_conf: PathBuf,
    /// Sandboxes kept ready for code.
    pub reserve: usize,
    /// Memory that is left to the host, in MiB.
    pub headroom_mib: u64,
}

/// Host things made ahead for the next sandboxes: a few, since sandboxes themselves are.
const SLOTS_AHEAD: usize = 8;

pub struct SandboxBackend {
    maker: Arc<Maker>,
    stock: Arc<Stock>,
    runtimes: Runtimes,
    /// Interpreters that fork themselves into sandboxes; the others are executed anew for each.
    templates: Mutex<BTreeSet<PathBuf>>,
    statuses: Vec<RuntimeStatus>,
    free_memory: FreeMemory,
}

/// A sandbox whose process has loaded the bootstrap and nothing else.
struct SandboxedBlank {
    pool: String,
    sandbox: Arc<Sandbox>,
    connection: Connection,
}

impl Blank for SandboxedBlank {
    fn as_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
        self
    }
}

impl SandboxBackend {
    /// Removes what an earlier run with this tag left on the host, then prepares everything anew.
    pub async fn start(config: SandboxConfig) -> io::Result<Arc<Self>> {
        let context = |what: &'static str| move |error: io::Error| io::Error::other(format!("{what}: {error}"));
        let hierarchy = Hierarchy::find(&format!("sluice-{}", config.tag)).map_err(context("control groups"))?;
        hierarchy.sweep()?;
        Network::sweep(&config.tag).map_err(context("removing old links"))?;
        hierarchy.prepare().map_err(context("control groups"))?;
        let network = Network::create(&config.tag).map_err(context("sandbox network"))?;
        let scratch = ScratchMaker::create(&config.run_dir.join("scratch")).map_err(context("scratch filesystem"))?;
        let runtimes = Runtimes::discover(config.bundles.as_deref());
        let root = config.run_dir.join("root");
        fs::create_dir_all(&root)?;
        let settings = Settings {
            root,
            name_server: Some(network.gateway()),
            vendor_paths: runtimes.vendor_paths(),
            extra: runtimes.prefixes(),
        };
        dns::serve(network.gateway(), config.resolv_conf.clone()).await.map_err(context("name server"))?;
        let launcher = Launcher::start(&settings).map_err(context("sandbox launcher"))?;
        let slots = Slots::start(&config.tag, hierarchy, network, scratch, SLOTS_AHEAD);
        let freezer = Freezer::start()?;
        let maker = Arc::new(Maker { launcher, slots, freezer, runtime: Handle::current(), next: AtomicU64::new(1) });
        let receiver = Arc::downgrade(&maker);
        tokio::spawn(async move {
            if let Some(maker) = receiver.upgrade() {
                maker.launcher.receive_answers().await;
            }
        });
        let stock = Stock::start(maker.clone(), config.reserve);
        let statuses = runtimes.statuses();
        let backend = Arc::new(Self {
            maker,
            stock,
            runtimes,
            templates: Mutex::default(),
            statuses,
            free_memory: FreeMemory::open(config.headroom_mib)?,
        });
        backend.start_templates().await?;
        Ok(backend)
    }

    async fn start_templates(self: &Arc<Self>) -> io::Result<()> {
        let mut seen = BTreeSet::new();
        for known in sluice_domain::KNOWN_RUNTIMES {
            let Some((interpreter, _)) = self.runtimes.choose(known) else { continue };
            let Some(arguments) = template_arguments(interpreter).filter(|_| seen.insert(interpreter.path.clone()))
            else {
                continue;
            };
            let program = interpreter.path.display().to_string();
            let order = Order::Template { name: program.clone(), program, arguments };
            self.maker.launcher.order(order, &[]).await.map_err(io::Error::other)?;
            if interpreter.family == Family::Python {
                self.templates.lock().expect("templates lock").insert(interpreter.path.clone());
            } else {
                tokio::spawn(self.clone().try_template(interpreter.clone()));
            }
        }
        Ok(())
    }

    /// Not every build of Node.js can be forked: the first child shows it. Until then it is executed.
    async fn try_template(self: Arc<Self>, interpreter: Interpreter) {
        match self.run_blank(fork(&interpreter, true)).await {
            Ok(_) => {
                self.templates.lock().expect("templates lock").insert(interpreter.path);
            }
            Err(error) => tracing::warn!(
                %error, interpreter = %interpreter.path.display(),
                "this interpreter cannot be forked: each instance takes as long as starting it anew"
            ),
        }
    }

    fn is_template(&self, interpreter: &Interpreter) -> bool {
        self.templates.lock().expect("templates lock").contains(&interpreter.path)
    }

    fn interpreter(&self, dialect: Dialect, runtime: &str) -> Option<&Interpreter> {
        let known = KnownRuntime::find(dialect, runtime)?;
        self.statuses.iter().find(|status| status.dialect == dialect && status.id == known.id)?.interpreter.as_ref()?;
        self.runtimes.choose(known).map(|(interpreter, _)| interpreter)
    }

    fn by_pool(&self, pool: &str) -> Option<&Interpreter> {
        let of_pool = |known: &KnownRuntime| self.interpreter(known.dialect, known.id);
        sluice_domain::KNOWN_RUNTIMES.iter().filter_map(of_pool).find(|found| pool_of(found) == pool)
    }

    /// A sandbox in which the interpreter has loaded the bootstrap.
    async fn blank_sandbox(&self, interpreter: &Interpreter) -> Result<(Arc<Sandbox>, Connection), String> {
        let process = if self.is_template(interpreter) {
            fork(interpreter, true)
        } else {
            execute(interpreter, environment::of_a_template())
        };
        self.run_blank(process).await
    }

    /// Starts a process in a sandbox and waits until it reports.
    async fn run_blank(&self, process: Process) -> Result<(Arc<Sandbox>, Connection), String> {
        let sandbox = self.stock.take().await.map_err(|error| error.to_string())?;
        let mut connection = sandbox.run(process, &[]).await.map_err(|error| error.to_string())?;
        start::await_blank(&mut connection).await?;
        // The first call will look at them.
        sandbox.with_slot(|slot| slot.group.open_counters());
        Ok((sandbox, connection))
    }

    async fn start_from_blank(&self, spec: &Assignment, blank: SandboxedBlank) -> Result<Made, io::Error> {
        let began = Instant::now();
        let SandboxedBlank { sandbox, connection, .. } = blank;
        let code = [code_target(spec)?];
        // While the launcher mounts the code.
        let fit = async {
            let began = Instant::now();
            fit(&sandbox, spec).map(|()| began.elapsed())
        };
        let (mounted, fitted) = tokio::join!(biased; sandbox.mount(&code), fit);
        let sandbox_time = fitted?;
        mounted?;
        Ok(Made { sandbox, connection, sandbox_time, mount_time: began.elapsed() - sandbox_time, from_blank: true })
    }

    async fn start_anew(&self, spec: &Assignment, interpreter: &Interpreter) -> Result<Made, io::Error> {
        let began = Instant::now();
        let process =
            if self.is_template(interpreter) && !environment::needs_own_process(&spec.config, interpreter.family) {
                fork(interpreter, false)
            } else {
                let variables = environment::variables(spec);
                execute(interpreter, variables.into_iter().map(|(key, value)| format!("{key}={value}")).collect())
            };
        let mounts = [code_target(spec)?];
        let mount_time = began.elapsed();
        let sandbox = self.stock.take().await?;
        fit(&sandbox, spec)?;
        let connection = sandbox.run(process, &mounts).await?;
        Ok(Made { sandbox, connection, sandbox_time: began.elapsed() - mount_time, mount_time, from_blank: false })
    }

    async fn make(&self, spec: &Assignment, blank: Option<Box<dyn Blank>>) -> Result<Made, StartError> {
        let interpreter = self
            .interpreter(spec.function.dialect, &spec.config.runtime)
            .ok_or_else(|| StartError::Platform(format!("runtime '{}' is gone from this host", spec.config.runtime)))?;
        let usable = !environment::needs_own_process(&spec.config, interpreter.family);
        let blank = blank.and_then(|blank| blank.as_any().downcast::<SandboxedBlank>().ok()).filter(|blank| {
            usable && blank.pool == pool_of(interpreter) && blank.sandbox.is_alive() && !blank.connection.is_spoilt()
        });
        if let Some(blank) = blank {
            match self.start_from_blank(spec, *blank).await {
                Ok(made) => return Ok(made),
                Err(error) => tracing::warn!(%error, "a blank could not be used"),
            }
        }
        self.start_anew(spec, interpreter).await.map_err(start_error)
    }
}

/// A sandbox with the code in it, before the user's code is loaded.
struct Made {
    sandbox: Arc<Sandbox>,
    connection: Connection,
    sandbox_time: Duration,
    mount_time: Duration,
    from_blank: bool,
}

/// Gives a sandbox the limits of the function that it will run.
fn fit(sandbox: &Sandbox, spec: &Assignment) -> io::Result<()> {
    let fitted = sandbox.with_slot(|slot| {
        slot.group.set_size(u64::from(spec.config.memory_mib))?;
        if spec.config.public_network { Ok(()) } else { slot.port.go_offline() }
    });
    fitted.unwrap_or_else(|| Err(io::Error::other("the sandbox is gone")))
}

fn code_target(spec: &Assignment) -> io::Result<(String, std::os::fd::OwnedFd)> {
    let target = environment::code_directory(spec.function.dialect).to_owned();
    Ok((target, code_mount(&spec.code_dir)?))
}

fn pool_of(interpreter: &Interpreter) -> String {
    format!("{}-{}", interpreter.family.as_str(), interpreter.version)
}

/// Forking the interpreter's template.
fn fork(interpreter: &Interpreter, blank: bool) -> Process {
    Process::Fork { template: interpreter.path.display().to_string(), blank }
}

/// How an interpreter is started as a template, if its family has one.
fn template_arguments(interpreter: &Interpreter) -> Option<Vec<String>> {
    let program = interpreter.path.display().to_string();
    let script = |name: &str| format!("{}/{name}", bootstrap::DIRECTORY);
    match interpreter.family {
        Family::Python => {
            Some([&program, "-I", "-X", "utf8", "-B", &script("template.py")].map(str::to_owned).to_vec())
        }
        // A forked child has no helper threads. And it would run the memory reducer, whose timer the template has set,
        // as soon as it is made: milliseconds of marking in every blank, for a process that is frozen when it is idle.
        Family::Node => {
            Some(vec![program, "--single-threaded".to_owned(), "--no-memory-reducer".to_owned(), script("template.js")])
        }
        _ => None,
    }
}

/// Running the bootstrap as a process of its own.
fn execute(interpreter: &Interpreter, environment: Vec<String>) -> Process {
    let program = interpreter.path.display().to_string();
    let arguments: Vec<String> = match interpreter.family {
        Family::Node => {
            let script = format!("{}/bootstrap.js", bootstrap::DIRECTORY);
            [&program, script.as_str()].map(str::to_owned).to_vec()
        }
        _ => {
            let script = format!("{}/bootstrap.py", bootstrap::DIRECTORY);
            [&program, "-I", "-X", "utf8", "-B", &script].map(str::to_owned).to_vec()
        }
    };
    Process::Execute { program, arguments, environment }
}

#[async_trait]
impl Backend for SandboxBackend {
    fn runtimes(&self) -> Vec<RuntimeStatus> {
        self.statuses.clone()
    }

    fn blank_pool(&self, dialect: Dialect, runtime: &str) -> Option<String> {
        self.interpreter(dialect, runtime).map(pool_of)
    }

    fn sandboxes_ahead(&self) -> Ahead {
        self.stock.ahead()
    }

    async fn make_blank(&self, pool: &str) -> PortResult<Box<dyn Blank>> {
        let interpreter = self.by_pool(pool).ok_or_else(|| PortError::NotFound(format!("pool {pool}")))?;
        if descriptors::are_scarce(self.stock.ahead().ready) {
            return Err(PortError::Failed("the files that the server may still open are kept for starts".into()));
        }
        let (sandbox, connection) = self.blank_sandbox(interpreter).await.map_err(PortError::Failed)?;
        Ok(Box::new(SandboxedBlank { pool: pool.to_owned(), sandbox, connection }))
    }

    async fn start(&self, spec: Assignment, blank: Option<Box<dyn Blank>>) -> Result<Started, StartError> {
        self.maker.slots.note_size(u64::from(spec.config.memory_mib));
        let Made { sandbox, mut connection, sandbox_time, mount_time, from_blank } = self.make(&spec, blank).await?;
        if from_blank {
            connection = connection.move_here().map_err(start_error)?;
        }
        let initialised = start::initialise(&mut connection, &spec, None, from_blank, &*sandbox).await?;
        sandbox.note_process(connection.process());
        let instance = instance::open(&spec, connection, sandbox);
        Ok(Started {
            instance: instance.map_err(start_error)?,
            sandbox: sandbox_time,
            mount: mount_time,
            init: initialised.took,
            from_blank,
            log: initialised.log,
            log_cut: initialised.log_cut,
        })
    }

    async fn compile(
        &self,
        dialect: Dialect,
        runtime: &str,
        code_dir: PathBuf,
        files: Vec<String>,
    ) -> PortResult<Vec<CompiledFile>> {
        let failed = |error: String| PortError::Failed(error);
        let Some(interpreter) = self.interpreter(dialect, runtime).filter(|found| found.family == Family::Python)
        else {
            return Ok(Vec::new());
        };
        let (sandbox, mut connection) = self.blank_sandbox(interpreter).await.map_err(failed)?;
        let sized = sandbox.with_slot(|slot| slot.group.set_size(COMPILE_MEMORY_MIB));
        sized.unwrap_or(Ok(())).map_err(|error| failed(error.to_string()))?;
        let target = environment::code_directory(dialect);
        let mount = code_mount(&code_dir).map_err(|error| failed(error.to_string()))?;
        sandbox.mount(&[(target.to_owned(), mount)]).await.map_err(|error| failed(error.to_string()))?;
        compile_in(&mut connection, target, &files).await.map_err(failed)
    }

    fn free_memory_mib(&self) -> u64 {
        self.free_memory.mib()
    }

    async fn shutdown(&self) {
        self.stock.close();
        self.maker.slots.close();
        let maker = self.maker.clone();
        // Waits for the kernel to put the last processes away.
        let ended = tokio::task::spawn_blocking(move || {
            maker.launcher.stop();
            maker.slots.clear_host();
        });
        let _ = ended.await;
    }
}

/// How long compiling a package may take before it is left to its imports.
const COMPILE_PATIENCE: Duration = Duration::from_secs(60);
/// What compiling may use.
const COMPILE_MEMORY_MIB: u64 = 512;

async fn compile_in(
    connection: &mut Connection,
    code_dir: &str,
    files: &[String],
) -> Result<Vec<CompiledFile>, String> {
    let body = serde_json::json!({"code_dir": code_dir, "files": files}).to_string();
    let mut log = Collector::new(Limits { window_bytes: 0, window_lines: 0, line_bytes: 0 });
    let mut compiled = Vec::new();
    let talk = async {
        connection.send(&frame::plain(b'C', body.as_bytes())).await.map_err(|error| error.to_string())?;
        loop {
            match connection.hear(&mut log, || false).await {
                crate::connection::Heard::Frame(Frame::Compiled { path, content }) => {
                    compiled.push(CompiledFile { path, content });
                }
                crate::connection::Heard::Frame(Frame::CompileDone) => return Ok(compiled),
                other => return Err(format!("compiling ended early: {other:?}")),
            }
        }
    };
    tokio::time::timeout(COMPILE_PATIENCE, talk).await.unwrap_or_else(|_| Err("compiling took too long".to_owned()))
}
