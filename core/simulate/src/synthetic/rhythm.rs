//! Day and week: how much busier than its average a function is at an hour.
//!
//! Time is stretched: a gap is drawn as if the load were constant, and passes faster in busy hours.

const HOUR_MS: f64 = 3_600_000.0;

/// Load by hour of a working day, in hundredths of the day's average, for someone who gets up at about seven.
const MILD: [u16; 24] =
    [55, 49, 45, 45, 50, 60, 77, 96, 117, 131, 140, 140, 131, 135, 141, 141, 137, 130, 120, 111, 102, 92, 83, 72];
const STRONG: [u16; 24] =
    [10, 6, 4, 4, 6, 15, 40, 85, 148, 200, 220, 215, 175, 195, 218, 218, 198, 156, 102, 70, 50, 35, 18, 12];
/// Of a working day's load on a Saturday or Sunday.
const MILD_WEEKEND: f64 = 0.75;
const STRONG_WEEKEND: f64 = 0.35;

/// How a function follows the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    Constant,
    /// `phase`: hours to the west of the platform's own clock.
    Mild {
        phase: u8,
    },
    Strong {
        phase: u8,
    },
}

impl Rhythm {
    /// When a gap of `span` average milliseconds that starts at `from` is over.
    #[inline]
    pub fn after(self, from: f64, span: f64) -> f64 {
        match self {
            Rhythm::Constant => from + span,
            Rhythm::Mild { phase } => stretch(from, span, &MILD, MILD_WEEKEND, phase),
            Rhythm::Strong { phase } => stretch(from, span, &STRONG, STRONG_WEEKEND, phase),
        }
    }
}

fn stretch(from: f64, span: f64, hours: &[u16; 24], weekend: f64, phase: u8) -> f64 {
    let (mut at, mut left) = (from, span);
    let mut hour = (at / HOUR_MS) as u64;
    loop {
        let load = load(hour, hours, weekend, phase);
        let to_end = (hour + 1) as f64 * HOUR_MS - at;
        if left <= to_end * load {
            return at + left / load;
        }
        left -= to_end * load;
        hour += 1;
        at = hour as f64 * HOUR_MS;
    }
}

#[inline]
fn load(hour: u64, hours: &[u16; 24], weekend: f64, phase: u8) -> f64 {
    // A week earlier is the same hour, and keeps the subtraction positive.
    let local = hour + 168 - u64::from(phase);
    let day = local / 24 % 7;
    // So that the week's average is 1.
    let weekday = 7.0 / (5.0 + 2.0 * weekend);
    let factor = if day >= 5 { weekday * weekend } else { weekday };
    f64::from(hours[(local % 24) as usize]) * 0.01 * factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_has_its_average() {
        for (hours, weekend) in [(&MILD, MILD_WEEKEND), (&STRONG, STRONG_WEEKEND)] {
            assert_eq!(hours.iter().map(|load| u32::from(*load)).sum::<u32>(), 2400);
            let week: f64 = (0..168).map(|hour| load(hour, hours, weekend, 5)).sum();
            assert!((week - 168.0).abs() < 1e-6, "{week}");
        }
    }

    #[test]
    fn nights_are_slow_and_mornings_fast() {
        let strong = Rhythm::Strong { phase: 0 };
        let night = strong.after(2.0 * HOUR_MS, 60_000.0) - 2.0 * HOUR_MS;
        let morning = strong.after(10.0 * HOUR_MS, 60_000.0) - 10.0 * HOUR_MS;
        assert!(night > 20.0 * morning, "{night} {morning}");
        assert_eq!(Rhythm::Constant.after(5.0, 7.0), 12.0);
        let split = strong.after(strong.after(0.0, 1e7), 3e7);
        assert!((split - strong.after(0.0, 4e7)).abs() < 1.0);
    }
}
