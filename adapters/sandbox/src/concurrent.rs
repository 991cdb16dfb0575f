//! A running instance that takes several calls at a time.
//!
//! Requests and answers carry a tag. One task listens to the process for as long as calls run and hands on what it
//! says; while none runs, nothing is read, as in an instance that takes one call at a time, and what the process
//! prints then is the next call's.
//!
//! The end of the process ends all calls. A call whose time is over ends alone: nothing can stop its handler but
//! the end of the process, and the others need that. So the instance takes no further call ([`Reply::reusable`] is
//! false), and ends when the last of those that run has ended; asking it to stop before that changes nothing.

use crate::{
    calls::{Answer, Calls},
    connection::{Connection, Heard, Speaker},
    frame::{Frame, Said, result_limit},
    instance::head,
    life::{Enclosure, Life, Running, Thaw, process_exited, timed_out, too_large},
    limit::Allowance,
    log::Collector,
};
use async_trait::async_trait;
use bytes::Bytes;
use sluice_domain::{Failure, InstanceId};
use sluice_ports::{Call, Instance, Reply};
use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

pub struct ConcurrentInstance<E> {
    life: Arc<Life<E>>,
    calls: Arc<Calls>,
    speaker: Arc<Mutex<Speaker>>,
    /// The handler of a call that timed out may still run.
    spent: AtomicBool,
}

impl<E: Enclosure> ConcurrentInstance<E> {
    pub fn open(life: Arc<Life<E>>, connection: Connection) -> io::Result<Self> {
        let speaker = Arc::new(Mutex::new(connection.speaker()?));
        let calls = Arc::new(Calls::new(life.log_limits));
        // It must not keep the instance: the end of the instance is what ends it.
        tokio::spawn(listen(connection, calls.clone(), Arc::downgrade(&life)));
        Ok(Self { life, calls, speaker, spent: AtomicBool::new(false) })
    }

    async fn exchange(&self, thaw: Thaw<'_, E>, call: &Call, time: &Allowance<'_>) -> Answer {
        let nothing = || Collector::new(self.life.log_limits);
        let (tag, mut answer) = match self.calls.open() {
            Ok(open) => open,
            Err(cause) => return (Err(cause), nothing()),
        };
        let head = match head(call, Some(tag)) {
            Ok(head) => head,
            Err(failure) => return (Err(failure), self.calls.give_up(tag).unwrap_or_else(nothing)),
        };
        let talk = async {
            self.send(thaw, head, call.payload.clone()).await;
            (&mut answer).await
        };
        let answered = tokio::select! {
            biased;
            answered = talk => answered.ok(),
            () = self.life.over(time) => match self.calls.give_up(tag) {
                Some(log) => {
                    self.spent.store(true, Ordering::Release);
                    return (Err(timed_out(call.timeout)), log);
                }
                None => answer.await.ok(),
            },
        };
        answered.unwrap_or_else(|| (Err(process_exited()), nothing()))
    }

    /// Sends one frame whole, whatever becomes of the call: a part of one would be the end of all calls. That the
    /// process is gone is for the listener to say.
    async fn send(&self, thaw: Thaw<'_, E>, head: Vec<u8>, payload: Bytes) {
        let (speaker, thaw) = match self.speaker.clone().try_lock_owned() {
            Ok(speaker) => (speaker, Some(thaw)),
            Err(_) => {
                // Another call is sending, which may need the process to read.
                drop(thaw);
                (self.speaker.clone().lock_owned().await, None)
            }
        };
        let begun = speaker.send_some(&head, &payload);
        drop(thaw);
        if let Ok(sent) = begun
            && sent < head.len() + payload.len()
        {
            let rest = tokio::spawn(async move { speaker.send_rest(sent, &head, &payload).await });
            let _ = rest.await;
        }
    }
}

/// Hands on what the process says until it is gone.
async fn listen<E: Enclosure>(mut connection: Connection, calls: Arc<Calls>, life: Weak<Life<E>>) {
    loop {
        if calls.is_empty() {
            tokio::select! {
                biased;
                () = calls.begun() => {}
                () = connection.spoilt() => break,
            }
        }
        match connection.hear(&mut &*calls, || false).await {
            Heard::Frame(Frame::Tagged { tag, said }) => match said {
                Said::Result(result) => calls.answer(tag, Ok(result)),
                Said::Error(failure) => calls.answer(tag, Err(failure)),
                Said::Output(text) => calls.printed(Instant::now(), Some(tag), &text),
            },
            _ => break,
        }
    }
    let life = life.upgrade();
    if let Some(life) = &life {
        life.condemn();
    }
    let cause = life.map_or_else(process_exited, |life| life.enclosure.cause_of_death());
    calls.end(&cause);
}

#[async_trait]
impl<E: Enclosure> Instance for ConcurrentInstance<E> {
    fn id(&self) -> InstanceId {
        self.life.id
    }

    async fn call(&self, call: Call) -> Reply {
        let _running = Running::begin();
        let thaw = self.life.begin();
        let time = self.life.ageing.allow(call.timeout);
        let (mut result, log) = self.exchange(thaw, &call, &time).await;
        let is_last = self.life.end();
        if is_last && self.spent.load(Ordering::Acquire) {
            self.life.condemn();
        }
        let limit = result_limit(call.response_limit);
        if let Some(size) = result.as_ref().ok().map(Bytes::len).filter(|size| *size > limit) {
            result = Err::<Bytes, Failure>(too_large(size, limit));
        }
        let duration = time.spent();
        let memory_used = self.life.memory_used(duration, is_last);
        let (log, log_cut) = log.finish();
        let reusable = self.life.is_usable() && !self.spent.load(Ordering::Acquire);
        Reply { result, duration, memory_used, log, log_cut, reusable }
    }

    fn freeze(&self) {
        self.life.freeze();
    }

    fn age(&self, by: Duration) {
        self.life.ageing.add(by);
    }

    fn stop(&self) {
        if self.life.is_idle() || !self.spent.load(Ordering::Acquire) {
            self.life.condemn();
        }
    }

    fn is_alive(&self) -> bool {
        self.life.is_usable() && !self.calls.is_over()
    }
}
