//! The vendors' rules of thumb for planning, as functions.

/// How many requests are in progress at once: arrivals a second times the seconds each takes (spec: CON-08).
pub fn concurrency(requests_per_s: f64, duration_s: f64) -> Result<f64, String> {
    let requests = at_least_zero("requests per second", requests_per_s)?;
    Ok(requests * at_least_zero("duration in seconds", duration_s)?)
}

/// Minutes until that many instances are started at that many new ones a minute (spec: BUR-07).
pub fn minutes_to_scale(target: u64, per_minute: u64) -> Result<f64, String> {
    if per_minute == 0 {
        return Err("instances per minute are 0, so the target is never reached: give 1 or more".to_owned());
    }
    Ok(target as f64 / per_minute as f64)
}

/// Requests a second that so many instances can answer (spec: FOD-11).
pub fn capacity_tps(duration_s: f64, instance_concurrency: u32, instances: u64) -> Result<f64, String> {
    if at_least_zero("duration in seconds", duration_s)? == 0.0 {
        return Err("the duration is 0 seconds, which leaves the capacity without bound: give more than 0".to_owned());
    }
    Ok(f64::from(instance_concurrency) * instances as f64 / duration_s)
}

fn at_least_zero(what: &str, value: f64) -> Result<f64, String> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(format!("{what} {value} is not possible: give a number of 0 or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_examples() {
        // spec: CON-08
        assert_eq!(concurrency(2000.0, 0.02), Ok(40.0));
        assert_eq!(concurrency(50.0, 0.2), Ok(10.0));
        // spec: BUR-07
        assert_eq!(minutes_to_scale(50_000, 500), Ok(100.0));
        assert_eq!(minutes_to_scale(100_000, 1000), Ok(100.0));
        // spec: FOD-11
        assert_eq!(capacity_tps(0.1, 2, 5), Ok(100.0));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        assert!(concurrency(-1.0, 1.0).unwrap_err().starts_with("requests per second -1"));
        assert!(concurrency(1.0, f64::NAN).unwrap_err().starts_with("duration in seconds NaN"));
        assert!(concurrency(1.0, f64::INFINITY).is_err());
        assert!(minutes_to_scale(1, 0).unwrap_err().contains("give 1 or more"));
        assert!(capacity_tps(0.0, 1, 1).unwrap_err().contains("more than 0"));
        assert_eq!(minutes_to_scale(0, 100), Ok(0.0));
    }
}
