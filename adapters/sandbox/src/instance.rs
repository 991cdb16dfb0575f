//! A running instance that takes one call at a time, and the choice between it and one that takes several.

use crate::{
    concurrent::ConcurrentInstance,
    connection::{Connection, Heard},
    frame::{self, Frame},
    life::{Enclosure, Life, Running, Thaw, timed_out, too_large},
    limit::Allowance,
    log::Collector,
    steer::Steered,
};
use async_trait::async_trait;
use bytes::Bytes;
use sluice_domain::{Failure, FailureKind, InstanceId};
use sluice_ports::{Call, Instance, InstanceSpec, Reply};
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Mutex;

/// An instance of a process that is initialised.
pub fn open<E: Enclosure>(
    spec: &InstanceSpec,
    connection: Connection,
    enclosure: Arc<E>,
) -> io::Result<Arc<dyn Instance>> {
    let life = Arc::new(Life::new(spec, enclosure));
    if spec.config.instance_concurrency > 1 {
        return Ok(Arc::new(ConcurrentInstance::open(life, connection)?));
    }
    Ok(Arc::new(SequentialInstance { life, connection: Mutex::new(connection) }))
}

/// The head of a request frame, tagged if it is not the only one.
pub fn head(call: &Call, tag: Option<u32>) -> Result<Vec<u8>, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let deadline = (now + call.timeout).as_millis() as u64;
    frame::request_head(
        tag,
        call.request_id.as_str(),
        &call.qualifier,
        deadline,
        call.response_limit,
        call.payload.len(),
    )
    .ok_or_else(|| Failure::new(FailureKind::Internal, "a request id or qualifier is too long"))
}

struct SequentialInstance<E> {
    life: Arc<Life<E>>,
    connection: Mutex<Connection>,
}

/// How long the answer of a lone call is looked for without sleeping: about as long as two wake-ups take.
const LOOK: Duration = Duration::from_micros(100);
/// Who was not called for that long has little left in the caches of the processor on which it ran last, and that
/// processor may be asleep or do other work. The one from which it is called is awake.
const LONG_REST: Duration = Duration::from_millis(10);
/// So many bytes are sent in a few microseconds.
const LITTLE: usize = 16 << 10;

impl<E: Enclosure> SequentialInstance<E> {
    /// Among several calls at a time, each is better off on a processor of its own; a long payload takes long to send.
    fn is_to_be_steered(&self, thaw: &Thaw<'_, E>, call: &Call) -> bool {
        thaw.rest >= LONG_REST && call.payload.len() <= LITTLE && Running::is_only_one()
    }

    async fn exchange(
        &self,
        thaw: Thaw<'_, E>,
        call: &Call,
        time: &Allowance<'_>,
        log: &mut Collector,
    ) -> Result<Bytes, Failure> {
        let mut connection = self.connection.lock().await;
        // What the instance printed since the last call belongs to none; it goes to the one at hand.
        let head = head(call, None)?;
        let talk = async {
            let steered =
                self.is_to_be_steered(&thaw, call).then(|| connection.process().and_then(Steered::here)).flatten();
            let is_here = steered.is_some();
            let begun = connection.send_some(&head, &call.payload);
            drop(thaw);
            drop(steered);
            let sent = match begun {
                Ok(sent) => connection.send_rest_and_collect(sent, &head, &call.payload, log).await,
                Err(error) => Err(error),
            };
            if sent.is_err() {
                connection.drain_log(log);
                return Heard::Gone;
            }
            let began = Instant::now();
            // Who was woken on this very processor is to have it at once, and a new instance has just had more of its
            // processor's time than its share: to yield would not let it run.
            let look = if is_here || self.life.is_new() { Duration::ZERO } else { LOOK };
            // Only while no other call wants this processor's time.
            connection.hear(log, || Running::is_only_one() && began.elapsed() < look).await
        };
        let heard = tokio::select! {
            biased;
            heard = talk => Some(heard),
            () = self.life.over(time) => None,
        };
        let limit = frame::result_limit(call.response_limit);
        match heard {
            Some(Heard::Frame(Frame::Result(result))) if result.len() > limit => Err(too_large(result.len(), limit)),
            Some(Heard::Frame(Frame::Result(result))) => Ok(result),
            Some(Heard::Frame(Frame::Error(failure))) => Err(failure),
            Some(Heard::Frame(_) | Heard::Gone) => {
                self.life.condemn();
                Err(self.life.enclosure.cause_of_death())
            }
            None => {
                self.life.condemn();
                connection.drain_log(log);
                Err(timed_out(call.timeout))
            }
        }
    }
}

#[async_trait]
impl<E: Enclosure> Instance for SequentialInstance<E> {
    fn id(&self) -> InstanceId {
        self.life.id
    }

    async fn call(&self, call: Call) -> Reply {
        let _running = Running::begin();
        let thaw = self.life.begin();
        let mut log = Collector::new(self.life.log_limits);
        let time = self.life.ageing.allow(call.timeout);
        let result = self.exchange(thaw, &call, &time, &mut log).await;
        let is_last = self.life.end();
        let duration = time.spent();
        let memory_used = self.life.memory_used(duration, is_last);
        let (log, log_cut) = log.finish();
        Reply { result, duration, memory_used, log, log_cut, reusable: self.life.is_usable() }
    }

    fn freeze(&self) {
        self.life.freeze();
    }

    fn age(&self, by: Duration) {
        self.life.ageing.add(by);
    }

    fn stop(&self) {
        self.life.condemn();
    }

    fn is_alive(&self) -> bool {
        // The process may be gone while its sandbox is not; its closed socket tells of both.
        self.life.is_usable() && self.connection.try_lock().is_ok_and(|connection| !connection.is_spoilt())
    }
}

#[cfg(test)]
pub mod tests;
