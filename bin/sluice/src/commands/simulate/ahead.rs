//! Making traffic up on a thread of its own, so that playing it does not wait for it.

use sluice_simulate::{Arrival, Workload};
use std::sync::mpsc::{Receiver, sync_channel};

/// Requests that are handed over at a time, and how many such lots may lie ready.
const LOT: usize = 4096;
const LOTS: usize = 8;

/// The same workload, made ahead of its use. Without a thread to be had it is made when it is used.
pub fn made_ahead(mut workload: Workload) -> Workload {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        return workload;
    }
    let (sender, receiver) = sync_channel(LOTS);
    let mut arrivals = std::mem::replace(&mut workload.arrivals, Box::new(std::iter::empty()));
    std::thread::spawn(move || {
        loop {
            let lot: Vec<Arrival> = arrivals.by_ref().take(LOT).collect();
            // Nobody listens any more when a run ends before its traffic does.
            if lot.is_empty() || sender.send(lot).is_err() {
                return;
            }
        }
    });
    workload.arrivals = Box::new(Lots { receiver, lot: Vec::new().into_iter() });
    workload
}

struct Lots {
    receiver: Receiver<Vec<Arrival>>,
    lot: std::vec::IntoIter<Arrival>,
}

impl Iterator for Lots {
    type Item = Arrival;

    #[inline]
    fn next(&mut self) -> Option<Arrival> {
        loop {
            if let Some(arrival) = self.lot.next() {
                return Some(arrival);
            }
            self.lot = self.receiver.recv().ok()?.into_iter();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_simulate::synthetic::Settings;

    #[test]
    fn nothing_is_lost_or_moved() {
        let made = || Workload::synthetic(Settings { functions: 50, days: 1, seed: 4 }).capped(20_000);
        let ahead: Vec<Arrival> = made_ahead(made()).arrivals.collect();
        assert_eq!(ahead, made().arrivals.collect::<Vec<_>>());
        // One that is not used up ends its thread.
        assert_eq!(made_ahead(made()).arrivals.next(), Some(ahead[0]));
    }
}
