//! stub until the policy lands
use crate::Millis;
#[derive(Clone, Debug, Default)]
pub struct Habits;
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    pub keep_ms: Millis,
    pub memory_mb: u64,
}
#[derive(Clone, Debug)]
pub struct Window {
    pub keep_ms: Millis,
    pub prewarm_after_ms: Option<Millis>,
    pub prewarm_until_ms: Millis,
    pub why: &'static str,
}
impl Habits {
    pub fn arrived(&mut self, _now: Millis, _in_flight: u32) {}
    pub fn ended(&mut self, _now: Millis, _in_flight: u32) {}
    pub fn window(&self, _depth: u32, fixed: &Fixed) -> Window {
        Window { keep_ms: fixed.keep_ms, prewarm_after_ms: None, prewarm_until_ms: 0, why: "too little is known" }
    }
}
