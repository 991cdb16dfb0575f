//! One pot of bytes that all request bodies in flight are paid from.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes left. Taking never waits: who finds the pot empty is told to come again.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
}

/// Bytes taken from a budget; they return when this is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    fn take(&self, bytes: usize) -> bool {
        self.left.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

impl Held {
    pub fn nothing(budget: &Arc<Budget>) -> Self {
        Self { budget: budget.clone(), bytes: 0 }
    }

    /// Makes sure that at least `bytes` are held, taking `step` at a time so that a long body does not come
    /// back for every piece. False when the budget has no more; what was held stays held.
    #[must_use]
    pub fn grow_to(&mut self, bytes: usize, step: usize) -> bool {
        let Some(missing) = bytes.checked_sub(self.bytes).filter(|missing| *missing > 0) else { return true };
        let taken = [missing.max(step), missing].into_iter().find(|amount| self.budget.take(*amount));
        self.bytes += taken.unwrap_or(0);
        taken.is_some()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let budget = Budget::new(100);
        let mut first = Held::nothing(&budget);
        assert!(first.grow_to(10, 60));
        assert_eq!(budget.left.load(Ordering::Relaxed), 40);
        assert!(first.grow_to(60, 60), "already held");
        assert_eq!(budget.left.load(Ordering::Relaxed), 40);
        let mut second = Held::nothing(&budget);
        assert!(second.grow_to(30, 60), "a step that does not fit is no reason to refuse what fits");
        assert!(!second.grow_to(41, 60));
        drop((first, second));
        assert_eq!(budget.left.load(Ordering::Relaxed), 100);
    }
}
