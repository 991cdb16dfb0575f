//! Random numbers that are the same on every machine and in every release.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014) has eight bytes of
//! state, so each of 100,000 functions can have a stream of its own. Logarithm and exponential are written out in
//! additions, multiplications and divisions, which IEEE 754 fixes to the last bit; those of the platform differ.

/// A stream of random numbers.
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Streams of different `stream` are independent, even for neighbouring seeds.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Dice(seed);
        let start = mixed.next() ^ stream.wrapping_mul(0xD134_2543_DE82_EF95);
        let mut dice = Dice(start);
        dice.next();
        dice
    }

    #[inline]
    #[allow(clippy::should_implement_trait, reason = "endless: an Option would be in the way")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly in (0, 1), never 0 and never 1.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Evenly in the logarithm.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        exp(self.between(ln(low), ln(high)))
    }

    pub fn chance(&mut self, of: f64) -> bool {
        self.unit() < of
    }

    /// The index of one of `weights`, in proportion to them.
    pub fn pick(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len() - 1
    }

    /// Exponential with this mean.
    #[inline]
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * ln(self.unit())
    }

    /// Standard normal.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.unit())
    }

    /// Log-normal with this mean and deviation of the logarithm.
    #[inline]
    pub fn log_normal(&mut self, mu: f64, sigma: f64) -> f64 {
        exp(mu + sigma * self.normal())
    }
}

/// Natural logarithm of a positive, finite, normal number; right to about 1e-12.
#[inline]
pub fn ln(x: f64) -> f64 {
    const SQRT2_BITS: u64 = 0x3FF6_A09E_667F_3BCD;
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut fraction = bits & 0x000F_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000;
    if fraction > SQRT2_BITS {
        fraction -= 0x0010_0000_0000_0000;
        exponent += 1;
    }
    let m = f64::from_bits(fraction);
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 1.0
        + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0))))));
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * s * series
}

/// e to the power of `x`; right to about 1e-12. Beyond ±700 it stays at its end value.
#[inline]
pub fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let turns = x * std::f64::consts::LOG2_E;
    let whole = (turns + if turns < 0.0 { -0.5 } else { 0.5 }) as i64;
    let r = x - whole as f64 * std::f64::consts::LN_2;
    // Taylor's series, |r| ≤ ln 2 / 2; in two halves that a processor can work on at once.
    let q = r * r;
    let even =
        1.0 + q * (1.0 / 2.0 + q * (1.0 / 24.0 + q * (1.0 / 720.0 + q * (1.0 / 40_320.0 + q * (1.0 / 3_628_800.0)))));
    let odd = 1.0 + q * (1.0 / 6.0 + q * (1.0 / 120.0 + q * (1.0 / 5_040.0 + q * (1.0 / 362_880.0))));
    (even + r * odd) * f64::from_bits(((whole + 1023) as u64) << 52)
}

/// `base` to the power of `exponent`, for a positive base.
pub fn power(base: f64, exponent: f64) -> f64 {
    exp(exponent * ln(base))
}

/// Where the normal distribution reaches `p`: Acklam's rational approximation (relative error 1.2e-9).
#[inline]
fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.383_577_518_672_69e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 5] =
        [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 4] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];
    const TAIL: f64 = 0.02425;
    let tail = |p: f64| {
        let q = (-2.0 * ln(p)).sqrt();
        (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5])
            / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0)
    };
    if p < TAIL {
        return tail(p);
    }
    if p > 1.0 - TAIL {
        return -tail(1.0 - p);
    }
    let q = p - 0.5;
    let r = q * q;
    (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q
        / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_and_exponential_agree_with_the_platform() {
        for step in 0..20_000 {
            let x = 1e-9 * 1.0025f64.powi(step);
            if x.is_finite() && x < 1e18 {
                assert!((ln(x) - x.ln()).abs() < 1e-9, "ln {x}");
            }
            let y = f64::from(step - 10_000) / 400.0;
            assert!((exp(y) / y.exp() - 1.0).abs() < 1e-9, "exp {y}");
        }
        assert!((power(3.0, -0.4) - 3f64.powf(-0.4)).abs() < 1e-9);
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut dice = Dice::new(7, 1);
        let n = 200_000;
        let (mut sum, mut squares, mut exponential, mut beyond) = (0.0, 0.0, 0.0, 0);
        for _ in 0..n {
            let z = dice.normal();
            sum += z;
            squares += z * z;
            beyond += u32::from(z > 1.959964);
            exponential += dice.exponential(3.0);
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.01, "{}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.02, "{}", squares / n);
        assert!((f64::from(beyond) / n - 0.025).abs() < 0.002);
        assert!((exponential / n - 3.0).abs() < 0.05, "{}", exponential / n);
    }

    #[test]
    fn streams_differ_and_repeat() {
        let take = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            [dice.next(), dice.next(), dice.next()]
        };
        assert_eq!(take(1, 2), take(1, 2));
        assert_ne!(take(1, 2), take(1, 3));
        assert_ne!(take(1, 2), take(2, 2));
        assert_ne!(take(1, 2), take(2, 1));
    }

    #[test]
    fn picks_in_proportion() {
        let mut dice = Dice::new(1, 1);
        let mut seen = [0u32; 3];
        (0..30_000).for_each(|_| seen[dice.pick(&[1.0, 0.0, 2.0])] += 1);
        assert_eq!(seen[1], 0);
        assert!((9_500..10_500).contains(&seen[0]), "{seen:?}");
    }
}
