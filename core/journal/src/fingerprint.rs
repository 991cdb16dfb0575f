//! What was decided, as one number: enough to see that a replay decided something else.
//!
//! It must come out the same on every machine and in every build, which `std::hash` does not promise.

use postcard::ser_flavors::Flavor;
use sluice_decide::Command;

/// No byte, so that a dispatch is not taken for the bytes of another command.
const DISPATCH: u64 = 0x100;

/// One number for these commands and their order; none when there are none.
pub fn fingerprint(commands: &[Command]) -> Option<u32> {
    if commands.is_empty() {
        return None;
    }
    let mut sum = Sum(commands.len() as u64);
    for command in commands {
        match command {
            // All that follows from most events, so it gets the short way.
            Command::Dispatch { request, instance } => {
                sum.mix(DISPATCH);
                sum.mix(request.0);
                sum.mix(instance.0);
            }
            other => {
                // The other way never fails, and if it did, it would in a replay too.
                sum = postcard::serialize_with_flavor(other, sum.clone()).unwrap_or(sum);
            }
        }
    }
    Some((sum.0 ^ sum.0 >> 32) as u32)
}

#[derive(Clone)]
struct Sum(u64);

impl Sum {
    fn mix(&mut self, word: u64) {
        // An odd multiplier near the golden ratio spreads a word's bits upwards, the turn brings them down again.
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    }
}

impl Flavor for Sum {
    type Output = Sum;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.mix(u64::from(byte));
        Ok(())
    }
    fn finalize(self) -> postcard::Result<Sum> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_decide::{PoolId, RequestSeq, StopReason};
    use sluice_domain::{ColdReason, InstanceId, StartCause};

    fn dispatch(request: u64, instance: u64) -> Command {
        Command::Dispatch { request: RequestSeq(request), instance: InstanceId(instance) }
    }

    fn start(idle_ms: Option<u64>) -> Command {
        let cause = StartCause { reason: ColdReason::Reclaimed, busy: 0, idle_ms };
        Command::Start { instance: InstanceId(1), pool: PoolId(0), request: None, cause }
    }

    fn stop(idle_ms: u64) -> Command {
        Command::Stop { instance: InstanceId(1), reason: StopReason::Idle { idle_ms } }
    }

    #[test]
    fn any_difference_shows() {
        let several = [
            vec![dispatch(1, 2)],
            vec![dispatch(2, 1)],
            vec![dispatch(1, 3)],
            vec![dispatch(1, 2), dispatch(1, 2)],
            vec![dispatch(1, 2), stop(5)],
            vec![stop(5), dispatch(1, 2)],
            vec![stop(5)],
            vec![stop(6)],
            vec![start(None)],
            vec![start(Some(0))],
            vec![Command::Wait { request: RequestSeq(1) }],
            vec![Command::Redirect { request: RequestSeq(1) }],
            vec![Command::Freeze { instance: InstanceId(1) }],
        ];
        let mut seen: Vec<u32> = several.iter().map(|commands| fingerprint(commands).unwrap()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), several.len());
        assert_eq!(fingerprint(&[]), None);
    }

    #[test]
    fn it_never_changes() {
        // Journals that exist hold these numbers: a change here needs another FORMAT.
        assert_eq!(fingerprint(&[dispatch(7, 1 << 52 | 1 << 22)]), Some(864_501_241));
        assert_eq!(fingerprint(&[start(Some(300_000)), stop(5)]), Some(2_169_430_151));
    }
}
